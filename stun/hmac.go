package stun

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"hash"
	"sync"
)

// blockSize is that of SHA-1 and of SHA-256.
const blockSize = 64

// What the padded key is XORed with (RFC 2104 §2): 0x36 for the inner hash, 0x5C
// for the outer one, which is reached from the former.
var (
	innerPad        = bytes.Repeat([]byte{0x36}, blockSize)
	innerToOuterPad = bytes.Repeat([]byte{0x36 ^ 0x5C}, blockSize)
)

// An hmacState computes HMACs (RFC 2104) over messages. crypto/hmac would do,
// but it allocates for every key; states are pooled instead. What goes through
// the hash.Hash interface has to be on the heap, and is part of the state but
// for the body of the message: a key on the caller's stack stays there.
type hmacState struct {
	sha1, sha256 hash.Hash
	pad          [blockSize]byte
	header       [HeaderSize]byte
	sum          [sha256.Size]byte
}

var hmacStates = sync.Pool{New: func() any {
	return &hmacState{sha1: sha1.New(), sha256: sha256.New()}
}}

// appendHMAC appends to dst the HMAC of message under key, as if the length
// field of message's header were length.
func appendHMAC(dst []byte, i Integrity, key, message []byte, length int) []byte {
	s := hmacStates.Get().(*hmacState)
	h := s.sha1
	if i == IntegritySHA256 {
		h = s.sha256
	}
	s.setKey(i, key)
	subtle.XORBytes(s.pad[:], s.pad[:], innerPad)
	h.Reset()
	h.Write(s.pad[:])
	// The header is hashed from a copy, so that the message's bytes are only read.
	copy(s.header[:], message)
	binary.BigEndian.PutUint16(s.header[2:], uint16(length))
	h.Write(s.header[:])
	h.Write(message[HeaderSize:])
	inner := h.Sum(s.sum[:0])

	subtle.XORBytes(s.pad[:], s.pad[:], innerToOuterPad)
	h.Reset()
	h.Write(s.pad[:])
	h.Write(inner)
	dst = append(dst, h.Sum(s.sum[:0])...)

	clear(s.pad[:]) // No key stays behind in the pool.
	h.Reset()
	hmacStates.Put(s)
	return dst
}

// setKey fills the pad with the key, hashed if it is longer than a block.
func (s *hmacState) setKey(i Integrity, key []byte) {
	clear(s.pad[:])
	switch {
	case len(key) <= blockSize:
		copy(s.pad[:], key)
	case i == IntegritySHA256:
		sum := sha256.Sum256(key)
		copy(s.pad[:], sum[:])
	default:
		sum := sha1.Sum(key)
		copy(s.pad[:], sum[:])
	}
}
