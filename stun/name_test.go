package stun

import (
	"errors"
	"fmt"
	"testing"
)

func TestMessageType(t *testing.T) {
	t.Parallel()
	seen := map[MessageType]bool{}
	for m := range Method(0x1000) {
		for c := range Class(4) {
			typ := NewMessageType(m, c)
			if typ.Method() != m || typ.Class() != c || typ > 0x3FFF || seen[typ] {
				t.Fatalf("%03x %v: type %04x gives %v %v", uint16(m), c, uint16(typ), typ.Method(), typ.Class())
			}
			seen[typ] = true
		}
	}
	// As printed in RFC 8489 §5 and on every TURN packet.
	for want, typ := range map[uint16]MessageType{
		0x0001: NewMessageType(MethodBinding, ClassRequest),
		0x0101: NewMessageType(MethodBinding, ClassSuccess),
		0x0113: NewMessageType(MethodAllocate, ClassError),
		0x0016: NewMessageType(MethodSend, ClassIndication),
		0x0017: NewMessageType(MethodData, ClassIndication),
	} {
		if uint16(typ) != want {
			t.Errorf("%v is %04x, want %04x", typ, uint16(typ), want)
		}
	}
	if typ := NewMessageType(0xFFFF, 0xFF); typ != 0x3FFF {
		t.Errorf("excess bits: %04x", uint16(typ))
	}
}

func TestStrings(t *testing.T) {
	t.Parallel()
	for want, v := range map[string]fmt.Stringer{
		"Allocate error response": NewMessageType(MethodAllocate, ClassError),
		"Send indication":         NewMessageType(MethodSend, ClassIndication),
		"0x002 success response":  NewMessageType(2, ClassSuccess),
		"class 4":                 Class(4),
		"XOR-PEER-ADDRESS":        AttrXORPeerAddress,
		"MOBILITY-TICKET":         AttrMobilityTicket,
		"0x8029":                  AttributeType(0x8029),
		"IPv4":                    FamilyIPv4,
		"IPv6":                    FamilyIPv6,
		"unknown":                 Family(0),
		"SHA-256":                 PasswordSHA256,
		"MD5":                     PasswordMD5,
		"0x0003":                  PasswordAlgorithm(3),

		"0102030405060708090a0b0c": testID,
	} {
		if v.String() != want {
			t.Errorf("%q, want %q", v.String(), want)
		}
	}
	for m := MethodBinding; m <= MethodConnectionAttempt; m++ {
		assigned := m != 2 && m != 5
		if named := m.String()[:2] != "0x"; named != assigned {
			t.Errorf("method %03x: %s", uint16(m), m)
		}
	}
}

func TestIntegrityString(t *testing.T) {
	t.Parallel()
	for i, want := range []string{"none", "SHA-1", "SHA-256", "none"} {
		if got := Integrity(i).String(); got != want {
			t.Errorf("Integrity(%d): %q, want %q", i, got, want)
		}
	}
}

func TestErrorsSayWhat(t *testing.T) {
	t.Parallel()
	if _, err := Parse(nil); err.Error() != "message shorter than its header" {
		t.Errorf("%q", err)
	}
	if err := ErrFingerprint; !errors.Is(err, ErrMalformed) || errors.Is(err, ErrAbsent) {
		t.Errorf("%q does not match ErrMalformed alone", err)
	}
}

func TestReasons(t *testing.T) {
	t.Parallel()
	for c, want := range map[Code]string{
		300: "Try Alternate", 400: "Bad Request", 401: "Unauthenticated", 403: "Forbidden",
		405: "Mobility Forbidden", 420: "Unknown Attribute", 437: "Allocation Mismatch",
		438: "Stale Nonce", 440: "Address Family not Supported", 441: "Wrong Credentials",
		442: "Unsupported Transport Protocol", 443: "Peer Address Family Mismatch",
		446: "Connection Already Exists", 447: "Connection Timeout or Failure",
		486: "Allocation Quota Reached", 500: "Server Error", 508: "Insufficient Capacity", 499: "",
	} {
		if c.Reason() != want {
			t.Errorf("%d: %q, want %q", c, c.Reason(), want)
		}
	}
}

func TestAttributeSet(t *testing.T) {
	t.Parallel()
	s := NewAttributeSet(0, AttrUsername, AttrConnectionID, 0x3F, AttrSoftware)
	for typ := range AttributeType(0xFFFF) {
		want := typ == 0 || typ == AttrUsername || typ == AttrConnectionID || typ == 0x3F
		if s.Has(typ) != want {
			t.Fatalf("Has(%v) = %v", typ, !want)
		}
		if typ.Required() != (typ < 0x8000) {
			t.Fatalf("Required of %v", typ)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("no panic for a required type that does not fit")
		}
	}()
	NewAttributeSet(0x40)
}

func TestNewTransactionID(t *testing.T) {
	t.Parallel()
	seen := map[TransactionID]bool{}
	for range 1000 {
		seen[NewTransactionID()] = true
	}
	if len(seen) != 1000 {
		t.Errorf("%d distinct of 1000", len(seen))
	}
}
