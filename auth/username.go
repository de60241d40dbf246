package auth

import (
	"bytes"
	"time"
)

const (
	// MaxUsername is the longest username that is issued, in bytes (RFC 8489
	// §14.3: fewer than 509).
	MaxUsername = 508
	// maxParsed is the longest one that is read, for clients of RFC 5389.
	maxParsed = 763
	// maxDigits bounds an expiry or a time of issue, so that it fits an int64
	// and a time.Time by far: milliseconds last for 31,000 years.
	maxDigits = 15
)

// A name is a username taken apart. Its slices are views of whole.
type name struct {
	whole   []byte
	expires time.Time
	subject int // where the subject begins; 0: a bare expiry
	suffix  suffix
}

// parseName reads `expiry`, `expiry:subject`, both perhaps with a suffix, where
// expiry is seconds since 1970 with or without a fraction. It knows nothing of
// what the suffix is worth.
func parseName(whole []byte) (name, bool) {
	seconds, n := parseDigits(whole)
	if n == 0 {
		return name{}, false
	}
	nanoseconds := int64(0)
	if n < len(whole) && whole[n] == '.' {
		var digits int
		nanoseconds, digits = parseFraction(whole[n+1:])
		if digits == 0 {
			return name{}, false
		}
		n += 1 + digits
	}
	p := name{whole: whole, expires: time.Unix(seconds, nanoseconds)}
	if n < len(whole) {
		if whole[n] != ':' {
			return name{}, false
		}
		p.subject = n + 1
		p.suffix, _ = parseSuffix(whole)
	}
	return p, true
}

// subjectOf is who the username names, empty for a bare expiry. A suffix that
// is not authentic is part of the subject.
func (p *name) subjectOf(authentic bool) []byte {
	switch {
	case p.subject == 0:
		return nil
	case !authentic:
		return p.whole[p.subject:]
	case p.suffix.start < p.subject: // the colon after the expiry is the suffix's
		return nil
	}
	return p.whole[p.subject:p.suffix.start]
}

// parseDigits reads the decimal number that b begins with and says how many
// digits it has: 0 for none and for more than maxDigits.
func parseDigits(b []byte) (value int64, n int) {
	for n < len(b) && isDigit(b[n]) {
		if n == maxDigits {
			return 0, 0
		}
		value = value*10 + int64(b[n]-'0')
		n++
	}
	return value, n
}

// parseFraction reads the digits after the point as nanoseconds. Those beyond
// the ninth count for nothing.
func parseFraction(b []byte) (nanoseconds int64, n int) {
	for unit := int64(time.Second / 10); n < len(b) && isDigit(b[n]); n++ {
		nanoseconds += int64(b[n]-'0') * unit
		unit /= 10
	}
	return nanoseconds, n
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// TrimNUL removes trailing NULs (RFC 8489 §9.2.2): what is left names the user,
// and is what [Verifier.Verify] goes by. The result is a view of username. Quotes,
// which the same sentence removes, are left in place: clients hash the username as
// they send it, and no name of ours contains one.
func TrimNUL(username []byte) []byte { return bytes.TrimRight(username, "\x00") }
