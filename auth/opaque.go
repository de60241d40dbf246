package auth

import (
	"errors"
	"fmt"
	"unicode"
	"unicode/utf8"
)

// opaque holds the code points beyond ASCII that names may contain: letters of
// the scripts below, of which each one, in any sequence with the others, is its
// own OpaqueString (RFC 8265 §4.2). That follows from three properties, which
// a test checks as far as the standard library knows them:
//
//   - none is a non-ASCII space, the only thing the profile maps;
//   - each is in Normalization Form C, is a starter (combining class 0) and never
//     combines with the character before it, so that every sequence is in
//     Form C. This leaves out combining marks, conjoining Jamo, singletons such
//     as the Kelvin sign, CJK compatibility ideographs and the composition
//     exclusions;
//   - each is valid in the FreeformClass without a contextual rule (RFC 8264
//     §4.3, §9): no control, no ignorable, no unassigned one, no tatweel.
//
// It is narrower than the profile on purpose: with the standard library alone
// nothing wider can be shown to be unchanged, and a client that does apply the
// profile must come to the same bytes as one that does not.
var opaque = &unicode.RangeTable{
	R16: []unicode.Range16{
		{Lo: 0x00AA, Hi: 0x00AA, Stride: 1}, // Latin-1 letters, without the signs between
		{Lo: 0x00B5, Hi: 0x00B5, Stride: 1},
		{Lo: 0x00BA, Hi: 0x00BA, Stride: 1},
		{Lo: 0x00C0, Hi: 0x00D6, Stride: 1},
		{Lo: 0x00D8, Hi: 0x00F6, Stride: 1},
		{Lo: 0x00F8, Hi: 0x0148, Stride: 1}, // Latin Extended-A and -B, IPA; U+0149 is deprecated
		{Lo: 0x014A, Hi: 0x02AF, Stride: 1},
		{Lo: 0x0386, Hi: 0x0386, Stride: 1}, // Greek, without the singletons U+0374, U+037E, U+0387
		{Lo: 0x0388, Hi: 0x038A, Stride: 1},
		{Lo: 0x038C, Hi: 0x038C, Stride: 1},
		{Lo: 0x038E, Hi: 0x03A1, Stride: 1},
		{Lo: 0x03A3, Hi: 0x03CE, Stride: 1},
		{Lo: 0x0400, Hi: 0x0481, Stride: 1}, // Cyrillic, without its combining signs
		{Lo: 0x048A, Hi: 0x052F, Stride: 1},
		{Lo: 0x0531, Hi: 0x0556, Stride: 1}, // Armenian
		{Lo: 0x0561, Hi: 0x0587, Stride: 1},
		{Lo: 0x05D0, Hi: 0x05EA, Stride: 1}, // Hebrew letters; U+FB1D and on are composition exclusions
		{Lo: 0x0620, Hi: 0x063F, Stride: 1}, // Arabic, without tatweel, marks and digits
		{Lo: 0x0641, Hi: 0x064A, Stride: 1},
		{Lo: 0x0671, Hi: 0x0672, Stride: 1}, // U+0673 is deprecated
		{Lo: 0x0679, Hi: 0x06D3, Stride: 1}, // U+0674 to U+0678 have a hamza beside the letter
		{Lo: 0x10D0, Hi: 0x10FA, Stride: 1}, // Georgian
		{Lo: 0x1E00, Hi: 0x1EFF, Stride: 1}, // Latin Extended Additional: Vietnamese
		{Lo: 0x3041, Hi: 0x3096, Stride: 1}, // Hiragana
		{Lo: 0x30A1, Hi: 0x30FA, Stride: 1}, // Katakana, without U+30FB, which has a contextual rule
		{Lo: 0x30FC, Hi: 0x30FE, Stride: 1},
		{Lo: 0x3400, Hi: 0x4DB5, Stride: 1}, // CJK ideographs: Extension A and the first block
		{Lo: 0x4E00, Hi: 0x9FA5, Stride: 1},
		{Lo: 0xAC00, Hi: 0xD7A3, Stride: 1}, // Hangul syllables; no trailing Jamo can follow
	},
	R32: []unicode.Range32{
		{Lo: 0x20000, Hi: 0x2A6D6, Stride: 1}, // CJK Extension B
	},
	LatinOffset: 5,
}

// checkOpaque says why a name may not be what OpaqueString would make of it, or
// why a STUN peer would see another name (RFC 8489 §9.2.2 removes quotes and
// trailing NULs). It accepts printable ASCII without the double quote, and opaque.
func checkOpaque(name string) error {
	if name == "" {
		return errors.New("is empty") // RFC 8265 §4.2.1
	}
	if !utf8.ValidString(name) {
		return errors.New("is not UTF-8")
	}
	for _, r := range name {
		switch {
		case r == '"':
			return errors.New("contains a double quote")
		case unicode.IsControl(r):
			return fmt.Errorf("contains the control character %U", r)
		case r < utf8.RuneSelf || unicode.Is(opaque, r):
		default:
			return fmt.Errorf("contains %U, which OpaqueString might change", r)
		}
	}
	return nil
}

// plausible says whether b may be a username at all. It is lenient where
// checkOpaque is strict: names that others made are hashed as they are.
func plausible(b []byte) bool {
	if len(b) == 0 || len(b) > maxParsed {
		return false
	}
	for i, c := range b {
		if c >= utf8.RuneSelf {
			return plausibleUTF8(b[i:])
		}
		if c < ' ' || c == 0x7F {
			return false
		}
	}
	return true
}

func plausibleUTF8(b []byte) bool {
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError && n == 1 || unicode.IsControl(r) {
			return false
		}
		b = b[n:]
	}
	return true
}
