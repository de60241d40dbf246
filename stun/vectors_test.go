package stun

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/netip"
	"strings"
	"testing"
)

// A vector is a message printed in an RFC, and what the RFC says it holds.
type vector struct {
	name        string
	message     []byte
	key         []byte
	typ         MessageType
	integrity   Integrity
	fingerprint bool
	mapped      string // XOR-MAPPED-ADDRESS
	text        map[AttributeType]string
}

func unhex(s string) []byte {
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		panic(err)
	}
	return b
}

const vectorUser = "\u30DE\u30C8\u30EA\u30C3\u30AF\u30B9"

func vectors() []vector {
	const shortTerm = "VOkJxbRl1RmTxUk/WvJxBt"
	longTerm := []byte(vectorUser + ":example.org:TheMatrIX")
	md5Key, sha256Key := md5.Sum(longTerm), sha256.Sum256(longTerm)
	userhash := sha256.Sum256([]byte(vectorUser + ":example.org"))
	return []vector{{
		name: "RFC 5769 §2.1",
		message: unhex(`00010058 2112a442 b7e7a701bc34d686fa87dfae
			80220010 5354554e207465737420636c69656e74
			00240004 6e0001ff
			80290008 932ff9b151263b36
			00060009 6576746a3a6836765920 2020
			00080014 9aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a2
			80280004 e57a3bcf`),
		key: []byte(shortTerm), typ: 0x0001, integrity: IntegritySHA1, fingerprint: true,
		text: map[AttributeType]string{AttrSoftware: "STUN test client", AttrUsername: "evtj:h6vY"},
	}, {
		name: "RFC 5769 §2.2",
		message: unhex(`0101003c 2112a442 b7e7a701bc34d686fa87dfae
			8022000b 7465737420766563746f7220
			00200008 0001a147e112a643
			00080014 2b91f599fd9e90c38c7489f92af9ba53f06be7d7
			80280004 c07d4c96`),
		key: []byte(shortTerm), typ: 0x0101, integrity: IntegritySHA1, fingerprint: true,
		mapped: "192.0.2.1:32853", text: map[AttributeType]string{AttrSoftware: "test vector"},
	}, {
		name: "RFC 5769 §2.3",
		message: unhex(`01010048 2112a442 b7e7a701bc34d686fa87dfae
			8022000b 7465737420766563746f7220
			00200014 0002a147 0113a9faa5d3f179bc25f4b5bed2b9d9
			00080014 a382954e4be67bf11784c97c8292c275bfe3ed41
			80280004 c8fb0b4c`),
		key: []byte(shortTerm), typ: 0x0101, integrity: IntegritySHA1, fingerprint: true,
		mapped: "[2001:db8:1234:5678:11:2233:4455:6677]:32853", text: map[AttributeType]string{AttrSoftware: "test vector"},
	}, {
		name: "RFC 5769 §2.4",
		message: unhex(`00010060 2112a442 78ad3433c6ad72c029da412e
			00060012 e3839ee38388e383aae38383e382afe382b9 0000
			0015001c 662f2f3439396b3935346436 4f4c33346f4c39465354767936347341
			0014000b 6578616d706c652e6f7267 00
			00080014 f67024656dd64a3e02b8e0712e85c9a28ca89666`),
		key: md5Key[:], typ: 0x0001, integrity: IntegritySHA1,
		text: map[AttributeType]string{AttrUsername: vectorUser, AttrNonce: "f//499k954d6OL34oL9FSTvy64sA", AttrRealm: "example.org"},
	}, {
		name: "RFC 8489 §B.1, corrected", message: correctedSHA256(),
		key: sha256Key[:], typ: 0x0001, integrity: IntegritySHA256,
		text: map[AttributeType]string{
			AttrUserhash: string(userhash[:]), AttrRealm: "example.org",
			AttrNonce: "obMatJos2AAACf//499k954d6OL34oL9FSTvy64sA",
		},
	}}
}

// printedSHA256 is the message of RFC 8489 §B.1 as printed. Its length field, 0x9c,
// counts the header too, which it must not (RFC 8489 §5), and its HMAC was made
// with that length.
func printedSHA256() []byte {
	return unhex(`0001009c 2112a442 78ad3433c6ad72c029da412e
		001e0020 4a3cf38fef6992bda952c6780417da0f24819415569e60b205c46e41407f1704
		00150029 6f624d61744a6f733241414143662f2f3439396b39353464364f4c33346f4c39465354767936347341 000000
		0014000b 6578616d706c652e6f7267 00
		001c0020 e4686c8f0edeb59013e07090010a93efccbccc544c0a45d9f830aa6d6f735a01`)
}

