package stun

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"
)

var testID = TransactionID{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}

// build makes a message of attributes that add appends.
func build(add func(b *Builder)) []byte {
	var b Builder
	b.Reset(nil, NewMessageType(MethodAllocate, ClassRequest), testID)
	if add != nil {
		add(&b)
	}
	return b.Bytes()
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	good := build(func(b *Builder) { b.AddString(AttrUsername, "user") })
	change := func(f func(b []byte) []byte) []byte { return f(bytes.Clone(good)) }
	tests := []struct {
		name string
		b    []byte
		err  error
	}{
		{"nothing", nil, errShort},
		{"less than a header", good[:19], errShort},
		{"first bit set", change(func(b []byte) []byte { b[0] |= 0x80; return b }), errNotSTUN},
		{"second bit set", change(func(b []byte) []byte { b[0] |= 0x40; return b }), errNotSTUN},
		{"another cookie", change(func(b []byte) []byte { b[4]++; return b }), errCookie},
		{"a byte behind", append(bytes.Clone(good), 0), errLength},
		{"a byte short", good[:len(good)-1], errLength},
		{"length too great", change(func(b []byte) []byte { b[3] += 4; return b }), errLength},
		{"length too small", change(func(b []byte) []byte { b[3] -= 4; return b }), errLength},
		{"length no multiple of 4", change(func(b []byte) []byte { b[3] += 1; return append(b, 0) }), errLength},
		{"value beyond the end", change(func(b []byte) []byte { b[23]++; return b }), errBounds},
		{"value of 65535 bytes", change(func(b []byte) []byte { b[22], b[23] = 0xFF, 0xFF; return b }), errBounds},
	}
	for _, test := range tests {
		_, err := Parse(test.b)
		if err != test.err || !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v, want %v", test.name, err, test.err)
		}
	}
}

func TestParseEmpty(t *testing.T) {
	t.Parallel()
	m := mustParse(t, build(nil))
	if m.Type() != 0x0003 || m.Method() != MethodAllocate || m.Class() != ClassRequest || m.TransactionID() != testID {
		t.Errorf("%v %v %v %v", m.Type(), m.Method(), m.Class(), m.TransactionID())
	}
	for typ := range m.Attributes() {
		t.Errorf("attribute %v", typ)
	}
	if err := m.CheckIntegrity([]byte("key")); err != ErrAbsent {
		t.Errorf("CheckIntegrity: %v", err)
	}
	if err := m.CheckFingerprint(); err != nil || m.HasFingerprint() {
		t.Errorf("CheckFingerprint: %v", err)
	}
}

// honoured is one line per honoured attribute.
func honoured(m Message) (lines []string) {
	for t, v := range m.Attributes() {
		switch t {
		case AttrMessageIntegrity, AttrMessageIntegritySHA256, AttrFingerprint:
			lines = append(lines, t.String())
		default:
			lines = append(lines, fmt.Sprintf("%v=%s", t, v))
		}
	}
	return lines
}

// TestHonoured: RFC 8489 §9, what follows an integrity attribute.
func TestHonoured(t *testing.T) {
	t.Parallel()
	key := []byte("key")
	text := func(s string) func(*Builder) { return func(b *Builder) { b.AddString(AttrUsername, s) } }
	sha1 := func(b *Builder) { b.AddIntegrity(key, IntegritySHA1) }
	sha256 := func(b *Builder) { b.AddIntegrity(key, IntegritySHA256) }
	fp := (*Builder).AddFingerprint
	tests := []struct {
		name        string
		parts       []func(*Builder)
		want        []string
		integrity   Integrity
		fingerprint error
	}{
		{"no integrity", []func(*Builder){text("a"), text("b"), fp}, []string{"USERNAME=a", "USERNAME=b", "FINGERPRINT"}, 0, nil},
		{"SHA-1", []func(*Builder){text("a"), sha1, text("b"), fp}, []string{"USERNAME=a", "MESSAGE-INTEGRITY", "FINGERPRINT"}, 1, nil},
		{"SHA-1 first", []func(*Builder){sha1, text("b")}, []string{"MESSAGE-INTEGRITY"}, 1, nil},
		{"SHA-256", []func(*Builder){text("a"), sha256, text("b"), fp}, []string{"USERNAME=a", "MESSAGE-INTEGRITY-SHA256", "FINGERPRINT"}, 2, nil},
		{"both", []func(*Builder){text("a"), sha1, sha256, text("b")}, []string{"USERNAME=a", "MESSAGE-INTEGRITY", "MESSAGE-INTEGRITY-SHA256"}, 2, nil},
		{"both, something between", []func(*Builder){text("a"), sha1, text("b"), sha256, fp}, []string{"USERNAME=a", "MESSAGE-INTEGRITY", "MESSAGE-INTEGRITY-SHA256", "FINGERPRINT"}, 2, nil},
		{"SHA-1 behind SHA-256", []func(*Builder){text("a"), sha256, text("b"), sha1}, []string{"USERNAME=a", "MESSAGE-INTEGRITY-SHA256"}, 2, nil},
		{"SHA-1 twice", []func(*Builder){sha1, sha1}, []string{"MESSAGE-INTEGRITY"}, 1, nil},
		{"SHA-256 twice behind SHA-1", []func(*Builder){sha1, sha256, sha256}, []string{"MESSAGE-INTEGRITY", "MESSAGE-INTEGRITY-SHA256"}, 2, nil},
		{"fingerprint before integrity", []func(*Builder){text("a"), fp, sha1}, []string{"USERNAME=a", "FINGERPRINT", "MESSAGE-INTEGRITY"}, 1, errLast},
		{"fingerprint between", []func(*Builder){sha1, fp, sha256}, []string{"MESSAGE-INTEGRITY", "FINGERPRINT", "MESSAGE-INTEGRITY-SHA256"}, 2, errLast},
		{"fingerprint twice behind integrity", []func(*Builder){sha1, fp, fp}, []string{"MESSAGE-INTEGRITY", "FINGERPRINT"}, 1, errLast},
		{"fingerprint not last", []func(*Builder){text("a"), fp, text("b")}, []string{"USERNAME=a", "FINGERPRINT", "USERNAME=b"}, 0, errLast},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			m := mustParse(t, build(func(b *Builder) {
				for _, add := range test.parts {
					add(b)
				}
			}))
			got := honoured(m)
			if !slices.Equal(got, test.want) {
				t.Errorf("honoured %q, want %q", got, test.want)
			}
			if m.Integrity() != test.integrity {
				t.Errorf("integrity %v, want %v", m.Integrity(), test.integrity)
			}
			if err := m.CheckIntegrity(key); test.integrity != 0 && err != nil {
				t.Errorf("CheckIntegrity: %v", err)
			}
			if err := m.CheckFingerprint(); err != test.fingerprint {
				t.Errorf("CheckFingerprint: %v, want %v", err, test.fingerprint)
			}
			for _, typ := range []AttributeType{AttrUsername, AttrMessageIntegrity, AttrMessageIntegritySHA256, AttrFingerprint} {
				checkFirst(t, m, typ)
			}
			// A range that ends early must be allowed to.
			for stop := range got {
				n := 0
				for range m.Attributes() {
					if n++; n > stop {
						break
					}
				}
			}
		})
	}
}

