package stun

import (
	"bytes"
	"encoding/binary"
	"net"
	"net/netip"
	"testing"

	pion "github.com/pion/stun/v3"
)

// FuzzDifferential gives the same bytes to this package and to pion/stun, and
// compares what both make of them. Where they differ, a predicate below says
// why, and the RFC decides.
func FuzzDifferential(f *testing.F) {
	for _, b := range messageSeeds() {
		f.Add(b, []byte("key"))
		f.Add(b, []byte("VOkJxbRl1RmTxUk/WvJxBt"))
	}
	f.Fuzz(func(t *testing.T, data, key []byte) {
		ours, err := Parse(bytes.Clone(data))
		// Strict: attributes behind an integrity attribute are dropped, as here.
		theirs := pion.NewWithOptions(pion.WithStrict(true))
		theirErr := pion.Decode(data, theirs)
		want := theirErr == nil && !topBitsSet(data) && !bytesBehind(data)
		if (err == nil) != want {
			t.Fatalf("Parse: %v, pion: %v", err, theirErr)
		}
		if err != nil {
			return
		}
		if uint16(ours.Type()) != theirs.Type.Value() ||
			uint16(ours.Method()) != uint16(theirs.Type.Method) || uint8(ours.Class()) != uint8(theirs.Type.Class) {
			t.Errorf("type %v, pion %v", ours.Type(), theirs.Type)
		}
		if ours.TransactionID() != theirs.TransactionID {
			t.Errorf("transaction id %v, pion %x", ours.TransactionID(), theirs.TransactionID)
		}
		compareAttributes(t, ours, theirs)
		compareAddresses(t, ours, theirs)
		compareErrorCodes(t, ours, theirs)
		compareIntegrity(t, ours, theirs, key)
		compareFingerprints(t, ours, theirs)
		compareBuilders(t, ours, key)
	})
}

// topBitsSet: pion accepts a message whose first two bits are not zero. RFC 8489
// §6.3 has them checked.
func topBitsSet(b []byte) bool { return b[0]&0xC0 != 0 }

// bytesBehind: pion accepts bytes behind the message. The length field must be
// the size of the message (RFC 8489 §5), which is the whole datagram.
func bytesBehind(b []byte) bool {
	return len(b) > HeaderSize+int(binary.BigEndian.Uint16(b[2:]))
}

// draftAddress: pion reads 0x8020 of a draft of RFC 5389 as XOR-MAPPED-ADDRESS.
// No RFC gives it that meaning: here it is an attribute not known.
func draftAddress(t AttributeType) bool { return t == 0x8020 }

// repeatedBehindIntegrity: pion keeps every MESSAGE-INTEGRITY-SHA256 and
// FINGERPRINT behind an integrity attribute, also those that repeat one. Only
// the first counts (RFC 8489 §14); the others are not covered by anything.
func repeatedBehindIntegrity(before []pion.RawAttribute, a pion.RawAttribute) bool {
	integrity, repeated := false, false
	for _, b := range before {
		integrity = integrity || b.Type == pion.AttrMessageIntegrity || b.Type == pion.AttrMessageIntegritySHA256
		repeated = repeated || b.Type == a.Type
	}
	return integrity && repeated && (a.Type == pion.AttrMessageIntegritySHA256 || a.Type == pion.AttrFingerprint)
}

func compareAttributes(t *testing.T, ours Message, theirs *pion.Message) {
	t.Helper()
	var left []pion.RawAttribute
	for i, a := range theirs.Attributes {
		if !repeatedBehindIntegrity(theirs.Attributes[:i], a) {
			left = append(left, a)
		}
	}
	for typ, v := range ours.Attributes() {
		if len(left) == 0 {
			t.Errorf("%v is not in pion's list", typ)
			return
		}
		theirType := AttributeType(left[0].Type)
		if theirType != typ && !(draftAddress(typ) && theirType == AttrXORMappedAddress) || !bytes.Equal(left[0].Value, v) {
			t.Errorf("%v %x, pion %v %x", typ, v, left[0].Type, left[0].Value)
		}
		left = left[1:]
	}
	if len(left) != 0 {
		t.Errorf("only pion has %v", left)
	}
}

// firstByteSet: pion refuses an address whose first byte is not zero. A receiver
// must ignore that byte (RFC 8489 §14.1).
func firstByteSet(v []byte) bool { return len(v) > 0 && v[0] != 0 }

// wrongSize: pion fills an address that is too short with zeros, and cuts a
// MAPPED-ADDRESS that is too long. It must be 32 or 128 bits (RFC 8489 §14.1).
func wrongSize(v []byte) bool {
	return len(v) > 4 && (v[1] == byte(FamilyIPv4) && len(v) != sizeIPv4 || v[1] == byte(FamilyIPv6) && len(v) != sizeIPv6)
}

