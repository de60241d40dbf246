package top

import (
	"slices"
	"testing"
)

func TestDecode(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text  string
		whole bool
		keys  []Key
		rest  string
	}{
		{"q", false, []Key{'q'}, ""},
		{"jüq", false, []Key{'j', 'ü', 'q'}, ""},
		{"\x1b[A\x1b[B\x1bOA\x1b[5~\x1b[6~\x1b[1~", false, []Key{KeyUp, KeyDown, KeyUp, KeyPageUp, KeyPageDown, KeyHome}, ""},
		{"\x1b", false, nil, "\x1b"},
		{"\x1b", true, []Key{KeyEscape}, ""},
		{"\x1b[", false, nil, "\x1b["},
		{"\x1b[", true, []Key{KeyEscape, '['}, ""},
		{"a\x1b[5", false, []Key{'a'}, "\x1b[5"},
		{"\x1bq", false, []Key{KeyEscape, 'q'}, ""},
		{"\x1b\x1b", false, []Key{KeyEscape}, "\x1b"},
		{"\x1b[15~x", false, []Key{'x'}, ""},  // F5: no key here
		{"\x1b[1;5Ax", false, []Key{'x'}, ""}, // with Ctrl
		{"\x03", false, []Key{KeyInterrupt}, ""},
		{"\r\x7f\x08", false, []Key{KeyEnter, KeyBackspace, KeyBackspace}, ""},
		{"\x01\x02", false, nil, ""},
		{"\xc3", false, nil, "\xc3"},
		{"\xc3", true, nil, ""},
		{"\xffa", false, []Key{'a'}, ""},
	} {
		keys, rest := decode(c.text, c.whole)
		if !slices.Equal(keys, c.keys) || rest != c.rest {
			t.Errorf("%q: %v and %q, want %v and %q", c.text, keys, rest, c.keys, c.rest)
		}
	}
}

// FuzzDecode divides what a terminal sends anywhere: the keys are the same.
func FuzzDecode(f *testing.F) {
	for _, text := range []string{"", "q", "\x1b[A", "\x1b[5~x", "\x1b\x1b[", "ü\x1bO", "\xc3\x28", "\x1b[1;5A"} {
		f.Add(text, 1)
	}
	f.Fuzz(func(t *testing.T, text string, at int) {
		all, rest := decode(text, true)
		if rest != "" {
			t.Fatalf("%q leaves %q", text, rest)
		}
		if at < 0 || at > len(text) {
			return
		}
		first, rest := decode(text[:at], false)
		second, rest := decode(rest+text[at:], true)
		if got := append(first, second...); rest != "" || !slices.Equal(got, all) {
			t.Fatalf("%q, divided at %d: %v, want %v", text, at, got, all)
		}
	})
}
