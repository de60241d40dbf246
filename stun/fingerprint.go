package stun

import (
	"encoding/binary"
	"hash/crc32"
)

const (
	fingerprintSize = 4
	fingerprintXOR  = 0x5354554E // RFC 8489 §14.7
)

// HasFingerprint reports whether the message carries FINGERPRINT, right or wrong.
func (m Message) HasFingerprint() bool { return m.fingerprint != 0 }

// CheckFingerprint is nil when FINGERPRINT is absent or right. The error is
// ErrFingerprint when it is wrong, and matches ErrMalformed when its size is, or
// when it is not the last attribute of the message (RFC 8489 §14.7). Such a
// message is discarded without an answer (RFC 8489 §6.3).
func (m Message) CheckFingerprint() error {
	if m.fingerprint == 0 {
		return nil
	}
	_, value, next := m.at(m.fingerprint)
	if len(value) != fingerprintSize {
		return errSize
	}
	if int(next) != len(m.raw) {
		return errLast
	}
	if binary.BigEndian.Uint32(value) != fingerprint(m.raw[:m.fingerprint]) {
		return ErrFingerprint
	}
	return nil
}

// AddFingerprint appends FINGERPRINT over the message so far. It has to be the
// last attribute.
func (b *Builder) AddFingerprint() {
	value := b.extend(AttrFingerprint, fingerprintSize)
	if value == nil {
		return
	}
	message := b.buf[b.start : len(b.buf)-AttributeHeaderSize-fingerprintSize]
	binary.BigEndian.PutUint32(value, fingerprint(message))
}

// fingerprint is the value of FINGERPRINT for a message up to that attribute.
func fingerprint(message []byte) uint32 { return crc32.ChecksumIEEE(message) ^ fingerprintXOR }
