package allocation

import (
	"crypto/rand"
	"encoding/binary"
)

// An entropy hands out random bytes that it reads in batches, since each read may be a system call.
type entropy struct {
	read   func([]byte) (int, error) // crypto/rand.Read, which never fails; tests put a seeded source here
	buffer [512]byte
	unused int // the last bytes of buffer
}

func newEntropy() entropy { return entropy{read: rand.Read} }

// fill writes random bytes to all of dst, which is shorter than the buffer.
func (e *entropy) fill(dst []byte) {
	if e.unused < len(dst) {
		if _, err := e.read(e.buffer[:]); err != nil {
			panic("allocation: no random numbers: " + err.Error())
		}
		e.unused = len(e.buffer)
	}
	copy(dst, e.buffer[len(e.buffer)-e.unused:])
	e.unused -= len(dst)
}

// below is uniform in 0 to n-1; n is positive.
func (e *entropy) below(n int) int {
	var b [4]byte
	for {
		e.fill(b[:])
		// The numbers left over by the last whole multiple of n would favour small results.
		if v := uint64(binary.LittleEndian.Uint32(b[:])); v < 1<<32-1<<32%uint64(n) {
			return int(v % uint64(n))
		}
	}
}
