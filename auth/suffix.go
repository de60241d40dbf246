package auth

import (
	"encoding/base64"
	"hash"
	"strconv"
	"time"
)

// A suffix is what the service adds to a username to say more than
// `expiry:subject` can:
//
//	:~1.<key id>.<class>.<issued, unix ms>.<mac>
//	:~2.<key id>.<class>.<issued, unix ms>.<bandwidth, bits/s>.<mac>
//
// The second form is that of credentials with a bandwidth, and of no others: relays of
// earlier versions know the first alone.
//
// mac is base64url of the first 12 bytes of HMAC-SHA256 over all that stands
// before it, expiry and subject included, under a key derived from the secret.
// Without it a third party that holds the secret and lets its users choose their
// names could be talked into naming a class or a time of issue.
type suffix struct {
	start  int // where it begins in the username; 0: there is none
	mac    int // where its mac begins
	id     []byte
	class  []byte
	issued int64 // unix milliseconds

	bandwidth int64 // bits/s; 0: none of its own
}

const (
	suffixMark    = ":~1."
	bandwidthMark = ":~2."                  // as long as suffixMark
	macBytes      = 12                      // 96 bits, which no one guesses online
	macSize       = macBytes * 4 / 3        // as text, no padding
	minSuffix     = 4 + 2 + 2 + 2 + macSize // one byte each for key id, class and time
)

// DefaultClass stands in the suffix of a credential without a class, where
// something must stand. [Verified].Class is nil for it.
const DefaultClass = "default"

// parseSuffix reads the suffix from the end of a username: no part of it can
// contain a point, so the reading is unambiguous whatever the subject is.
func parseSuffix(whole []byte) (suffix, bool) {
	s := suffix{mac: len(whole) - macSize}
	if len(whole) < minSuffix || whole[s.mac-1] != '.' {
		return suffix{}, false
	}
	rest, last, ok := cutPart(whole[:s.mac-1], maxDigits, isDigit)
	if !ok {
		return suffix{}, false
	}
	n, _ := parseDigits(last)
	if s.readWords(rest) && s.begins(suffixMark, whole) {
		s.issued = n
		return s, true
	}
	if rest, last, ok = cutPart(rest, maxDigits, isDigit); !ok || n == 0 {
		return suffix{}, false
	}
	s.bandwidth = n
	s.issued, _ = parseDigits(last)
	if s.readWords(rest) && s.begins(bandwidthMark, whole) {
		return s, true
	}
	return suffix{}, false
}

// readWords reads key id and class from the end of b, and where the suffix begins if
// a mark stands before them.
func (s *suffix) readWords(b []byte) (ok bool) {
	if b, s.class, ok = cutPart(b, maxWord, wordByte); !ok {
		return false
	}
	b, s.id, ok = cutPart(b, maxWord, wordByte)
	s.start = len(b) + 1 - len(suffixMark)
	return ok
}

// begins says whether a mark stands where the suffix begins, and something before it.
func (s *suffix) begins(mark string, whole []byte) bool {
	return s.start > 0 && string(whole[s.start:s.start+len(mark)]) == mark
}

// cutPart cuts the last part of b, 1 to most bytes that the predicate likes, and
// the point before it.
func cutPart(b []byte, most int, like func(byte) bool) (rest, part []byte, ok bool) {
	i := len(b)
	for i > 0 && len(b)-i < most && like(b[i-1]) {
		i--
	}
	if i == len(b) || i == 0 || b[i-1] != '.' {
		return nil, nil, false
	}
	return b[:i-1], b[i:], true
}

// issuedAt is the time of issue, to the millisecond.
func (s *suffix) issuedAt() time.Time { return time.UnixMilli(s.issued) }

// classOf is the class, nil for the default one.
func (s *suffix) classOf() []byte {
	if string(s.class) == DefaultClass {
		return nil
	}
	return s.class
}

// appendSuffix appends everything of a suffix but the mac.
func appendSuffix(dst []byte, id string, g *Grant) []byte {
	class, mark := g.Class, suffixMark
	if class == "" {
		class = DefaultClass
	}
	if g.Bandwidth > 0 {
		mark = bandwidthMark
	}
	dst = append(dst, mark...)
	dst = append(dst, id...)
	dst = append(dst, '.')
	dst = append(dst, class...)
	dst = append(dst, '.')
	dst = strconv.AppendInt(dst, g.Issued.UnixMilli(), 10)
	if g.Bandwidth > 0 {
		dst = append(dst, '.')
		dst = strconv.AppendInt(dst, g.Bandwidth, 10)
	}
	return append(dst, '.')
}

// appendMAC appends the mac of text to dst. scratch has room for a SHA-256.
func appendMAC(dst []byte, h hash.Hash, text, scratch []byte) []byte {
	h.Reset()
	h.Write(text)
	return base64.RawURLEncoding.AppendEncode(dst, h.Sum(scratch[:0])[:macBytes])
}