func compareAddresses(t *testing.T, ours Message, theirs *pion.Message) {
	t.Helper()
	compare := func(typ AttributeType, a netip.AddrPort, err error, ip net.IP, port int, theirErr error) {
		t.Helper()
		v, _ := ours.Attribute(typ)
		switch {
		case firstByteSet(v):
			if theirErr == nil {
				t.Errorf("%v %x: pion minds no first byte", typ, v)
			}
		case wrongSize(v):
			if err == nil {
				t.Errorf("%v %x: accepted", typ, v)
			}
		case (err == nil) != (theirErr == nil):
			t.Errorf("%v %x: %v, pion %v", typ, v, err, theirErr)
		case err == nil:
			if their, _ := netip.AddrFromSlice(ip); a != netip.AddrPortFrom(their, uint16(port)) {
				t.Errorf("%v %x: %v, pion %v %d", typ, v, a, ip, port)
			}
		}
	}
	for _, typ := range []AttributeType{AttrXORMappedAddress, AttrXORPeerAddress, AttrXORRelayedAddress} {
		if typ == AttrXORMappedAddress && ours.Has(0x8020) { // draftAddress
			continue
		}
		a, err := ours.XORAddrPort(typ)
		var their pion.XORMappedAddress
		theirErr := their.GetFromAs(theirs, pion.AttrType(typ))
		compare(typ, a, err, their.IP, their.Port, theirErr)
	}
	for _, typ := range []AttributeType{AttrMappedAddress, AttrAlternateServer, AttrResponseOrigin, AttrOtherAddress} {
		a, err := ours.AddrPort(typ)
		var their pion.MappedAddress
		theirErr := their.GetFromAs(theirs, pion.AttrType(typ))
		compare(typ, a, err, their.IP, their.Port, theirErr)
	}
}

// noCode: pion accepts error codes below 300, of 700, and with a number above 99.
// RFC 8489 §14.8 has the class between 3 and 6 and the number at most 99.
func noCode(v []byte) bool {
	return len(v) >= 4 && (v[2]&7 < 3 || v[2]&7 > 6 || v[3] > 99)
}

func compareErrorCodes(t *testing.T, ours Message, theirs *pion.Message) {
	t.Helper()
	c, reason, err := ours.ErrorCode()
	var their pion.ErrorCodeAttribute
	theirErr := their.GetFrom(theirs)
	v, _ := ours.Attribute(AttrErrorCode)
	switch {
	case noCode(v):
		if err == nil {
			t.Errorf("ERROR-CODE %x: accepted as %d", v, c)
		}
	case (err == nil) != (theirErr == nil):
		t.Errorf("ERROR-CODE %x: %v, pion %v", v, err, theirErr)
	case err == nil && (int(c) != int(their.Code) || !bytes.Equal(reason, their.Reason)):
		t.Errorf("ERROR-CODE %x: %d %q, pion %v", v, c, reason, their)
	}

	types, err := ours.UnknownAttributes(nil)
	var list pion.UnknownAttributes
	if theirErr := list.GetFrom(theirs); (err == nil) != (theirErr == nil) {
		t.Errorf("UNKNOWN-ATTRIBUTES: %v, pion %v", err, theirErr)
	}
	for i, typ := range types {
		if uint16(typ) != uint16(list[i]) {
			t.Errorf("UNKNOWN-ATTRIBUTES: %v, pion %v", types, list)
		}
	}
}

// compareIntegrity compares MESSAGE-INTEGRITY alone: pion does not check
// MESSAGE-INTEGRITY-SHA256.
func compareIntegrity(t *testing.T, ours Message, theirs *pion.Message, key []byte) {
	t.Helper()
	err := ErrAbsent
	if ours.sha1 != 0 {
		err = ours.checkIntegrity(IntegritySHA1, key)
	}
	if theirErr := pion.MessageIntegrity(key).Check(theirs); (err == nil) != (theirErr == nil) {
		t.Errorf("integrity: %v, pion %v", err, theirErr)
	}
}

// fingerprintNotLast: pion takes the last 8 bytes for the FINGERPRINT, wherever
// the first one is. It must be last (RFC 8489 §14.7).
func fingerprintNotLast(m Message) bool {
	return m.HasFingerprint() && int(m.fingerprint)+AttributeHeaderSize+fingerprintSize != len(m.raw)
}

func compareFingerprints(t *testing.T, ours Message, theirs *pion.Message) {
	t.Helper()
	err := ours.CheckFingerprint()
	if ours.HasFingerprint() != theirs.Contains(pion.AttrFingerprint) {
		t.Errorf("fingerprint present: %v, not to pion", ours.HasFingerprint())
	}
	switch {
	case !ours.HasFingerprint():
	case fingerprintNotLast(ours):
		if err == nil {
			t.Error("a fingerprint that is not last is accepted")
		}
	default:
		if theirErr := pion.Fingerprint.Check(theirs); (err == nil) != (theirErr == nil) {
			t.Errorf("fingerprint: %v, pion %v", err, theirErr)
		}
	}
}

// compareBuilders has both build the attributes that are covered by no integrity
// attribute, signed with key, and wants the same bytes.
func compareBuilders(t *testing.T, m Message, key []byte) {
	t.Helper()
	var b Builder
	b.Reset(nil, m.Type(), m.TransactionID())
	their := pion.New()
	their.SetType(pion.MessageType{Method: pion.Method(m.Method()), Class: pion.MessageClass(m.Class())})
	their.TransactionID = m.TransactionID()
	their.WriteHeader()
	for typ, v := range m.Attributes() {
		switch typ {
		case AttrMessageIntegrity, AttrMessageIntegritySHA256, AttrFingerprint:
		default:
			b.Add(typ, v)
			their.Add(pion.AttrType(typ), v)
		}
	}
	b.AddIntegrity(key, IntegritySHA1)
	b.AddFingerprint()
	if b.Err() != nil {
		return // Too long for either.
	}
	if err := pion.MessageIntegrity(key).AddTo(their); err != nil {
		t.Fatal(err)
	}
	if err := pion.Fingerprint.AddTo(their); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b.Bytes(), their.Raw) {
		t.Errorf("built:\n got %x\npion %x", b.Bytes(), their.Raw)
	}
}
