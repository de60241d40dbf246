package stun

import (
	"bytes"
	"net/netip"
	"testing"
)

func TestBuilderKeepsWhatIsInFront(t *testing.T) {
	t.Parallel()
	buf := bytes.Repeat([]byte{0xEE}, 200) // garbage that padding must not show
	var b Builder
	b.Reset(buf[:3], NewMessageType(MethodBinding, ClassSuccess), testID)
	b.AddString(AttrSoftware, "x")
	b.AddIntegrity([]byte("key"), IntegritySHA256)
	b.AddFingerprint()
	got := b.Bytes()
	if &got[0] != &buf[0] || !bytes.Equal(got[:3], []byte{0xEE, 0xEE, 0xEE}) {
		t.Fatal("dst was not kept")
	}
	m := mustParse(t, got[3:])
	if m.CheckIntegrity([]byte("key")) != nil || m.CheckFingerprint() != nil {
		t.Error("the checks count what is in front of the message")
	}
	if !bytes.Equal(got[3+HeaderSize:][:8], []byte{0x80, 0x22, 0, 1, 'x', 0, 0, 0}) {
		t.Errorf("SOFTWARE: % x", got[3+HeaderSize:][:8])
	}
}

func TestBuilderGrows(t *testing.T) {
	t.Parallel()
	var b Builder
	b.Reset(make([]byte, 0, 1), NewMessageType(MethodBinding, ClassRequest), testID)
	for range 50 {
		b.AddString(AttrSoftware, "some text")
	}
	n := 0
	for range mustParse(t, b.Bytes()).Attributes() {
		n++
	}
	if n != 50 {
		t.Errorf("%d attributes", n)
	}
}

func TestBuilderErrors(t *testing.T) {
	t.Parallel()
	valid := netip.MustParseAddrPort("192.0.2.1:1")
	tests := []struct {
		name string
		add  func(b *Builder)
		err  error
	}{
		{"value of 65529 bytes", func(b *Builder) { b.Add(AttrData, make([]byte, 65529)) }, ErrTooLong},
		{"value of 65536 bytes", func(b *Builder) { b.AddString(AttrData, string(make([]byte, 65536))) }, ErrTooLong},
		{"message too long", func(b *Builder) { b.Add(AttrData, make([]byte, 65528)); b.AddErrorCode(400) }, ErrTooLong},
		{"data too long", func(b *Builder) { b.AddXORAddrPort(AttrXORPeerAddress, valid); b.BeginData(65517) }, ErrTooLong},
		{"data of huge length", func(b *Builder) { b.BeginData(int(^uint(0) >> 1)) }, ErrTooLong},
		{"data of negative length", func(b *Builder) { b.BeginData(-1) }, ErrArgument},
		{"no address", func(b *Builder) { b.AddAddrPort(AttrMappedAddress, netip.AddrPort{}) }, ErrArgument},
		{"no XORed address", func(b *Builder) { b.AddXORAddrPort(AttrXORMappedAddress, netip.AddrPort{}) }, ErrArgument},
		{"code 299", func(b *Builder) { b.AddErrorCode(299) }, ErrArgument},
		{"code 700", func(b *Builder) { b.AddErrorCode(700) }, ErrArgument},
		{"code of no family", func(b *Builder) { b.AddAddressErrorCode(3, 440) }, ErrArgument},
		{"byte in no bytes", func(b *Builder) { b.AddUint8(AttrEvenPort, 1, 0) }, ErrArgument},
		{"unknown integrity", func(b *Builder) { b.AddIntegrity(nil, 3) }, ErrArgument},
		{"attribute behind data", func(b *Builder) { b.BeginData(1); b.AddUint32(AttrLifetime, 1) }, ErrSealed},
		{"integrity behind data", func(b *Builder) { b.BeginData(1); b.AddIntegrity(nil, IntegritySHA1) }, ErrSealed},
		{"fingerprint behind data", func(b *Builder) { b.BeginData(1); b.AddFingerprint() }, ErrSealed},
		{"data behind data", func(b *Builder) { b.BeginData(1); b.BeginData(1) }, ErrSealed},
		{"the first error stays", func(b *Builder) { b.AddErrorCode(1); b.Add(AttrData, make([]byte, 65536)) }, ErrArgument},
	}
	// After the first error, everything else must be harmless.
	rest := func(b *Builder) {
		b.Add(AttrData, []byte{1})
		b.AddUint32(AttrLifetime, 1)
		b.AddUint8(AttrEvenPort, 1, 1)
		b.AddXORAddrPort(AttrXORPeerAddress, valid)
		b.AddErrorCode(400)
		b.AddUnknownAttributes([]AttributeType{1})
		b.AddICMP(1, 2, 3)
		b.AddAccessToken([]byte{1}, []byte{2})
		b.AddPasswordAlgorithm(1)
		b.AddPasswordAlgorithms(1, 2)
		b.AddIntegrity([]byte("key"), IntegritySHA256)
		b.AddFingerprint()
		b.BeginData(1)
	}
	var b Builder
	for _, test := range tests {
		b.Reset([]byte("front"), NewMessageType(MethodSend, ClassIndication), testID)
		test.add(&b)
		if b.Err() != test.err {
			t.Errorf("%s: %v, want %v", test.name, b.Err(), test.err)
		}
		rest(&b)
		if string(b.Bytes()) != "front" || b.Err() != test.err {
			t.Errorf("%s: then %q, %v", test.name, b.Bytes(), b.Err())
		}
	}
	b.Reset(nil, NewMessageType(MethodBinding, ClassRequest), testID)
	b.AddFingerprint()
	if b.Err() != nil || len(b.Bytes()) != 28 {
		t.Errorf("Reset after an error: %v, %d bytes", b.Err(), len(b.Bytes()))
	}
}

func TestBeginData(t *testing.T) {
	t.Parallel()
	peer := netip.MustParseAddrPort("192.0.2.1:9")
	for n := range 9 {
		payload := bytes.Repeat([]byte{0xAB}, n)
		want := build(func(b *Builder) { b.AddXORAddrPort(AttrXORPeerAddress, peer); b.Add(AttrData, payload) })
		var padding int
		got := build(func(b *Builder) { b.AddXORAddrPort(AttrXORPeerAddress, peer); padding = b.BeginData(n) })
		got = append(append(got, payload...), make([]byte, padding)...)
		if !bytes.Equal(got, want) {
			t.Errorf("%d bytes:\n got %x\nwant %x", n, got, want)
		}
	}
	// The most that fits behind an IPv4 peer address.
	head := build(func(b *Builder) { b.AddXORAddrPort(AttrXORPeerAddress, peer); b.BeginData(65516) })
	mustParse(t, append(head, make([]byte, 65516)...))
}

func TestAddIntegrityNone(t *testing.T) {
	t.Parallel()
	m := mustParse(t, build(func(b *Builder) { b.AddIntegrity([]byte("key"), IntegrityNone) }))
	if m.Integrity() != IntegrityNone || len(m.Bytes()) != HeaderSize {
		t.Errorf("%v, %d bytes", m.Integrity(), len(m.Bytes()))
	}
}
