package stun

import (
	"crypto/sha1"
	"crypto/sha256"
	"crypto/subtle"
)

// An Integrity is a message-integrity mechanism. The stronger one is the greater.
type Integrity uint8

const (
	IntegrityNone   Integrity = 0
	IntegritySHA1   Integrity = 1 // MESSAGE-INTEGRITY, HMAC-SHA1 (RFC 8489 §14.5)
	IntegritySHA256 Integrity = 2 // MESSAGE-INTEGRITY-SHA256, HMAC-SHA256 (RFC 8489 §14.6)
)

// String is "none", "SHA-1" or "SHA-256".
func (i Integrity) String() string {
	switch i {
	case IntegritySHA1:
		return "SHA-1"
	case IntegritySHA256:
		return "SHA-256"
	}
	return "none"
}

// attribute is the mechanism's attribute and the size of its value.
func (i Integrity) attribute() (AttributeType, int) {
	if i == IntegritySHA256 {
		return AttrMessageIntegritySHA256, sha256.Size
	}
	return AttrMessageIntegrity, sha1.Size
}

// Integrity is the strongest mechanism the message carries, by the presence of
// its attribute alone.
func (m Message) Integrity() Integrity {
	switch {
	case m.sha256 != 0:
		return IntegritySHA256
	case m.sha1 != 0:
		return IntegritySHA1
	}
	return IntegrityNone
}

// CheckIntegrity checks the strongest integrity attribute present against key,
// the HMAC key of the credential mechanism (RFC 8489 §9.1.1, §9.2.2), in
// constant time. Where both attributes are there, only
// MESSAGE-INTEGRITY-SHA256 is looked at (RFC 8489 §9.1.3, §9.2.4).
//
// The error is ErrAbsent if there is none, ErrIntegrity if it does not match,
// and matches ErrMalformed if its value is not 20 or 32 bytes: a truncated
// SHA-256 value is refused, since TURN does not allow it (RFC 8489 §14.6).
func (m Message) CheckIntegrity(key []byte) error {
	i := m.Integrity()
	if i == IntegrityNone {
		return ErrAbsent
	}
	return m.checkIntegrity(i, key)
}

func (m *Message) checkIntegrity(i Integrity, key []byte) error {
	off := m.sha1
	if i == IntegritySHA256 {
		off = m.sha256
	}
	_, value, next := m.at(off)
	if _, size := i.attribute(); len(value) != size {
		return errSize
	}
	// RFC 8489 §14.5: the length is that of a message which ends with this attribute.
	var sum [sha256.Size]byte
	want := appendHMAC(sum[:0], i, key, m.raw[:off], int(next)-HeaderSize)
	if subtle.ConstantTimeCompare(value, want) != 1 {
		return ErrIntegrity
	}
	return nil
}

// AddIntegrity appends the integrity attribute of i, over the message so far,
// with the HMAC key of the credential mechanism. IntegrityNone appends nothing,
// so that a response can be signed the way its request was. Of the attributes
// added behind it, receivers honour only MESSAGE-INTEGRITY-SHA256 (behind
// MESSAGE-INTEGRITY) and FINGERPRINT.
func (b *Builder) AddIntegrity(key []byte, i Integrity) {
	switch i {
	case IntegrityNone:
		return
	case IntegritySHA1, IntegritySHA256:
	default:
		b.fail(ErrArgument)
		return
	}
	t, size := i.attribute()
	value := b.extend(t, size)
	if value == nil {
		return
	}
	message := b.buf[b.start : len(b.buf)-AttributeHeaderSize-size]
	appendHMAC(value[:0], i, key, message, len(b.buf)-b.start-HeaderSize)
}
