package netio

import (
	"encoding/binary"
	"net/netip"
)

// What one message carries with UDP_SEGMENT: so many datagrams (later kernels take 128), and so many bytes in all, which is
// the payload of the largest IPv4 datagram.
const (
	maxSegments = 64
	maxRunBytes = 65507
)

// A run is outs of one socket that leave as one message: alike in destination, source, type of service, DF and length, but
// for the last, which may be shorter. A single datagram is a run of its own.
type run struct {
	first, last int // outs; sender.next leads from one to the other
	segments    int
	size        int  // bytes of each datagram but the last
	bytes       int  // of all
	open        bool // takes another datagram
	control     int  // length of its control data, without UDP_SEGMENT
}

// runTable finds the latest run to a destination. It may forget: then another run is begun, which leaves later, so that
// order is kept. So many entries that 64 runs seldom share one.
type runTable [256]struct {
	batch uint64 // the entry is of another batch otherwise; it never comes round
	run   uint8
}

// place is where the table keeps a destination.
func place(d netip.AddrPort) uint8 {
	ip := d.Addr().As16()
	h := binary.NativeEndian.Uint64(ip[:8])*31 ^ binary.NativeEndian.Uint64(ip[8:]) ^ uint64(d.Port())<<16
	return uint8(h * 0x9E3779B97F4A7C15 >> 56) // multiplicative hashing: the golden ratio spreads what differs in few bits
}

// gather makes runs of a socket's outs from i on, up to a full batch or a change of DF, and returns the first out that is
// left. Outs to one destination stay in order: each joins the latest run to it or begins a later one.
func (p *poller) gather(s *socket, outs []Out, i int, df bool) (left int) {
	x := &p.send
	x.count = 0
	x.batch++
	for i != none && s.toggles(&outs[i]) == df {
		if r := x.latestRun(outs, outs[i].Dst); r != nil && p.shortcuts.GSO.Enabled {
			if rest := x.extend(outs, r, i); rest != i {
				i = rest
				continue
			}
		}
		if x.count == len(x.runs) {
			break
		}
		next := x.next[i]
		x.begin(s, outs, i)
		i = next
	}
	return i
}

// extend adds out i to the latest run to its destination, and those right behind it in the list, as long as they fit. It
// returns the first that does not.
func (x *sender) extend(outs []Out, r *run, i int) (rest int) {
	like := &outs[r.first]
	for i != none && r.open && r.segments < maxSegments {
		o := &outs[i]
		n := o.length()
		if n == 0 || n > r.size || r.bytes+n > maxRunBytes || o.Dst != like.Dst || o.TOS != like.TOS || o.DF != like.DF || o.Local != like.Local {
			break
		}
		x.next[r.last] = i
		r.last = i
		r.segments++
		r.bytes += n
		r.open = n == r.size // a shorter one is the last
		i = x.next[i]
	}
	x.next[r.last] = none
	return i
}

// latestRun is the run of this batch that a datagram to d must not overtake; nil if there is none, or it was forgotten.
func (x *sender) latestRun(outs []Out, d netip.AddrPort) *run {
	if x.count == 0 {
		return nil
	}
	if r := &x.runs[x.current]; outs[r.first].Dst == d {
		return r
	}
	e := &x.table[place(d)]
	if e.batch != x.batch || outs[x.runs[e.run].first].Dst != d {
		return nil
	}
	x.current = int(e.run)
	return &x.runs[e.run]
}

// begin makes a run of out i, unless its addresses are of another family than the socket.
func (x *sender) begin(s *socket, outs []Out, i int) {
	o := &outs[i]
	n := x.count
	control, ok := x.address(n, s, o)
	if !ok {
		x.fail(i, ErrUnreachable)
		return
	}
	x.next[i] = none
	length := o.length()
	x.runs[n] = run{first: i, last: i, segments: 1, size: length, bytes: length, open: length > 0, control: control}
	e := &x.table[place(o.Dst)]
	e.batch, e.run = x.batch, uint8(n)
	x.current = n
	x.count++
}

// length is what the datagram carries.
func (o *Out) length() int { return len(o.Header) + len(o.Payload) + len(o.Padding) }
