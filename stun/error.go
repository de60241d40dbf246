package stun

import "errors"

// Errors to test for with errors.Is. None of them is ever wrapped with a value
// from the message, so that refusing a packet costs no memory.
var (
	// ErrAbsent: the message has no such attribute among the honoured ones.
	ErrAbsent = errors.New("attribute absent")
	// ErrMalformed is matched by every other error of Parse, the accessors,
	// ParseChannelData and FrameLength.
	ErrMalformed = errors.New("malformed")
	// ErrIntegrity: the key is not the one the message was signed with, or the
	// message was changed on its way.
	ErrIntegrity = errors.New("message integrity does not match")
	// ErrFingerprint: the FINGERPRINT attribute is there and wrong. It matches
	// ErrMalformed too.
	ErrFingerprint error = malformed("fingerprint does not match")
	// ErrTooLong is a Builder's error: the message, or one of its attributes,
	// does not fit the 16-bit length field.
	ErrTooLong = errors.New("message too long")
	// ErrArgument is a Builder's error: an attribute cannot carry what it was
	// given, such as an invalid address or an error code outside 300 to 699.
	ErrArgument = errors.New("attribute cannot carry this value")
	// ErrSealed is a Builder's error: something was added after BeginData.
	ErrSealed = errors.New("attribute added after BeginData")
)

// A malformed says what is wrong with some bytes and matches ErrMalformed.
type malformed string

func (e malformed) Error() string { return string(e) }
func (e malformed) Unwrap() error { return ErrMalformed }

// As error variables, so that returning one converts nothing.
var (
	errShort       error = malformed("message shorter than its header")
	errNotSTUN     error = malformed("first two bits of a STUN message are not zero")
	errCookie      error = malformed("magic cookie is wrong")
	errLength      error = malformed("message length does not fit the message")
	errBounds      error = malformed("attribute reaches beyond the message")
	errSize        error = malformed("attribute value has a wrong size")
	errFamily      error = malformed("address family is neither IPv4 nor IPv6")
	errCode        error = malformed("error code is not between 300 and 699")
	errAlgorithm   error = malformed("password algorithm has parameters it must not have")
	errLast        error = malformed("fingerprint is not the last attribute")
	errChannel     error = malformed("channel number is not between 0x4000 and 0x7FFF")
	errChannelData error = malformed("ChannelData shorter than its length field says")
	errFrame       error = malformed("frame is neither STUN nor ChannelData")
)
