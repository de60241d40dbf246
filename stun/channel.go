package stun

import "encoding/binary"

// ChannelHeaderSize is the size of a ChannelData header: 2 bytes of channel
// number, 2 of length (RFC 8656 §12.4).
const ChannelHeaderSize = 4

// A ChannelNumber names a channel: 0x4000 to 0x7FFF on the wire, of which
// RFC 8656 §12 leaves 0x4000 to 0x4FFF.
type ChannelNumber uint16

// Valid reports whether n is in the range of RFC 8656, 0x4000 to 0x4FFF.
func (n ChannelNumber) Valid() bool { return n>>12 == 4 }

// onWire reports whether n is in the range of RFC 5766, 0x4000 to 0x7FFF: all
// that the first two bits can tell from STUN and the rest.
func (n ChannelNumber) onWire() bool { return n>>14 == 1 }

// ChannelNumber reads CHANNEL-NUMBER (RFC 8656 §18.1), whatever its range: the
// caller decides, and answers 400.
func (m Message) ChannelNumber() (ChannelNumber, error) {
	v, err := m.sized(AttrChannelNumber, 4)
	if err != nil {
		return 0, err
	}
	return ChannelNumber(binary.BigEndian.Uint16(v)), nil
}

// AddChannelNumber appends CHANNEL-NUMBER.
func (b *Builder) AddChannelNumber(n ChannelNumber) {
	b.AddUint32(AttrChannelNumber, uint32(n)<<16)
}

// ParseChannelData reads a ChannelData message that is a whole datagram, or a
// frame of FrameLength bytes: what follows the data is padding and ignored, a
// datagram too short for its length field is ErrMalformed (RFC 8656 §12.6).
// Numbers 0x4000 to 0x7FFF pass; the caller decides on the RFC's range. The
// data, which may be empty, is b's own.
func ParseChannelData(b []byte) (ChannelNumber, []byte, error) {
	if len(b) < ChannelHeaderSize {
		return 0, nil, errChannelData
	}
	n := ChannelNumber(binary.BigEndian.Uint16(b))
	if !n.onWire() {
		return 0, nil, errChannel
	}
	end := ChannelHeaderSize + int(binary.BigEndian.Uint16(b[2:]))
	if end > len(b) {
		return 0, nil, errChannelData
	}
	return n, b[ChannelHeaderSize:end:end], nil
}

// PutChannelHeader writes the 4 header bytes of a ChannelData message of length
// bytes, 0 to 65535, into dst. It panics if dst is shorter or length does not
// fit. On a stream, Padding(length) zero bytes follow the data (RFC 8656 §12.5).
func PutChannelHeader(dst []byte, n ChannelNumber, length int) {
	if length != int(uint16(length)) {
		panic("stun: length of ChannelData out of range")
	}
	_ = dst[3]
	binary.BigEndian.PutUint16(dst, uint16(n))
	binary.BigEndian.PutUint16(dst[2:], uint16(length))
}

// FrameLength is the length, padding included, of the frame that begins with
// head on a stream: a STUN message or a ChannelData message (RFC 8656 §12.5).
// head must hold at least the frame's first 4 bytes. A frame that is neither,
// or a STUN length that is no multiple of 4, is ErrMalformed: the stream cannot
// be read on. The result is at most 65552 bytes, and computed without overflow.
func FrameLength(head []byte) (int, error) {
	if len(head) < ChannelHeaderSize {
		return 0, errFrame
	}
	n := int(binary.BigEndian.Uint16(head[2:]))
	switch Classify(head) {
	case KindSTUN:
		if n%4 != 0 { // RFC 8489 §5
			return 0, errLength
		}
		return HeaderSize + n, nil
	case KindChannelData:
		return ChannelHeaderSize + n + Padding(n), nil
	}
	return 0, errFrame
}
