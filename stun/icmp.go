package stun

import "encoding/binary"

// ICMP reads the ICMP attribute of a Data indication: type and code of the ICMP
// or ICMPv6 packet, and 4 bytes of data, which hold the next hop's MTU where
// the type is "packet too big" and zero otherwise (RFC 8656 §18.13).
func (m Message) ICMP() (typ, code uint8, data uint32, err error) {
	v, err := m.sized(AttrICMP, 8)
	if err != nil {
		return 0, 0, 0, err
	}
	return v[2], v[3], binary.BigEndian.Uint32(v[4:]), nil
}

// AddICMP appends the ICMP attribute.
func (b *Builder) AddICMP(typ, code uint8, data uint32) {
	p := b.extend(AttrICMP, 8)
	if p == nil {
		return
	}
	p[2], p[3] = typ, code
	binary.BigEndian.PutUint32(p[4:], data)
}
