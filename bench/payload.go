package bench

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
)

// stampSize is what the generator needs of a payload: 4 bytes of check, 4 of flow, 8 of sequence number and 8 of time,
// big-endian. The rest is pattern.
const stampSize = 24

// maxPayload is the largest payload a scenario may have: what a ChannelData message in one datagram over IPv4 carries.
const maxPayload = 65503

// patternSize is over how many bytes patterns begin. Neighbouring packets begin far apart, so that one delivered under
// another's number is found out.
const patternSize = 1 << 16

// A stamp is what a payload says of itself.
type stamp struct {
	flow     uint32
	sequence uint64
	sent     int64 // nanoseconds on the sender's clock
}

// A pattern makes payloads and checks them. The bytes behind the stamp are a view of one block, so that sending them
// copies nothing. It is immutable, and safe for concurrent use.
type pattern struct {
	seed  uint64
	block []byte
}

func newPattern(seed uint64) *pattern {
	var key [32]byte
	binary.BigEndian.PutUint64(key[:], seed)
	p := &pattern{seed: seed, block: make([]byte, patternSize+maxPayload)}
	_, _ = rand.NewChaCha8(key).Read(p.block) // never fails
	return p
}

// mix spreads what distinguishes a packet over 64 bits.
func (p *pattern) mix(flow uint32, sequence uint64) uint64 {
	x := p.seed ^ uint64(flow)<<32 ^ sequence*0x9E3779B97F4A7C15 // the golden ratio's fraction, odd
	x ^= x >> 32
	x *= 0xD6E8FEB86659FD93 // an odd number with well-spread bits
	return x ^ x>>32
}

// check covers the stamp itself.
func (p *pattern) check(s stamp) uint32 {
	return uint32(p.mix(s.flow, s.sequence^uint64(s.sent)*0xFF51AFD7ED558CCD) >> 16)
}

// put writes a stamp into the first stampSize bytes of dst.
func (p *pattern) put(dst []byte, s stamp) {
	binary.BigEndian.PutUint32(dst, p.check(s))
	binary.BigEndian.PutUint32(dst[4:], s.flow)
	binary.BigEndian.PutUint64(dst[8:], s.sequence)
	binary.BigEndian.PutUint64(dst[16:], uint64(s.sent))
}

// body is the n bytes that follow the stamp, as a view: not to be written to.
func (p *pattern) body(flow uint32, sequence uint64, n int) []byte {
	at := int(p.mix(flow, sequence) % patternSize)
	return p.block[at : at+n : at+n]
}

// read checks a payload of size bytes, to the last one. Without ok it is damaged, and nothing it says can be believed.
func (p *pattern) read(b []byte, size int) (s stamp, ok bool) {
	if len(b) != size || size < stampSize {
		return stamp{}, false
	}
	s = stamp{
		flow:     binary.BigEndian.Uint32(b[4:]),
		sequence: binary.BigEndian.Uint64(b[8:]),
		sent:     int64(binary.BigEndian.Uint64(b[16:])),
	}
	if binary.BigEndian.Uint32(b) != p.check(s) {
		return stamp{}, false
	}
	return s, bytes.Equal(b[stampSize:], p.body(s.flow, s.sequence, size-stampSize))
}