// correctedSHA256 is the same with the right length, and the HMAC that
// crypto/hmac gives for it.
func correctedSHA256() []byte {
	b := printedSHA256()
	b[3] -= HeaderSize
	key := sha256.Sum256([]byte(vectorUser + ":example.org:TheMatrIX"))
	h := hmac.New(sha256.New, key[:])
	h.Write(b[:len(b)-36])
	copy(b[len(b)-32:], h.Sum(nil))
	return b
}

// TestVectorSHA256: the key and the HMAC printed in RFC 8489 §B.1 are ours, given
// its length; and such a length is refused.
func TestVectorSHA256(t *testing.T) {
	t.Parallel()
	b := printedSHA256()
	if _, err := Parse(b); err != errLength {
		t.Errorf("Parse: %v", err)
	}
	key := sha256.Sum256([]byte(vectorUser + ":example.org:TheMatrIX"))
	head, value := b[:len(b)-36], b[len(b)-32:]
	if got := appendHMAC(nil, IntegritySHA256, key[:], head, 0x9C); !bytes.Equal(got, value) {
		t.Errorf("HMAC %x, printed %x", got, value)
	}
	b[3] -= HeaderSize
	if err := mustParse(t, b).CheckIntegrity(key[:]); err != ErrIntegrity {
		t.Errorf("CheckIntegrity with the length corrected and the HMAC printed: %v", err)
	}
}

func mustParse(t testing.TB, b []byte) Message {
	t.Helper()
	m, err := Parse(b)
	if err != nil {
		t.Fatalf("Parse(%x): %v", b, err)
	}
	return m
}

func TestVectors(t *testing.T) {
	t.Parallel()
	for _, v := range vectors() {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			m := mustParse(t, v.message)
			if m.Type() != v.typ || m.Integrity() != v.integrity || m.HasFingerprint() != v.fingerprint {
				t.Errorf("type %v, integrity %v, fingerprint %v", m.Type(), m.Integrity(), m.HasFingerprint())
			}
			for typ, want := range v.text {
				if got, ok := m.Attribute(typ); !ok || string(got) != want {
					t.Errorf("%v = %q, want %q", typ, got, want)
				}
			}
			if v.mapped != "" {
				a, err := m.XORAddrPort(AttrXORMappedAddress)
				if err != nil || a != netip.MustParseAddrPort(v.mapped) {
					t.Errorf("mapped address %v, %v", a, err)
				}
			}
			before := bytes.Clone(v.message)
			if err := m.CheckIntegrity(v.key); err != nil {
				t.Errorf("CheckIntegrity: %v", err)
			}
			if err := m.CheckFingerprint(); err != nil {
				t.Errorf("CheckFingerprint: %v", err)
			}
			if !bytes.Equal(before, v.message) {
				t.Error("checking changed the message")
			}
			if err := m.CheckIntegrity(append(bytes.Clone(v.key), 'x')); !errors.Is(err, ErrIntegrity) {
				t.Errorf("CheckIntegrity with another key: %v", err)
			}
		})
	}
}

// TestVectorsFlipped changes every bit of every vector: whatever Parse still
// accepts must fail one of the two checks, or have lost its fingerprint, which
// integrity does not cover.
func TestVectorsFlipped(t *testing.T) {
	t.Parallel()
	for _, v := range vectors() {
		b := v.message
		for bit := range len(b) * 8 {
			b[bit/8] ^= 0x80 >> (bit % 8)
			m, err := Parse(b)
			if err == nil && m.CheckIntegrity(v.key) == nil && m.CheckFingerprint() == nil && m.HasFingerprint() == v.fingerprint {
				t.Errorf("%s: bit %d flipped and not noticed", v.name, bit)
			}
			b[bit/8] ^= 0x80 >> (bit % 8)
		}
	}
}

// TestVectorsRebuilt builds the vectors whose padding is zero, as ours is, and
// expects the RFC's bytes.
func TestVectorsRebuilt(t *testing.T) {
	t.Parallel()
	for _, v := range vectors()[3:] {
		m := mustParse(t, v.message)
		var b Builder
		b.Reset(nil, m.Type(), m.TransactionID())
		for typ, value := range m.Attributes() {
			if typ != AttrMessageIntegrity && typ != AttrMessageIntegritySHA256 {
				b.Add(typ, value)
			}
		}
		b.AddIntegrity(v.key, v.integrity)
		if !bytes.Equal(b.Bytes(), v.message) {
			t.Errorf("%s:\n got %x\nwant %x", v.name, b.Bytes(), v.message)
		}
	}
}
