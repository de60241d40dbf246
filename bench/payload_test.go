package bench

import (
	"bytes"
	"testing"
)

// packet is a whole payload.
func packet(p *pattern, s stamp, size int) []byte {
	b := make([]byte, stampSize, size)
	p.put(b, s)
	return append(b, p.body(s.flow, s.sequence, size-stampSize)...)
}

func TestPayload(t *testing.T) {
	t.Parallel()
	p := newPattern(1)
	for _, size := range []int{stampSize, stampSize + 1, 160, 1200, maxPayload} {
		want := stamp{flow: 7, sequence: 1 << 40, sent: 123456789}
		if got, ok := p.read(packet(p, want, size), size); !ok || got != want {
			t.Errorf("%d bytes: got %+v, %v, want %+v", size, got, ok, want)
		}
	}
}

// TestPayloadDamage turns over every bit of a packet, cuts it, lengthens it, and shows it to a run with another seed.
func TestPayloadDamage(t *testing.T) {
	t.Parallel()
	p := newPattern(1)
	whole := packet(p, stamp{flow: 3, sequence: 99, sent: 5}, 160)
	for bit := range 8 * len(whole) {
		b := bytes.Clone(whole)
		b[bit/8] ^= 1 << (bit % 8)
		if s, ok := p.read(b, 160); ok {
			t.Errorf("bit %d is wrong, and the packet passes as %+v", bit, s)
		}
	}
	for name, b := range map[string][]byte{"cut": whole[:159], "longer": append(bytes.Clone(whole), 0), "empty": nil, "a stamp alone": whole[:stampSize]} {
		if _, ok := p.read(b, 160); ok {
			t.Errorf("a packet that is %s passes", name)
		}
	}
	if _, ok := newPattern(2).read(whole, 160); ok {
		t.Error("a packet of another run passes")
	}
}

// TestPayloadMixed puts the pattern of one packet behind the stamp of another, as a server does that mixes up buffers.
func TestPayloadMixed(t *testing.T) {
	t.Parallel()
	p := newPattern(1)
	a := packet(p, stamp{flow: 3, sequence: 99, sent: 5}, 160)
	for _, other := range []stamp{{flow: 4, sequence: 99, sent: 5}, {flow: 3, sequence: 100, sent: 5}, {flow: 99, sequence: 3, sent: 5}} {
		b := packet(p, other, 160)
		if _, ok := p.read(append(bytes.Clone(a[:stampSize]), b[stampSize:]...), 160); ok {
			t.Errorf("the pattern of %+v passes as another packet's", other)
		}
	}
}
