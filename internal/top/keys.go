package top

import (
	"strings"
	"unicode/utf8"
)

// sequences are what terminals send for keys without a character (ECMA-48; xterm's control sequences).
var sequences = map[string]Key{
	"\x1b[A": KeyUp, "\x1b[B": KeyDown, "\x1bOA": KeyUp, "\x1bOB": KeyDown,
	"\x1b[5~": KeyPageUp, "\x1b[6~": KeyPageDown, "\x1b[H": KeyHome, "\x1b[1~": KeyHome, "\x1bOH": KeyHome,
}

// controls are keys by the character that a terminal sends.
var controls = map[byte]Key{
	0x03: KeyInterrupt, 0x04: KeyInterrupt, '\r': KeyEnter, '\n': KeyEnter, 0x08: KeyBackspace, 0x7f: KeyBackspace,
}

// decode is the keys in what a terminal sent, and the rest of it that more may follow on. With whole, nothing will.
func decode(b string, whole bool) (keys []Key, rest string) {
	for b != "" {
		if b[0] == '\x1b' {
			key, n := escape(b)
			if n == 0 && !whole {
				return keys, b
			}
			if n == 0 {
				key, n = KeyEscape, 1
			}
			if key != 0 {
				keys = append(keys, key)
			}
			b = b[n:]
			continue
		}
		if !utf8.FullRuneInString(b) && !whole {
			return keys, b
		}
		r, n := utf8.DecodeRuneInString(b)
		switch key, known := controls[b[0]]; {
		case known:
			keys = append(keys, key)
		case r >= ' ' && r != utf8.RuneError:
			keys = append(keys, Key(r))
		}
		b = b[n:]
	}
	return keys, ""
}

// escape is the key of a sequence at the start of b and the sequence's length; 0 where it is not whole, or only the Escape
// key so far. The key is 0 for a sequence that stands for none here.
func escape(b string) (Key, int) {
	for s, key := range sequences {
		if strings.HasPrefix(b, s) {
			return key, len(s)
		}
	}
	if len(b) == 1 {
		return 0, 0
	}
	if b[1] != '[' && b[1] != 'O' { // the Escape key, and another one
		return KeyEscape, 1
	}
	for i := 2; i < len(b); i++ {
		if b[i] >= '@' && b[i] <= '~' { // the final byte: ECMA-48 §5.4
			return 0, i + 1
		}
	}
	return 0, 0
}
