package stun

import "encoding/binary"

// The flags of CHANGE-REQUEST, A and B in RFC 5780 §7.2.
const (
	changeIP   = 1 << 2
	changePort = 1 << 1
)

// ChangeRequest reads CHANGE-REQUEST: whether the response is to come from the
// server's other address, and from its other port (RFC 5780 §7.2).
func (m Message) ChangeRequest() (ip, port bool, err error) {
	v, err := m.Uint32(AttrChangeRequest)
	return v&changeIP != 0, v&changePort != 0, err
}

// AddChangeRequest appends CHANGE-REQUEST.
func (b *Builder) AddChangeRequest(ip, port bool) {
	v := uint32(0)
	if ip {
		v |= changeIP
	}
	if port {
		v |= changePort
	}
	b.AddUint32(AttrChangeRequest, v)
}

// ResponsePort reads RESPONSE-PORT: the port to which the response is to go
// (RFC 5780 §7.5). The RFC speaks of 2 bytes and 2 of padding, without saying
// whether the padding counts as value: 2 and 4 bytes are both accepted.
func (m Message) ResponsePort() (uint16, error) {
	v, ok := m.Attribute(AttrResponsePort)
	if !ok {
		return 0, ErrAbsent
	}
	if len(v) != 2 && len(v) != 4 {
		return 0, errSize
	}
	return binary.BigEndian.Uint16(v), nil
}

// AddResponsePort appends RESPONSE-PORT, as 4 bytes.
func (b *Builder) AddResponsePort(port uint16) {
	b.AddUint32(AttrResponsePort, uint32(port)<<16)
}