// checkFirst: Attribute and Has agree with the first of the type in Attributes.
func checkFirst(t *testing.T, m Message, typ AttributeType) {
	t.Helper()
	var want []byte
	found := false
	for at, v := range m.Attributes() {
		if at == typ && !found {
			want, found = v, true
		}
	}
	got, ok := m.Attribute(typ)
	if ok != found || m.Has(typ) != found || !bytes.Equal(got, want) {
		t.Errorf("Attribute(%v) = %x, %v; ranging finds %x, %v", typ, got, ok, want, found)
	}
}

func TestAttributeValueIsClipped(t *testing.T) {
	t.Parallel()
	b := build(func(b *Builder) { b.AddString(AttrUsername, "abc"); b.AddString(AttrRealm, "realm") })
	before := bytes.Clone(b)
	m := mustParse(t, b)
	v, _ := m.Attribute(AttrUsername)
	_ = append(v, "overwritten"...)
	if !bytes.Equal(b, before) {
		t.Error("appending to a value changed the message")
	}
}

func TestUnknownRequired(t *testing.T) {
	t.Parallel()
	known := NewAttributeSet(AttrUsername, AttrMessageIntegrity)
	m := mustParse(t, build(func(b *Builder) {
		b.Add(0x7001, nil)
		b.Add(AttrUsername, nil)
		b.Add(AttrLifetime, nil)
		b.Add(0x7001, nil) // once is enough
		b.Add(0xC001, nil) // optional
		b.AddIntegrity(nil, IntegritySHA1)
		b.Add(0x7002, nil) // not honoured
	}))
	got := m.UnknownRequired([]AttributeType{0x7001}, known)
	if want := []AttributeType{0x7001, 0x7001, AttrLifetime}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}

	flood := mustParse(t, build(func(b *Builder) {
		for i := range AttributeType(16000) {
			b.Add(0x4000+i, nil)
		}
	}))
	if got := flood.UnknownRequired(nil, known); len(got) != maxUnknown || got[maxUnknown-1] != 0x4000+maxUnknown-1 {
		t.Errorf("%d listed: %v", len(got), got)
	}
}

// TestGreatest: the greatest message there is, 20+65532 bytes, whose last
// attribute starts beyond what 16 bits can count.
func TestGreatest(t *testing.T) {
	t.Parallel()
	key := []byte("key")
	b := build(func(b *Builder) {
		b.Add(AttrData, make([]byte, maxLength-4-24-36-8))
		b.AddIntegrity(key, IntegritySHA1)
		b.AddIntegrity(key, IntegritySHA256)
		b.AddFingerprint()
	})
	if len(b) != HeaderSize+maxLength {
		t.Fatalf("%d bytes", len(b))
	}
	m := mustParse(t, b)
	if err := errors.Join(m.CheckIntegrity(key), m.checkIntegrity(IntegritySHA1, key), m.CheckFingerprint()); err != nil {
		t.Error(err)
	}
	if n, err := FrameLength(b); n != len(b) || err != nil {
		t.Errorf("FrameLength %d, %v", n, err)
	}
}
