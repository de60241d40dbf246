package netio

import (
	"net"
	"unsafe"

	"golang.org/x/sys/unix"
)

// sendBatch is how many datagrams one sendmmsg takes.
const sendBatch = 64

// outIovecs are a datagram's parts: header, payload, padding.
const outIovecs = 3

// A sender is a poller's memory for Send. Its iovecs go on referring to the last batch's parts, which therefore are not
// collected before the next one; nothing reads them.
type sender struct {
	messages
	index    [sendBatch]int // of the Out in each message
	next     []int          // for each Out, the next one of its socket
	sockets  []*socket      // with outs, in the order of their first
	failures []Failure
}

func newSender() sender { return sender{messages: newMessages(sendBatch, outIovecs)} }

// Send groups the outs by socket, and sends each group by as few system calls as it can; see Poller.
func (p *poller) Send(outs []Out) []Failure {
	x := &p.send
	x.failures = x.failures[:0]
	if cap(x.next) < len(outs) {
		x.next = make([]int, len(outs))
	}
	x.next = x.next[:len(outs)]
	for i := range outs {
		x.link(i, outs[i].Socket)
	}
	for i, s := range x.sockets {
		p.sendGroup(s, outs)
		s.first, s.last = none, none
		x.sockets[i] = nil
	}
	x.sockets = x.sockets[:0]
	return x.failures
}

// link appends out i to the list of its socket. The list goes through the sockets and next: it takes no memory of its own.
func (x *sender) link(i int, to Socket) {
	s, ok := to.(*socket)
	switch {
	case !ok:
		x.fail(i, errSocketNetwork)
		return
	case s.fd < 0:
		x.fail(i, net.ErrClosed)
		return
	}
	x.next[i] = none
	if s.first == none {
		s.first = i
		x.sockets = append(x.sockets, s)
	} else {
		x.next[s.last] = i
	}
	s.last = i
}

func (x *sender) fail(i int, err error) { x.failures = append(x.failures, Failure{Index: i, Err: err}) }

// sendGroup sends a socket's outs, in batches that DF does not change in.
func (p *poller) sendGroup(s *socket, outs []Out) {
	x := &p.send
	for i := s.first; i != none; {
		df := s.toggles(&outs[i])
		n := 0
		for ; i != none && n < sendBatch && s.toggles(&outs[i]) == df; i = x.next[i] {
			if errno := x.prepare(n, s, &outs[i]); errno != 0 {
				x.fail(i, sendError(errno))
				continue
			}
			x.index[n] = i
			n++
		}
		if !p.sendMessages(s, n, df) {
			for ; i != none; i = x.next[i] {
				x.fail(i, ErrWouldBlock)
			}
			return
		}
	}
}

// toggles says whether the socket's option has to change for o: an IPv6 datagram carries its wish in its control data.
func (s *socket) toggles(o *Out) bool { return o.DF && s.family == unix.AF_INET }

// prepare makes message n of the batch: references to the parts of o, its destination, and control data where it is needed.
func (x *sender) prepare(n int, s *socket, o *Out) unix.Errno {
	h := &x.headers[n].Hdr
	if !x.names[n].put(s.family, o.Dst) {
		return unix.EAFNOSUPPORT
	}
	h.Namelen = sockaddrLen(s.family)

	iovecs := (*[outIovecs]unix.Iovec)(x.iovecs[n*outIovecs:])
	parts := 0
	for _, part := range [outIovecs][]byte{o.Header, o.Payload, o.Padding} {
		if len(part) > 0 {
			iovecs[parts].Base = unsafe.SliceData(part)
			iovecs[parts].SetLen(len(part))
			parts++
		}
	}
	h.SetIovlen(parts)

	c, end := &x.controls[n], 0
	if o.TOS != 0 {
		end = c.putTOS(end, s.family, o.TOS)
	}
	if s.wildcard && o.Local.IsValid() {
		var ok bool
		if end, ok = c.putSource(end, s.family, o.Local); !ok {
			return unix.EAFNOSUPPORT
		}
	}
	if o.DF && s.family == unix.AF_INET6 {
		end = c.putDontFragment(end)
	}
	h.SetControllen(end)
	return 0
}

// sendMessages sends the first n messages of the batch, with DF set if df says so. It reports false if the socket's buffer is
// full, so that no more can be sent.
func (p *poller) sendMessages(s *socket, n int, df bool) bool {
	x := &p.send
	if n == 0 {
		return true
	}
	if err := s.setDF(df); err != nil {
		for _, i := range x.index[:n] {
			x.fail(i, err)
		}
		return true
	}
	done := p.sendAll(s, x.headers[:n])
	if df {
		// Back at once, since the option also decides what becomes of ICMP errors. Were it to fail, the next batch
		// would try again, and be failed by it.
		_ = s.setDF(false)
	}
	return done
}

// sendAll sends the messages, around those that fail. sendmmsg stops at a message that fails and tells why only when that
// message is the first of a call.
func (p *poller) sendAll(s *socket, m []unix.Mmsghdr) bool {
	x := &p.send
	retries := 0
	for at := 0; at < len(m); {
		n, errno := sendmmsg(s.fd, m[at:])
		p.counts.SendCalls++
		p.counts.SendDatagrams += uint64(n)
		at += n
		switch {
		case n > 0:
			retries = 0
		case errno == unix.EINTR:
		case errno == unix.EAGAIN:
			for ; at < len(m); at++ {
				x.fail(x.index[at], ErrWouldBlock)
			}
			return false
		case retries < pendingRetries(errno):
			retries++
		default:
			x.fail(x.index[at], sendError(errno))
			at++
			retries = 0
		}
	}
	return true
}
