package stun

import (
	"bytes"
	"errors"
	"testing"
)

func TestClassify(t *testing.T) {
	t.Parallel()
	for i := range 256 {
		want := KindUnknown
		switch {
		case i <= 3:
			want = KindSTUN
		case i >= 64 && i <= 127:
			want = KindChannelData
		}
		if got := Classify([]byte{byte(i)}); got != want {
			t.Errorf("Classify(%d) = %d, want %d", i, got, want)
		}
	}
	if got := Classify(nil); got != KindUnknown {
		t.Errorf("Classify of nothing = %d", got)
	}
}

func TestChannelNumberValid(t *testing.T) {
	t.Parallel()
	for n, want := range map[ChannelNumber]bool{0: false, 0x3FFF: false, 0x4000: true, 0x4FFF: true, 0x5000: false, 0x7FFF: false, 0xFFFF: false} {
		if n.Valid() != want {
			t.Errorf("%04x: %v", n, !want)
		}
	}
}

func TestParseChannelData(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		b    []byte
		n    ChannelNumber
		data string
		err  error
	}{
		{"empty data", []byte{0x40, 0, 0, 0}, 0x4000, "", nil},
		{"whole", []byte{0x40, 1, 0, 3, 'a', 'b', 'c'}, 0x4001, "abc", nil},
		{"padded", []byte{0x40, 1, 0, 3, 'a', 'b', 'c', 0xFF}, 0x4001, "abc", nil},
		{"last of RFC 5766", []byte{0x7F, 0xFF, 0, 1, 'a'}, 0x7FFF, "a", nil},
		{"nothing", nil, 0, "", errChannelData},
		{"less than a header", []byte{0x40, 1, 0}, 0, "", errChannelData},
		{"too short", []byte{0x40, 1, 0, 4, 'a', 'b', 'c'}, 0, "", errChannelData},
		{"length 65535", []byte{0x40, 1, 0xFF, 0xFF, 'a'}, 0, "", errChannelData},
		{"STUN", []byte{0, 1, 0, 0}, 0, "", errChannel},
		{"0x3FFF", []byte{0x3F, 0xFF, 0, 0}, 0, "", errChannel},
		{"0x8000", []byte{0x80, 0, 0, 0}, 0, "", errChannel},
	}
	for _, test := range tests {
		n, data, err := ParseChannelData(test.b)
		if n != test.n || string(data) != test.data || err != test.err {
			t.Errorf("%s: %04x, %q, %v", test.name, n, data, err)
		}
		if err != nil && !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v does not match ErrMalformed", test.name, err)
		}
	}
}

func TestChannelDataIsClipped(t *testing.T) {
	t.Parallel()
	b := []byte{0x40, 1, 0, 1, 'a', 0, 0, 0}
	_, data, err := ParseChannelData(b)
	if err != nil || cap(data) != 1 || &data[0] != &b[4] {
		t.Errorf("%v, capacity %d", err, cap(data))
	}
}

func TestPutChannelHeader(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 255, 256, 65535} {
		frame := make([]byte, ChannelHeaderSize+n+Padding(n))
		PutChannelHeader(frame, 0x4ABC, n)
		if got, err := FrameLength(frame); got != len(frame) || err != nil {
			t.Errorf("FrameLength of %d bytes: %d, %v", n, got, err)
		}
		ch, data, err := ParseChannelData(frame)
		if ch != 0x4ABC || len(data) != n || err != nil {
			t.Errorf("%d bytes: %04x, %d bytes, %v", n, ch, len(data), err)
		}
	}
	for _, n := range []int{-1, 65536} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("length %d: no panic", n)
				}
			}()
			PutChannelHeader(make([]byte, 4), 0x4000, n)
		}()
	}
}

// TestFrameLength tries every length of both kinds: in 16 bits, 0xFFF9 to
// 0xFFFF would wrap around to a frame of no bytes.
func TestFrameLength(t *testing.T) {
	t.Parallel()
	for n := range 0x10000 {
		length, err := FrameLength([]byte{0x40, 0, byte(n >> 8), byte(n)})
		if want := 4 + (n+3)/4*4; length != want || err != nil {
			t.Fatalf("ChannelData of %d: %d, %v", n, length, err)
		}
		length, err = FrameLength([]byte{0, 1, byte(n >> 8), byte(n)})
		if n%4 == 0 && (length != 20+n || err != nil) {
			t.Fatalf("STUN of %d: %d, %v", n, length, err)
		}
		if n%4 != 0 && !errors.Is(err, ErrMalformed) {
			t.Fatalf("STUN of %d: %d, %v", n, length, err)
		}
	}
	for _, head := range [][]byte{nil, {0x40}, {0x40, 0, 0}, {4, 0, 0, 0}, {0x16, 3, 1, 0}, {0x80, 0, 0, 0}, {0xFF, 0xFF, 0xFF, 0xFF}} {
		if n, err := FrameLength(head); n != 0 || !errors.Is(err, ErrMalformed) {
			t.Errorf("% x: %d, %v", head, n, err)
		}
	}
}

// TestStream cuts a stream of both kinds into frames.
func TestStream(t *testing.T) {
	t.Parallel()
	var stream []byte
	var want [][]byte
	for n := range 10 {
		frame := make([]byte, ChannelHeaderSize, 32)
		PutChannelHeader(frame, 0x4000, n)
		frame = append(frame, bytes.Repeat([]byte{1}, n)...)
		frame = append(frame, make([]byte, Padding(n))...)
		message := build(func(b *Builder) { b.Add(AttrNonce, make([]byte, n)) })
		want = append(want, frame, message)
		stream = append(append(stream, frame...), message...)
	}
	for i := range want {
		n, err := FrameLength(stream)
		if err != nil || !bytes.Equal(stream[:n], want[i]) {
			t.Fatalf("frame %d: %d, %v", i, n, err)
		}
		stream = stream[n:]
	}
	if len(stream) != 0 {
		t.Errorf("%d bytes left", len(stream))
	}
}
