package allocation

import (
	"math/bits"
	"sync/atomic"
)

// A bitmap has a bit for each port number.
type bitmap [bitmapWords]uint64

const (
	bitmapWords = 1 << 16 / 64
	// evenBits are the bits of even port numbers in a word. The next port is always in the same word.
	evenBits = 0x5555_5555_5555_5555
)

func (b *bitmap) has(n uint16) bool { return b[n/64]>>(n%64)&1 != 0 }
func (b *bitmap) set(n uint16)      { b[n/64] |= 1 << (n % 64) }
func (b *bitmap) clear(n uint16)    { b[n/64] &^= 1 << (n % 64) }

// randomBit is the index of one of the bits that are set in w, of which there is at least one.
func randomBit(w uint64, e *entropy) int {
	for range e.below(bits.OnesCount64(w)) {
		w &= w - 1
	}
	return bits.TrailingZeros64(w)
}

// An atomicBitmap has a bit for each port number. Anyone may read it.
type atomicBitmap [bitmapWords]atomic.Uint64

func (b *atomicBitmap) has(n uint16) bool { return b[n/64].Load()>>(n%64)&1 != 0 }
func (b *atomicBitmap) set(n uint16)      { b[n/64].Or(1 << (n % 64)) }
func (b *atomicBitmap) clear(n uint16)    { b[n/64].And(^(uint64(1) << (n % 64))) }
