package stun

import (
	"encoding/binary"
	"iter"
)

const (
	HeaderSize          = 20         // bytes of a STUN header (RFC 8489 §5)
	AttributeHeaderSize = 4          // bytes of an attribute's type and length (RFC 8489 §14)
	MagicCookie         = 0x2112A442 // RFC 8489 §5

	maxLength = 0xFFFC // the greatest multiple of 4 that the header's length field holds
)

// Padding is the number of zero bytes, 0 to 3, that follow n bytes of an
// attribute's value, or of ChannelData on a stream (RFC 8489 §14, RFC 8656 §12.5).
func Padding(n int) int { return -n & 3 }

// A Message is a parsed STUN message: a view, valid as long as the bytes it was
// parsed from are neither changed nor reused. Copying it is cheap and copies no
// payload. Only Parse makes one: the zero Message has no header to read.
type Message struct {
	raw []byte
	// Offsets into raw, found by Parse.
	end         uint32 // end of the first integrity attribute, or of the message: what lies behind is not honoured
	sha1        uint32 // the MESSAGE-INTEGRITY that counts; 0: none
	sha256      uint32 // the MESSAGE-INTEGRITY-SHA256 that counts, perhaps behind end; 0: none
	fingerprint uint32 // the first FINGERPRINT, perhaps behind end; 0: none
}

// Parse validates the header and the bounds of every attribute. b must be
// exactly one message: a datagram, or a frame of FrameLength bytes. It copies
// and allocates nothing; errors match ErrMalformed.
//
// All 12 bits of method pass. Classify and FrameLength know only the first 256,
// the range that is open for assignment, since the first byte of the others
// belongs to other protocols (RFC 7983 §3).
func Parse(b []byte) (Message, error) {
	// RFC 8489 §6.3: the two bits, the cookie, and a sensible length.
	if len(b) < HeaderSize {
		return Message{}, errShort
	}
	if b[0]&0xC0 != 0 {
		return Message{}, errNotSTUN
	}
	if binary.BigEndian.Uint32(b[4:]) != MagicCookie {
		return Message{}, errCookie
	}
	if n := int(binary.BigEndian.Uint16(b[2:])); n%4 != 0 || n != len(b)-HeaderSize {
		return Message{}, errLength
	}
	m := Message{raw: b}
	for off := HeaderSize; off < len(b); {
		// off and len(b) are multiples of 4, so that an attribute's header always fits.
		n := int(binary.BigEndian.Uint16(b[off+2:]))
		next := off + AttributeHeaderSize + n + Padding(n)
		if next > len(b) {
			return Message{}, errBounds
		}
		m.note(AttributeType(binary.BigEndian.Uint16(b[off:])), uint32(off), uint32(next))
		off = next
	}
	if m.end == 0 {
		m.end = uint32(len(b))
	}
	return m, nil
}

// note remembers the attributes that decide which others are honoured.
func (m *Message) note(t AttributeType, off, next uint32) {
	switch t {
	case AttrMessageIntegrity:
		if m.end == 0 {
			m.sha1, m.end = off, next
		}
	case AttrMessageIntegritySHA256:
		// RFC 8489 §9: behind MESSAGE-INTEGRITY it is honoured, but once.
		if m.end == 0 {
			m.sha256, m.end = off, next
		} else if m.sha256 == 0 {
			m.sha256 = off
		}
	case AttrFingerprint:
		if m.fingerprint == 0 {
			m.fingerprint = off
		}
	}
}

// Bytes is the whole message, as given to Parse.
func (m Message) Bytes() []byte { return m.raw }

// Type is the message type.
func (m Message) Type() MessageType { return MessageType(binary.BigEndian.Uint16(m.raw)) }

// Method is the method in the message type.
func (m Message) Method() Method { return m.Type().Method() }

// Class is the class in the message type.
func (m Message) Class() Class { return m.Type().Class() }

// TransactionID is the transaction id, copied.
func (m Message) TransactionID() TransactionID { return TransactionID(m.raw[8:HeaderSize]) }

// at reads the attribute at off, which Parse has seen, and says where the next one starts.
func (m *Message) at(off uint32) (t AttributeType, value []byte, next uint32) {
	h := m.raw[off : off+AttributeHeaderSize]
	n := uint32(binary.BigEndian.Uint16(h[2:]))
	start := off + AttributeHeaderSize
	return AttributeType(binary.BigEndian.Uint16(h)), m.raw[start : start+n : start+n], start + (n+3)&^3
}

// Attribute is the value of the first honoured attribute of type t, without its
// padding. The bytes are the message's own; appending to them does not overwrite it.
func (m Message) Attribute(t AttributeType) ([]byte, bool) {
	for off := uint32(HeaderSize); off < m.end; {
		typ, value, next := m.at(off)
		if typ == t {
			return value, true
		}
		off = next
	}
	// RFC 8489 §9: the two that are honoured behind the first integrity attribute.
	off := uint32(0)
	switch t {
	case AttrMessageIntegritySHA256:
		off = m.sha256
	case AttrFingerprint:
		off = m.fingerprint
	}
	if off == 0 {
		return nil, false
	}
	_, value, _ := m.at(off)
	return value, true
}

// Has reports whether an honoured attribute of type t is there.
func (m Message) Has(t AttributeType) bool {
	_, ok := m.Attribute(t)
	return ok
}

// Attributes yields the honoured attributes in the order of the message,
// repeated ones included, with their values without padding.
func (m Message) Attributes() iter.Seq2[AttributeType, []byte] {
	return func(yield func(AttributeType, []byte) bool) { m.each(yield) }
}

func (m Message) each(yield func(AttributeType, []byte) bool) {
	for off := uint32(HeaderSize); off < m.end; {
		t, value, next := m.at(off)
		if !yield(t, value) {
			return
		}
		off = next
	}
	first, second := m.sha256, m.fingerprint
	if first > second {
		first, second = second, first
	}
	for _, off := range [2]uint32{first, second} {
		if off < m.end { // absent, or yielded already
			continue
		}
		if t, value, _ := m.at(off); !yield(t, value) {
			return
		}
	}
}

// maxUnknown bounds what UnknownRequired lists. A request that carries thousands
// of unknown attributes is an attack, and needs no complete answer.
const maxUnknown = 32

// UnknownRequired appends to dst the types of the honoured
// comprehension-required attributes that are not in known, each once, and at
// most 32 of them: the list for a 420 (RFC 8489 §6.3.1). The integrity
// attributes are looked up in known like any other.
func (m Message) UnknownRequired(dst []AttributeType, known AttributeSet) []AttributeType {
	start := len(dst)
next:
	for t := range m.Attributes() {
		if !t.Required() || known.Has(t) {
			continue
		}
		for _, listed := range dst[start:] {
			if listed == t {
				continue next
			}
		}
		if len(dst)-start == maxUnknown {
			break
		}
		dst = append(dst, t)
	}
	return dst
}
