package stun

import "encoding/binary"

// sized is the value of the first honoured t, which must be size bytes.
func (m *Message) sized(t AttributeType, size int) ([]byte, error) {
	v, ok := m.Attribute(t)
	if !ok {
		return nil, ErrAbsent
	}
	if len(v) != size {
		return nil, errSize
	}
	return v, nil
}

// Uint32 reads a value that is one 32-bit number: LIFETIME, in seconds, and
// CONNECTION-ID.
func (m Message) Uint32(t AttributeType) (uint32, error) {
	v, err := m.sized(t, 4)
	if err != nil {
		return 0, err
	}
	return binary.BigEndian.Uint32(v), nil
}

// AddUint32 appends a value that is one 32-bit number.
func (b *Builder) AddUint32(t AttributeType, v uint32) {
	if p := b.extend(t, 4); p != nil {
		binary.BigEndian.PutUint32(p, v)
	}
}

// Uint8 reads the first byte of a value of exactly size bytes and ignores the
// reserved ones behind it: REQUESTED-TRANSPORT, REQUESTED-ADDRESS-FAMILY and
// ADDITIONAL-ADDRESS-FAMILY (size 4), EVEN-PORT (size 1).
func (m Message) Uint8(t AttributeType, size int) (uint8, error) {
	v, err := m.sized(t, size)
	if err != nil {
		return 0, err
	}
	if len(v) == 0 {
		return 0, errSize
	}
	return v[0], nil
}

// AddUint8 appends a value of size bytes, at least 1, whose first is v and
// whose others are zero.
func (b *Builder) AddUint8(t AttributeType, v uint8, size int) {
	if size < 1 {
		b.fail(ErrArgument)
		return
	}
	if p := b.extend(t, size); p != nil {
		p[0] = v
	}
}

// Userhash is the value of USERHASH, 32 bytes (RFC 8489 §14.4). The bytes are
// the message's own.
func (m Message) Userhash() ([]byte, error) { return m.sized(AttrUserhash, 32) }

// UnknownAttributes appends to dst the types listed in UNKNOWN-ATTRIBUTES
// (RFC 8489 §14.13). On an error it returns dst as it was.
func (m Message) UnknownAttributes(dst []AttributeType) ([]AttributeType, error) {
	v, ok := m.Attribute(AttrUnknownAttributes)
	if !ok {
		return dst, ErrAbsent
	}
	if len(v)%2 != 0 {
		return dst, errSize
	}
	for ; len(v) > 0; v = v[2:] {
		dst = append(dst, AttributeType(binary.BigEndian.Uint16(v)))
	}
	return dst, nil
}

// AddUnknownAttributes appends UNKNOWN-ATTRIBUTES, 2 bytes a type.
func (b *Builder) AddUnknownAttributes(ts []AttributeType) {
	p := b.extend(AttrUnknownAttributes, 2*len(ts))
	if p == nil {
		return
	}
	for i, t := range ts {
		binary.BigEndian.PutUint16(p[2*i:], uint16(t))
	}
}
