package auth

import (
	"strings"
	"testing"
	"time"
)

func TestParseName(t *testing.T) {
	t.Parallel()
	const suffix = ":~1.k1.gold.1700000000123.AAAAAAAAAAAAAAAA"
	for _, test := range []struct {
		username  string
		ok        bool
		expires   time.Time
		subject   string // with the suffix, if any
		authentic string // without
		class     string
	}{
		{"1700000000", true, time.Unix(1700000000, 0), "", "", ""},
		{"1700000000:bob", true, time.Unix(1700000000, 0), "bob", "bob", ""},
		{"1700000000:8:acs:a_b", true, time.Unix(1700000000, 0), "8:acs:a_b", "8:acs:a_b", ""},
		{"1700000000:", true, time.Unix(1700000000, 0), "", "", ""},
		{"1700000000.5:bob", true, time.Unix(1700000000, 5e8), "bob", "bob", ""},
		{"1700000000.123", true, time.Unix(1700000000, 123e6), "", "", ""},
		{"1700000000.1234567891234:b", true, time.Unix(1700000000, 123456789), "b", "b", ""},
		{"0:bob", true, time.Unix(0, 0), "bob", "bob", ""},
		{"999999999999999:bob", true, time.Unix(999999999999999, 0), "bob", "bob", ""},
		{"1700000000:bob" + suffix, true, time.Unix(1700000000, 0), "bob" + suffix, "bob", "gold"},
		{"1700000000.5:bob" + suffix, true, time.Unix(1700000000, 5e8), "bob" + suffix, "bob", "gold"},
		{"1700000000:bob" + suffix + suffix, true, time.Unix(1700000000, 0), "bob" + suffix + suffix, "bob" + suffix, "gold"},
		{"1700000000" + suffix, true, time.Unix(1700000000, 0), suffix[1:], "", "gold"},
		{"1700000000:" + suffix, true, time.Unix(1700000000, 0), suffix, "", "gold"},

		{"", false, time.Time{}, "", "", ""},
		{"bob", false, time.Time{}, "", "", ""},
		{"bob:1700000000", false, time.Time{}, "", "", ""},
		{":bob", false, time.Time{}, "", "", ""},
		{"-1:bob", false, time.Time{}, "", "", ""},
		{"+1:bob", false, time.Time{}, "", "", ""},
		{" 1:bob", false, time.Time{}, "", "", ""},
		{"1700000000bob", false, time.Time{}, "", "", ""},
		{"1700000000.:bob", false, time.Time{}, "", "", ""},
		{"1700000000.5.5:bob", false, time.Time{}, "", "", ""},
		{".5:bob", false, time.Time{}, "", "", ""},
		{"1000000000000000:bob", false, time.Time{}, "", "", ""},
		{strings.Repeat("9", 700), false, time.Time{}, "", "", ""},
		{"1e9:bob", false, time.Time{}, "", "", ""},
		{"\u0661:bob", false, time.Time{}, "", "", ""},
	} {
		p, ok := parseName([]byte(test.username))
		if ok != test.ok {
			t.Errorf("%q: ok = %v", test.username, ok)
			continue
		}
		if !ok {
			continue
		}
		if !p.expires.Equal(test.expires) {
			t.Errorf("%q: expires %v, want %v", test.username, p.expires, test.expires)
		}
		if got := string(p.subjectOf(false)); got != test.subject {
			t.Errorf("%q: subject %q, want %q", test.username, got, test.subject)
		}
		if hasSuffix := p.suffix.start > 0; hasSuffix != (test.class != "") {
			t.Errorf("%q: has suffix: %v", test.username, hasSuffix)
		} else if hasSuffix {
			if got := string(p.subjectOf(true)); got != test.authentic {
				t.Errorf("%q: authentic subject %q, want %q", test.username, got, test.authentic)
			}
			if string(p.suffix.class) != test.class || string(p.suffix.id) != "k1" || !p.suffix.issuedAt().Equal(time.UnixMilli(1700000000123)) {
				t.Errorf("%q: suffix %+v", test.username, p.suffix)
			}
		}
	}
}

func TestParseSuffixRefuses(t *testing.T) {
	t.Parallel()
	const mac = "AAAAAAAAAAAAAAAA"
	for _, text := range []string{
		"", mac, "." + mac,
		":~1.k.c.1." + mac,         // nothing before it
		"1:b~1.k.c.1." + mac,       // no colon
		"1:b:~3.k.c.1." + mac,      // another version
		"1:b:~3.k.c.1.8000." + mac, // likewise
		"1:b:~2.k.c.1." + mac,      // no bandwidth
		"1:b:~2.k.c.1.0." + mac,    // none either
		"1:b:~2.k.c.1.8e3." + mac,  // no number
		"1:b:~2.k.c..8000." + mac,  // no time
		"1:b:~2.k.c.1.-8." + mac,   // signed
		"1:b:~2.k.c.1.1.8." + mac,  // one part too many
		":~2.k.c.1.8000." + mac,    // nothing before it
		"1:b:~2.k.c.1.1234567890123456." + mac,
		"1:b:~1..c.1." + mac,        // no key id
		"1:b:~1.k..1." + mac,        // no class
		"1:b:~1.k.c.." + mac,        // no time
		"1:b:~1.k.c.1x." + mac,      // time no number
		"1:b:~1.k.c.-1." + mac,      // signed
		"1:b:~1.K.c.1." + mac,       // upper case
		"1:b:~1.k.c_.1." + mac,      // another character
		"1:b:~1.k.c.1.1." + mac,     // one part too many
		"1:b:~1.k.1." + mac,         // one too few
		"1:b:~1.k.c.1" + mac,        // no point before the mac
		"1:b:~1.k.c.1." + mac + "A", // too long a mac
		"1:b:~1.k.c.1." + mac[1:],   // too short a mac
		"1:b:~1.abcdefghijklmnopq.c.1." + mac,
		"1:b:~1.k.abcdefghijklmnopq.1." + mac,
		"1:b:~1.k.c.1234567890123456." + mac,
	} {
		if s, ok := parseSuffix([]byte(text)); ok {
			t.Errorf("%q: %+v", text, s)
		}
	}
	if s, ok := parseSuffix([]byte("1:b:~2.1.2.3.4." + mac)); !ok || string(s.id) != "1" || string(s.class) != "2" || s.issued != 3 || s.bandwidth != 4 || s.start != 3 {
		t.Errorf("a suffix of numbers alone: %+v", s)
	}
	if s, ok := parseSuffix([]byte("1:b:~1.1.2.3." + mac)); !ok || s.issued != 3 || s.bandwidth != 0 {
		t.Errorf("likewise, without a bandwidth: %+v", s)
	}
	if _, ok := parseSuffix([]byte("1:~1.abcdefghijklmnop.abcdefghijklmnop.123456789012345." + mac)); !ok {
		t.Error("the longest parts are refused")
	}
}
