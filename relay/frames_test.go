package relay

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

	"turnout/stun"
)

// Frames are taken as many as there are, up to a ConnectionBind: what follows that
// may be data, and no message.
func TestWholeFrames(t *testing.T) {
	t.Parallel()
	binding := message(stun.MethodBinding, func(*stun.Builder) {})
	bind := message(stun.MethodConnectionBind, func(b *stun.Builder) { b.AddUint32(stun.AttrConnectionID, 7) })
	channel := channelData(0x4000, 4)
	for _, tt := range []struct {
		name        string
		bytes       []byte
		whole, next int
		err         bool
	}{
		{"nothing", nil, 0, 0, false},
		{"a part of a header", binding[:3], 0, 0, false},
		{"a part of a message", binding[:19], 0, 20, false},
		{"two messages and a part", slices.Concat(binding, channel, channel[:5]), 28, 8, false},
		{"a ConnectionBind", bind, len(bind), 0, false},
		{"data behind it", slices.Concat(binding, bind, []byte{0xff, 0xff, 0xff, 0xff}), 20 + len(bind), 0, false},
		{"messages behind it", slices.Concat(bind, binding), len(bind), 0, false},
		{"a part of it", bind[:len(bind)-1], 0, len(bind), false},
		{"what is neither", []byte{0xff, 0xff, 0xff, 0xff}, 0, 0, true},
		{"what is neither, behind a message", slices.Concat(binding, []byte{0xff, 0xff, 0xff, 0xff}), 20, 0, true},
	} {
		whole, next, err := wholeFrames(tt.bytes)
		if whole != tt.whole || next != tt.next || (err != nil) != tt.err {
			t.Errorf("%s: %d, %d, %v; want %d, %d, error %v", tt.name, whole, next, err, tt.whole, tt.next, tt.err)
		}
	}
}

// Whatever arrives, what is taken is whole frames of it, of which only the last may
// be a ConnectionBind, and more bytes behind it change nothing.
func FuzzWholeFrames(f *testing.F) {
	bind := message(stun.MethodConnectionBind, func(b *stun.Builder) { b.AddUint32(stun.AttrConnectionID, 7) })
	f.Add(slices.Concat(channelData(0x4000, 4), bind, []byte("data")))
	f.Add([]byte{0x40, 0, 0xff, 0xfc})
	f.Fuzz(func(t *testing.T, b []byte) {
		whole, next, _ := wholeFrames(b)
		if whole > len(b) || next != 0 && whole+next <= len(b) {
			t.Fatalf("%d bytes: %d whole, then one of %d", len(b), whole, next)
		}
		request := binary.BigEndian.AppendUint16(nil, connectionBindRequest)
		for rest := b[:whole]; len(rest) > 0; {
			n, err := stun.FrameLength(rest)
			if err != nil || n > len(rest) {
				t.Fatalf("a frame of %d bytes in %d, %v", n, len(rest), err)
			}
			if bytes.HasPrefix(rest, request) && n != len(rest) {
				t.Fatal("frames behind a ConnectionBind")
			}
			rest = rest[n:]
		}
		if again, _, _ := wholeFrames(b[:whole]); again != whole {
			t.Fatalf("%d whole of %d that were", again, whole)
		}
	})
}
