package netio

import (
	"fmt"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// slotSize holds any datagram: a UDP length field says at most 65,535.
const slotSize = 1 << 16

// A receiver is a poller's memory for datagrams, used from one end to the other in a round and all over again in the
// next. Pages that were never written to cost nothing, as large allocations come zeroed from the system: mostly voice
// is received, and then one page of each slot exists.
type receiver struct {
	messages
	slots   []byte // slotSize bytes for each message
	used    int    // slots holding datagrams of this round
	packets []Packet
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
	want := min(max, p.Room())
	if want <= 0 {
		return nil, nil
	}
	r := &p.receive
	for tries := 0; ; tries++ {
		n, errno := recvmmsg(k.fd, r.headers[r.used:r.used+want], 0)
		p.counts.RecvCalls++
		switch {
		case errno == 0:
			p.more = p.more || n == want
			return p.take(k, n), nil
		case errno == unix.EAGAIN:
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

// take makes packets of the n datagrams that were received into the next slots.
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
		tos, local := receivedControl(r.control(i))
		to := s.local
		if s.wildcard && local.IsValid() {
			to = netip.AddrPortFrom(local, s.local.Port())
		}
		start, length := i*slotSize, int(h.Len)
		r.packets = append(r.packets, Packet{
			Addr:    r.names[i].addrPort(),
			Local:   to,
			Payload: r.slots[start : start+length : start+length],
			TOS:     tos,
		})
		r.reset(i)
	}
	r.used += n
	p.counts.RecvDatagrams += uint64(len(r.packets))
	return r.packets
}
