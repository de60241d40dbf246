package auth

import (
	"testing"
	"unicode"
)

// What the standard library knows of the properties that opaque claims. The rest (no
// composition, no singleton) was compared once, over all of its code points,
// with the OpaqueString profile of golang.org/x/text v0.43.0.
func TestOpaqueTable(t *testing.T) {
	t.Parallel()
	singletons := []rune{ // canonical singletons and exclusions that lie between letters
		0x0374, 0x037E, 0x0387, 0x1F71, 0x1FBE, 0x2126, 0x212A, 0x212B, 0xF900, 0xFA2D, 0xFB1D, 0xFB2A, 0x2F800,
		0x0958, 0x09DC, 0x0340, 0x0343, 0x0F43, 0x2ADC,
	}
	for _, r := range singletons {
		if unicode.Is(opaque, r) {
			t.Errorf("%U is not its own NFC", r)
		}
	}
	for r := rune(0x80); r <= unicode.MaxRune; r++ {
		if !unicode.Is(opaque, r) {
			continue
		}
		switch {
		case !unicode.IsLetter(r):
			t.Errorf("%U is no letter", r)
		case unicode.In(r, unicode.M, unicode.Zs, unicode.Other_Default_Ignorable_Code_Point, unicode.Deprecated, unicode.Join_Control):
			t.Errorf("%U is a mark, a space, ignorable or deprecated", r)
		case r >= 0x1100 && r <= 0x11FF || r >= 0xA960 && r <= 0xA97C || r >= 0xD7B0 && r <= 0xD7FF:
			t.Errorf("%U is a conjoining Jamo", r)
		case r == 0x0640 || r == 0x07FA: // RFC 5892 §2.6
			t.Errorf("%U is disallowed by exception", r)
		}
	}
	// unicode.Is relies on the order.
	last := rune(0)
	for _, x := range opaque.R16 {
		if rune(x.Lo) <= last || x.Hi < x.Lo || x.Stride != 1 {
			t.Errorf("range %#x is out of order", x.Lo)
		}
		last = rune(x.Hi)
	}
	latin := 0
	for _, x := range opaque.R16 {
		if x.Hi <= unicode.MaxLatin1 {
			latin++
		}
	}
	if latin != opaque.LatinOffset {
		t.Errorf("LatinOffset is %d, want %d", opaque.LatinOffset, latin)
	}
}

func TestCheckOpaque(t *testing.T) {
	t.Parallel()
	for _, good := range []string{
		"bob", "bob smith", "O'Brien", "8:acs:6f0c1e_2b", "a@b.example", "~1.k1", " ", `back\slash`,
		vectorUser, "Jos\u00E9", "\u0416\u0443\u043A", "\u03A9", "Nguy\u1EC5n", "\u5F20\u4E09", "\uAC00\uB098", "\u05D0\u05D1", "\u0639\u0644\u064A", "\U00020000",
	} {
		if err := checkOpaque(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{
		"", `"bob"`, `bo"b`, "bob\x00", "\x00", "bo\nb", "bo\x7fb", "bo\u0085b", "bo\xffb", "\xed\xa0\x80",
		"bo\u00A0b", "bo\u3000b", "bo\u2003b", // spaces that become U+0020
		"Jose\u0301", "\u212A", "\u2126", "\u1112\u1161", "\uF900", // not in NFC, or perhaps not
		"bo\u00ADb", "bo\u200Bb", "bo\u200Db", "\uFEFFbob", // ignorable
		"\u3164", "\uFFFE", "\U0010FFFF", "\uE000", "\u0378", "\u0640", "\u00B7", "\u30FB",
	} {
		if err := checkOpaque(bad); err == nil {
			t.Errorf("%q (%+q) is accepted", bad, bad)
		}
	}
}

func TestPlausible(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"a", `1700000000:"bob"`, "1700000000:Jose\u0301 \U0001F600", "\uFFFD"} {
		if !plausible([]byte(good)) {
			t.Errorf("%q is refused", good)
		}
	}
	for _, bad := range []string{"", "a\x00b", "\x1f", "a\x7f", "a\xff", "\u00e9\x00", "\u00e9\u0085", "\u00e9\xc3"} {
		if plausible([]byte(bad)) {
			t.Errorf("%q is accepted", bad)
		}
	}
}
