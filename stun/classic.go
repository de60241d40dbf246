package stun

import "encoding/binary"

// ParseClassic reads the header of a message as RFC 3489 had it, without the magic
// cookie: its type, and its transaction id of 16 bytes, a view of b. ok is false where
// it is none, or has the cookie. Such messages are served nowhere; over DTLS requests
// of that kind have to be answered with an error (RFC 8489 §11). Attributes are not
// looked at.
func ParseClassic(b []byte) (t MessageType, id []byte, ok bool) {
	if len(b) < HeaderSize || b[0]&0xC0 != 0 || binary.BigEndian.Uint32(b[4:]) == MagicCookie ||
		int(binary.BigEndian.Uint16(b[2:])) != len(b)-HeaderSize {
		return 0, nil, false
	}
	return MessageType(binary.BigEndian.Uint16(b)), b[4:HeaderSize:HeaderSize], true
}
