package stun

import (
	"encoding/binary"
	"net/netip"
)

// A Family is an address family as the wire has it (RFC 8489 §14.1).
type Family uint8

const (
	FamilyIPv4 Family = 0x01
	FamilyIPv6 Family = 0x02
)

// FamilyOf is the family in which a is sent: an IPv4-mapped IPv6 address counts
// as IPv4. 0 if a is not valid.
func FamilyOf(a netip.Addr) Family {
	switch {
	case a.Is4(), a.Is4In6():
		return FamilyIPv4
	case a.Is6():
		return FamilyIPv6
	}
	return 0
}

// String is "IPv4", "IPv6" or "unknown".
func (f Family) String() string {
	switch f {
	case FamilyIPv4:
		return "IPv4"
	case FamilyIPv6:
		return "IPv6"
	}
	return "unknown"
}

// An address attribute is 1 byte to ignore, 1 byte of family, 2 of port, and 4
// or 16 of address (RFC 8489 §14.1).
const (
	sizeIPv4 = 8
	sizeIPv6 = 20
)

// AddrPort reads an address that is sent as it is: MAPPED-ADDRESS,
// ALTERNATE-SERVER, RESPONSE-ORIGIN, OTHER-ADDRESS.
func (m Message) AddrPort(t AttributeType) (netip.AddrPort, error) {
	v, ok := m.Attribute(t)
	if !ok {
		return netip.AddrPort{}, ErrAbsent
	}
	return decodeAddrPort(v, nil)
}

// XORAddrPort reads an address that is sent XORed: XOR-MAPPED-ADDRESS,
// XOR-PEER-ADDRESS, XOR-RELAYED-ADDRESS (RFC 8489 §14.2).
//
// An IPv4-mapped IPv6 address is returned as such, since it is what the peer
// sent: whoever filters addresses must unmap them first.
func (m Message) XORAddrPort(t AttributeType) (netip.AddrPort, error) {
	v, ok := m.Attribute(t)
	if !ok {
		return netip.AddrPort{}, ErrAbsent
	}
	return m.DecodeXORAddrPort(v)
}

// DecodeXORAddrPort decodes one value met while ranging over Attributes, such
// as each XOR-PEER-ADDRESS of a CreatePermission request (RFC 8656 §10.2). Any
// value is allowed, also one of a wrong size: ErrMalformed.
func (m Message) DecodeXORAddrPort(value []byte) (netip.AddrPort, error) {
	// RFC 8489 §14.2: the key is the cookie and the transaction id, as they stand in the header.
	return decodeAddrPort(value, m.raw[4:HeaderSize])
}

// decodeAddrPort decodes an address attribute, XORed with the 16 bytes of key
// unless that is nil.
func decodeAddrPort(v, key []byte) (netip.AddrPort, error) {
	if len(v) < 2 {
		return netip.AddrPort{}, errSize
	}
	size := sizeIPv4
	switch Family(v[1]) { // RFC 8489 §14.1: v[0] is ignored.
	case FamilyIPv4:
	case FamilyIPv6:
		size = sizeIPv6
	default:
		return netip.AddrPort{}, errFamily
	}
	if len(v) != size {
		return netip.AddrPort{}, errSize
	}
	var a [16]byte
	copy(a[:], v[4:])
	port := binary.BigEndian.Uint16(v[2:])
	if key != nil {
		xor(&a, key)
		port ^= MagicCookie >> 16
	}
	if size == sizeIPv4 {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(a[:4])), port), nil
	}
	return netip.AddrPortFrom(netip.AddrFrom16(a), port), nil
}

// xor XORs a with the 16 bytes of key, 8 at a time.
func xor(a *[16]byte, key []byte) {
	_ = key[15]
	binary.NativeEndian.PutUint64(a[:8], binary.NativeEndian.Uint64(a[:8])^binary.NativeEndian.Uint64(key[:8]))
	binary.NativeEndian.PutUint64(a[8:], binary.NativeEndian.Uint64(a[8:])^binary.NativeEndian.Uint64(key[8:16]))
}

// AddAddrPort appends an address as it is. An IPv4-mapped IPv6 address is sent
// as IPv4, and a zone is left out; an invalid address is ErrArgument.
func (b *Builder) AddAddrPort(t AttributeType, a netip.AddrPort) {
	b.addAddrPort(t, a, false)
}

// AddXORAddrPort appends an address XORed with the cookie and the transaction
// id (RFC 8489 §14.2), otherwise as AddAddrPort does.
func (b *Builder) AddXORAddrPort(t AttributeType, a netip.AddrPort) {
	b.addAddrPort(t, a, true)
}

func (b *Builder) addAddrPort(t AttributeType, a netip.AddrPort, xored bool) {
	f := FamilyOf(a.Addr())
	size := sizeIPv4
	var addr [16]byte
	switch f {
	case FamilyIPv4:
		a4 := a.Addr().As4()
		copy(addr[:], a4[:])
	case FamilyIPv6:
		size = sizeIPv6
		addr = a.Addr().As16()
	default:
		b.fail(ErrArgument)
		return
	}
	p := b.extend(t, size)
	if p == nil {
		return
	}
	port := a.Port()
	if xored {
		xor(&addr, b.buf[b.start+4:b.start+HeaderSize])
		port ^= MagicCookie >> 16
	}
	p[1] = byte(f)
	binary.BigEndian.PutUint16(p[2:], port)
	copy(p[4:], addr[:])
}
