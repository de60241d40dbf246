package top

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// clean makes a text that others have chosen safe for a terminal: what is not printed is a dot, so that nobody's name moves
// the cursor.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '·'
		}
		return r
	}, strings.ToValidUTF8(s, "·"))
}

// bits is a rate in bytes a second as people count lines: 12.3 Mb/s.
func bits(bytesPerSecond float64) string { return scaled(bytesPerSecond*8, "b/s") }

// amount is a number of bytes: 1.2 GB.
func amount(n float64) string { return scaled(n, "B") }

// scaled writes three digits and a unit with the prefix of a thousand, a million and so on.
func scaled(n float64, unit string) string {
	prefixes := []string{"", "k", "M", "G", "T", "P"}
	i := 0
	for ; math.Round(n) >= 1000 && i < len(prefixes)-1; i++ {
		n /= 1000
	}
	digits := 0
	if i > 0 && n < 99.95 {
		digits = 1
	}
	return strconv.FormatFloat(n, 'f', digits, 64) + " " + prefixes[i] + unit
}

// count writes a number in groups of three digits.
func count[N int | uint64 | float64](n N) string {
	s := strconv.FormatFloat(math.Round(float64(n)), 'f', 0, 64)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// few writes a rate that may be below one.
func few(n float64) string {
	if n > 0 && n < 10 {
		return strconv.FormatFloat(n, 'f', 1, 64)
	}
	return count(n)
}

// span is a length of time in its two largest units at most: 3h12m.
func span(d time.Duration) string {
	s := max(0, int(d.Seconds()))
	switch {
	case s < 60:
		return fmt.Sprintf("%ds", s)
	case s < 3600:
		return fmt.Sprintf("%dm%02ds", s/60, s%60)
	case s < 100*3600:
		return fmt.Sprintf("%dh%02dm", s/3600, s/60%60)
	}
	return fmt.Sprintf("%dd", s/86400)
}
