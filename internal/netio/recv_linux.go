package netio

import (
	"fmt"
	"net/netip"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"
)

// slotSize holds any datagram: a UDP length field says at most 65,535.
const slotSize = 1 << 16

// A receiver is a poller's memory for datagrams, and for those that arrive as one by GRO, used from one end to the other in a round and all over again in the
// next. Pages that were never written to cost nothing, as large allocations come zeroed from the system: mostly voice
// is received, and then one page of each slot exists.
type receiver struct {
	messages
	slots   []byte   // slotSize bytes for each message
	used    int      // slots in use in this round
	packets []Packet // of the last Recv
}

func newReceiver(slots int) receiver {
	r := receiver{
		messages: newMessages(slots, 1),
		slots:    make([]byte, slots*slotSize),
		packets:  make([]Packet, 0, slots),
	}
	for i := range r.headers {
		r.headers[i].Hdr.SetIovlen(1)
		r.iovecs[i].Base = unsafe.SliceData(r.slots[i*slotSize:])
		r.iovecs[i].SetLen(slotSize)
	}
	return r
}

func (p *poller) Room() int { return len(p.receive.headers) - p.receive.used }

func (p *poller) EndRound() { p.receive.used = 0 }

// Recv reads by one recvmmsg; see Poller.
func (p *poller) Recv(s Socket, max int) ([]Packet, error) {
	k, err := p.open(s)
	if err != nil {
		return nil, err
	}
	want := k.appetite.slots(min(max, p.Room(), k.slots()), p.turn)
	if want <= 0 {
		return nil, nil
	}
	r := &p.receive
	for tries := 0; ; tries++ {
		n, errno := recvmmsg(k.fd, r.headers[r.used:r.used+want], 0)
		p.counts.RecvCalls++
		switch {
		case errno == 0:
			p.more = p.more || n == want && want > 1
			k.appetite.learn(n, p.turn)
			return p.take(k, n), nil
		case errno == unix.EAGAIN:
			k.appetite.learn(0, p.turn)
			return nil, nil
		case errno == unix.EINTR:
		case tries >= pendingRetries(errno):
			if mayBePending(errno) {
				return nil, nil // errors arrive faster than they are read: EPOLLERR is up, and the datagrams wait
			}
			return nil, fmt.Errorf("receive on %v: %w", k.local, errno)
		}
	}
}

// readBurst is how many datagrams one Recv of a socket is to bring about at most, so that one fast sender does not hold up
// others: the relay needs some 0.2 ms for them. More at a time would be no faster.
const readBurst = 512

// slots is how many slots a read of the socket may fill: fewer, the more datagrams arrived in each of them last time.
func (s *socket) slots() int { return readBurst / max(int(s.density), 1) }

// take makes packets of what was received into the next n slots.
func (p *poller) take(s *socket, n int) []Packet {
	r := &p.receive
	r.packets = r.packets[:0]
	for i := r.used; i < r.used+n; i++ {
		h := &r.headers[i]
		if h.Hdr.Flags&unix.MSG_TRUNC != 0 {
			p.counts.Truncated++ // a part of a datagram is never taken for one
			r.reset(i)
			continue
		}
		c := receivedControl(r.control(i))
		to := s.local
		if s.wildcard && c.local.IsValid() {
			to = netip.AddrPortFrom(c.local, s.local.Port())
		}
		start, length := i*slotSize, int(h.Len)
		segments := r.split(Packet{
			Addr:    r.names[i].addrPort(),
			Local:   to,
			Payload: r.slots[start : start+length : start+length],
			TOS:     c.tos, Received: c.at,
		}, c.segment)
		p.counts.received(segments)
		r.reset(i)
	}
	r.used += n
	if n > 0 {
		s.density = int32(min(len(r.packets)/n, readBurst))
	}
	return r.packets
}

// split appends the datagrams that arrived as one packet: each has size bytes but the last, which may be shorter; 0 says that
// it is one. It returns how many they are. (The kernel aggregates at most 64, and hands on what a local sender put together,
// which may be more.)
func (r *receiver) split(all Packet, size int) int {
	b := all.Payload
	if size <= 0 {
		size = len(b)
	}
	n, first := max(1, (len(b)+size-1)/max(size, 1)), len(r.packets)
	r.packets = slices.Grow(r.packets, n)[:first+n]
	for i := range n {
		p, end := &r.packets[first+i], min(size, len(b))
		*p = all
		p.Payload, b = b[:end:end], b[end:]
	}
	return n
}

// received counts a slot that brought so many datagrams.
func (c *Counts) received(datagrams int) {
	c.RecvDatagrams += uint64(datagrams)
	if datagrams > 1 {
		c.GROMessages++
		c.GROSegments += uint64(datagrams)
	}
}
