package stun

import (
	"encoding/binary"
	"fmt"
)

// A PasswordAlgorithm is an entry of PASSWORD-ALGORITHMS (RFC 8489 §18.5).
type PasswordAlgorithm uint16

const (
	PasswordMD5    PasswordAlgorithm = 0x0001
	PasswordSHA256 PasswordAlgorithm = 0x0002
)

// String is the algorithm's name in the RFC, or its number in hexadecimal.
func (a PasswordAlgorithm) String() string {
	switch a {
	case PasswordMD5:
		return "MD5"
	case PasswordSHA256:
		return "SHA-256"
	}
	return fmt.Sprintf("0x%04x", uint16(a))
}

// entrySize is the size of an entry without parameters: the algorithm's number
// and the length of the parameters, 2 bytes each. None of the algorithms known
// has parameters (RFC 8489 §18.5.1).
const entrySize = 4

// PasswordAlgorithm reads PASSWORD-ALGORITHM, which a client chose from the
// server's list (RFC 8489 §14.12). An algorithm that this package does not know
// is returned as it is, its parameters unread.
func (m Message) PasswordAlgorithm() (PasswordAlgorithm, error) {
	v, ok := m.Attribute(AttrPasswordAlgorithm)
	if !ok {
		return 0, ErrAbsent
	}
	a, rest, err := decodePasswordAlgorithm(v)
	if err != nil {
		return 0, err
	}
	if len(rest) != 0 {
		return 0, errSize
	}
	return a, nil
}

// PasswordAlgorithms appends to dst the algorithms listed in
// PASSWORD-ALGORITHMS, the server's favourite first (RFC 8489 §14.11). On an
// error it returns dst as it was. A server compares what the client echoes byte
// for byte instead: see AppendPasswordAlgorithms.
func (m Message) PasswordAlgorithms(dst []PasswordAlgorithm) ([]PasswordAlgorithm, error) {
	v, ok := m.Attribute(AttrPasswordAlgorithms)
	if !ok {
		return dst, ErrAbsent
	}
	list := dst
	for len(v) > 0 {
		a, rest, err := decodePasswordAlgorithm(v)
		if err != nil {
			return dst, err
		}
		list, v = append(list, a), rest
	}
	return list, nil
}

// decodePasswordAlgorithm reads one entry and returns what follows it. The
// padding of the last entry's parameters may be missing: where an entry is the
// whole value, the attribute's own padding is in its place.
func decodePasswordAlgorithm(v []byte) (a PasswordAlgorithm, rest []byte, err error) {
	if len(v) < entrySize {
		return 0, nil, errSize
	}
	a = PasswordAlgorithm(binary.BigEndian.Uint16(v))
	n := int(binary.BigEndian.Uint16(v[2:]))
	if n != 0 && (a == PasswordMD5 || a == PasswordSHA256) {
		return 0, nil, errAlgorithm
	}
	v = v[entrySize:]
	if n > len(v) {
		return 0, nil, errSize
	}
	return a, v[min(n+Padding(n), len(v)):], nil
}

// AppendPasswordAlgorithms appends to dst the value of a PASSWORD-ALGORITHMS
// attribute that lists as: what a server sends, and compares with the one that
// a request echoes (RFC 8489 §9.2.4).
func AppendPasswordAlgorithms(dst []byte, as ...PasswordAlgorithm) []byte {
	for _, a := range as {
		dst = append(dst, byte(a>>8), byte(a), 0, 0)
	}
	return dst
}

// AddPasswordAlgorithms appends PASSWORD-ALGORITHMS, the favourite first.
func (b *Builder) AddPasswordAlgorithms(as ...PasswordAlgorithm) {
	p := b.extend(AttrPasswordAlgorithms, entrySize*len(as))
	if p == nil {
		return
	}
	AppendPasswordAlgorithms(p[:0], as...)
}

// AddPasswordAlgorithm appends PASSWORD-ALGORITHM.
func (b *Builder) AddPasswordAlgorithm(a PasswordAlgorithm) {
	if p := b.extend(AttrPasswordAlgorithm, entrySize); p != nil {
		binary.BigEndian.PutUint16(p, uint16(a))
	}
}
