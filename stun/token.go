package stun

import "encoding/binary"

// AccessToken splits the self-contained token of ACCESS-TOKEN into the nonce
// and the encrypted block (RFC 7635 §6.2: 2 bytes of nonce length, the nonce,
// the rest). The bytes are the message's own.
func (m Message) AccessToken() (nonce, block []byte, err error) {
	v, ok := m.Attribute(AttrAccessToken)
	if !ok {
		return nil, nil, ErrAbsent
	}
	if len(v) < 2 {
		return nil, nil, errSize
	}
	n := int(binary.BigEndian.Uint16(v))
	v = v[2:]
	if n > len(v) {
		return nil, nil, errSize
	}
	return v[:n:n], v[n:], nil
}

// AddAccessToken appends ACCESS-TOKEN. A client that was given the whole token
// adds its decoded bytes with Add.
func (b *Builder) AddAccessToken(nonce, block []byte) {
	p := b.extend(AttrAccessToken, 2+len(nonce)+len(block))
	if p == nil {
		return
	}
	binary.BigEndian.PutUint16(p, uint16(len(nonce)))
	copy(p[2+copy(p[2:], nonce):], block)
}
