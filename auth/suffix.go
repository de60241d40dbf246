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
}

const (
	suffixMark = ":~1."
	macBytes   = 12                      // 96 bits, which no one guesses online
	macSize    = macBytes * 4 / 3        // as text, no padding
	minSuffix  = 4 + 2 + 2 + 2 + macSize // one byte each for key id, class and time
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
	rest, issued, ok := cutPart(whole[:s.mac-1], maxDigits, isDigit)
	if !ok {
		return suffix{}, false
	}
	s.issued, _ = parseDigits(issued)
	if rest, s.class, ok = cutPart(rest, maxWord, wordByte); !ok {
		return suffix{}, false
	}
	if rest, s.id, ok = cutPart(rest, maxWord, wordByte); !ok {
		return suffix{}, false
	}
	s.start = len(rest) + 1 - len(suffixMark)
	if s.start <= 0 || string(whole[s.start:s.start+len(suffixMark)]) != suffixMark {
		return suffix{}, false
	}
	return s, true
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
func appendSuffix(dst []byte, id, class string, issued time.Time) []byte {
	if class == "" {
		class = DefaultClass
	}
	dst = append(dst, suffixMark...)
	dst = append(dst, id...)
	dst = append(dst, '.')
	dst = append(dst, class...)
	dst = append(dst, '.')
	dst = strconv.AppendInt(dst, issued.UnixMilli(), 10)
	return append(dst, '.')
}

// appendMAC appends the mac of text to dst. scratch has room for a SHA-256.
func appendMAC(dst []byte, h hash.Hash, text, scratch []byte) []byte {
	h.Reset()
	h.Write(text)
	return base64.RawURLEncoding.AppendEncode(dst, h.Sum(scratch[:0])[:macBytes])
}
