package auth

import (
	"crypto/md5"
	"crypto/sha256"
	"strconv"
)

// An Algorithm derives the long-term key (RFC 8489 §18.5). The values are those
// of the PASSWORD-ALGORITHM attribute.
type Algorithm uint8

const (
	MD5    Algorithm = 1 // RFC 8489 §18.5.1.1: 16 bytes. What every client speaks.
	SHA256 Algorithm = 2 // RFC 8489 §18.5.1.2: 32 bytes
)

// String is the name in the registry of RFC 8489 §18.5.
func (a Algorithm) String() string {
	switch a {
	case MD5:
		return "MD5"
	case SHA256:
		return "SHA-256"
	}
	return "algorithm " + strconv.Itoa(int(a))
}

// keySize is the length of the longest long-term key in bytes.
const keySize = sha256.Size

// DeriveKey appends the long-term key to dst: 16 bytes for [MD5], 32 for
// [SHA256]. The strings are taken as they are: whoever reads them from a user
// applies OpaqueString first (RFC 8489 §9.2.2). It panics on any other
// algorithm, because an empty key would let everyone in.
func DeriveKey(dst []byte, a Algorithm, username, realm, password string) []byte {
	var room [256]byte // keeps the usual case off the heap
	text := append(room[:0], username...)
	text = append(text, ':')
	text = append(text, realm...)
	text = append(text, ':')
	text = append(text, password...)
	return appendKey(dst, a, text)
}

// appendKey appends the digest of text, which is username:realm:password.
func appendKey(dst []byte, a Algorithm, text []byte) []byte {
	switch a {
	case MD5:
		sum := md5.Sum(text)
		return append(dst, sum[:]...)
	case SHA256:
		sum := sha256.Sum256(text)
		return append(dst, sum[:]...)
	}
	panic("auth: " + a.String() + " derives no key")
}

// Userhash is SHA-256(username ":" realm), the value of the USERHASH attribute
// (RFC 8489 §14.4). Both are taken as they are, as in [DeriveKey].
func Userhash(username, realm string) [32]byte {
	var room [256]byte
	text := append(room[:0], username...)
	text = append(text, ':')
	text = append(text, realm...)
	return sha256.Sum256(text)
}
