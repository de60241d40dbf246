package netio

import "sync"

// maxDatagram is the most a UDP datagram carries: 65,535 less the UDP header, over IPv6, whose length field does not
// count its own header.
const maxDatagram = 65535 - udpHeaderLen

const (
	udpHeaderLen  = 8
	ipv4HeaderLen = 20
	ipv6HeaderLen = 40
)

// bufferSizes are the sizes a bufferPool hands out. Voice fits the first, a full Ethernet frame the second; a buffer
// costs what its datagram needs and not the 64 KiB the largest one would.
var bufferSizes = [...]int{512, 2048, 16 << 10, 64 << 10}

// spareBytes is what a bufferPool keeps of each size, and spareBuffers how many of the largest at least: the
// slots of one round, so that a round of any datagrams makes no garbage.
const (
	spareBytes   = 1 << 20
	spareBuffers = 64
)

// poison is what a buffer is overwritten with when it is freed in a pool that poisons.
const poison = 0xDB

// A bufferPool lends buffers for whole datagrams. Its zero value is ready; it is safe for concurrent use.
// What is not given back is collected as garbage.
type bufferPool struct {
	poisons bool // overwrite freed buffers, so that a reader of one is found out; set before first use

	mu    sync.Mutex
	spare [len(bufferSizes)][][]byte // guarded by mu
}

// lend gives a buffer of length n, at most maxDatagram, with contents undefined.
func (p *bufferPool) lend(n int) []byte {
	class := bufferClass(n)
	p.mu.Lock()
	spare := p.spare[class]
	if len(spare) == 0 {
		p.mu.Unlock()
		return make([]byte, n, bufferSizes[class])
	}
	last := len(spare) - 1
	b := spare[last]
	spare[last] = nil
	p.spare[class] = spare[:last]
	p.mu.Unlock()
	return b[:n]
}

// free takes back a buffer of lend, with its capacity as it was; the caller uses it no more.
func (p *bufferPool) free(b []byte) {
	if p.poisons && len(b) > 0 {
		b[0] = poison
		for done := 1; done < len(b); done *= 2 {
			copy(b[done:], b[:done])
		}
	}
	class := bufferClass(cap(b))
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.spare[class]) < max(spareBuffers, spareBytes/bufferSizes[class]) {
		p.spare[class] = append(p.spare[class], b)
	}
}

// bufferClass is the index of the smallest size that holds n bytes.
func bufferClass(n int) int {
	for class, size := range bufferSizes {
		if n <= size {
			return class
		}
	}
	panic("netio: no datagram is that large")
}
