package stun

import (
	"bytes"
	"slices"
	"testing"
)

func TestParseClassic(t *testing.T) {
	t.Parallel()
	request := append([]byte{0x00, 0x01, 0x00, 0x04}, "0123456789abcdef\x00\x03\x00\x00"...)
	typ, id, ok := ParseClassic(request)
	if !ok || typ != NewMessageType(MethodBinding, ClassRequest) || string(id) != "0123456789abcdef" || cap(id) != 16 {
		t.Fatalf("%v %q %v", typ, id, ok)
	}
	if _, err := Parse(request); err == nil {
		t.Error("a message without cookie is parsed")
	}
	for name, spoil := range map[string]func([]byte) []byte{
		"cookie": func(b []byte) []byte { copy(b[4:], []byte{0x21, 0x12, 0xA4, 0x42}); return b },
		"bits":   func(b []byte) []byte { b[0] = 0x80; return b },
		"length": func(b []byte) []byte { b[3] = 8; return b },
		"short":  func(b []byte) []byte { return b[:HeaderSize-1] },
		"empty":  func([]byte) []byte { return nil },
	} {
		if _, _, ok := ParseClassic(spoil(slices.Clone(request))); ok {
			t.Errorf("%s: taken for a message", name)
		}
	}
	if !bytes.Equal(request[4:20], id) {
		t.Error("the message was changed")
	}
}
