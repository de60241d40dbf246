package stun

import (
	"encoding/binary"
	"slices"
)

// A Builder appends one message to a caller's buffer. The zero Builder is ready
// for Reset, and a Builder may be used again and again. Nothing is allocated as
// long as the buffer's capacity suffices.
//
// A Builder is not safe for concurrent use.
type Builder struct {
	buf    []byte
	start  int // of the message in buf
	sealed bool
	err    error
}

// Reset starts a message at the end of dst: what dst holds stays in front of
// it, what lies behind dst in its capacity is overwritten. dst must not share
// memory with the values that will be added.
func (b *Builder) Reset(dst []byte, t MessageType, id TransactionID) {
	b.start, b.sealed, b.err = len(dst), false, nil
	dst = append(dst, byte(t>>8)&0x3F, byte(t), 0, 0, // RFC 8489 §5: the first two bits are zero.
		MagicCookie>>24, MagicCookie>>16&0xFF, MagicCookie>>8&0xFF, MagicCookie&0xFF)
	b.buf = append(dst, id[:]...)
}

// Bytes is dst with the message appended so far, its length field right. After
// an error it is dst alone: a message that lacks an attribute is not sent.
func (b *Builder) Bytes() []byte {
	if b.err != nil {
		return b.buf[:b.start]
	}
	return b.buf
}

// Err is the first error since Reset: ErrTooLong, ErrArgument or ErrSealed.
// Whoever adds only what fits and what is valid need not ask.
func (b *Builder) Err() error { return b.err }

func (b *Builder) fail(err error) {
	if b.err == nil {
		b.err = err
	}
}

// extend appends an attribute of n zero bytes, padding included, and returns
// its value to be filled in; nil, if there is or was an error.
func (b *Builder) extend(t AttributeType, n int) []byte {
	if b.sealed {
		b.fail(ErrSealed)
	}
	if b.err != nil || !b.appendHeader(t, n) {
		return nil
	}
	off, end := len(b.buf), len(b.buf)+n+Padding(n)
	b.buf = slices.Grow(b.buf, end-off)[:end]
	clear(b.buf[off:])
	return b.buf[off : off+n]
}

// appendHeader appends the header of an attribute of n bytes and sets the
// message's length as if value and padding followed.
func (b *Builder) appendHeader(t AttributeType, n int) bool {
	length := len(b.buf) - b.start - HeaderSize
	if n > maxLength-AttributeHeaderSize-length { // n+Padding(n) too, since all else is a multiple of 4.
		b.fail(ErrTooLong)
		return false
	}
	length += AttributeHeaderSize + n + Padding(n)
	b.buf = append(b.buf, byte(t>>8), byte(t), byte(n>>8), byte(n))
	binary.BigEndian.PutUint16(b.buf[b.start+2:], uint16(length))
	return true
}

// Add appends an attribute with a copy of value.
func (b *Builder) Add(t AttributeType, value []byte) {
	copy(b.extend(t, len(value)), value)
}

// AddString appends an attribute with the bytes of value.
func (b *Builder) AddString(t AttributeType, value string) {
	copy(b.extend(t, len(value)), value)
}

// BeginData appends the header of a DATA attribute of n bytes and sets the
// message's length as if value and padding followed: the caller sends the
// message, the payload and padding zero bytes (0 to 3) as iovecs of their own.
// Nothing may be added afterwards.
func (b *Builder) BeginData(n int) (padding int) {
	if b.sealed {
		b.fail(ErrSealed)
	}
	if n < 0 {
		b.fail(ErrArgument)
	}
	if b.err != nil || !b.appendHeader(AttrData, n) {
		return 0
	}
	b.sealed = true
	return Padding(n)
}
