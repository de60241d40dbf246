package netio

import (
	"net"
	"unsafe"

	"golang.org/x/sys/unix"
)

// sendBatch is how many messages one sendmmsg takes.
const sendBatch = 64

// outIovecs are a datagram's parts: header, payload, padding. A run's are fewer than the 1,024 that a message may have.
const outIovecs = 3

// A sender is a poller's memory for Send.
type sender struct {
	messages                                                  // of the batch: one for each run
	single   messages                                         // a run's datagrams, where it has to be sent again without UDP_SEGMENT
	call     func(fd int, m []unix.Mmsghdr) (int, unix.Errno) // sendmmsg; tests have kernels that lack things

	runs    [sendBatch]run
	singles [maxSegments]run // those of single
	count   int              // runs in the batch
	current int              // the one that was begun or joined last
	batch   uint64
	table   runTable

	next     []int     // for each Out, the next one of its socket, then of its run
	sockets  []*socket // with outs, in the order of their first
	failures []Failure
}

func newSender() sender {
	return sender{
		messages: newMessages(sendBatch, maxSegments*outIovecs),
		single:   newMessages(maxSegments, outIovecs),
		call:     sendmmsg,
	}
}

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
		s.first = int32(i)
		x.sockets = append(x.sockets, s)
	} else {
		x.next[s.last] = i
	}
	s.last = int32(i)
}

func (x *sender) fail(i int, err error) { x.failures = append(x.failures, Failure{Index: i, Err: err}) }

// failRun fails every datagram of a run.
func (x *sender) failRun(r *run, err error) {
	for i := r.first; ; i = x.next[i] {
		x.fail(i, err)
		if i == r.last {
			return
		}
	}
}

// sendGroup sends a socket's outs, in batches that DF does not change in.
func (p *poller) sendGroup(s *socket, outs []Out) {
	x := &p.send
	for i := int(s.first); i != none; {
		df := s.toggles(&outs[i])
		i = p.gather(s, outs, i, df)
		if !p.sendRuns(s, outs, df) {
			for ; i != none; i = x.next[i] {
				x.fail(i, ErrWouldBlock)
			}
			return
		}
	}
}

// toggles says whether the socket's option has to change for o: an IPv6 datagram carries its wish in its control data.
func (s *socket) toggles(o *Out) bool { return o.DF && s.family == unix.AF_INET }

// address gives message n the destination of o, and control data where it is needed, and returns the length of that; not ok
// if an address is of another family.
func (x *sender) address(n int, s *socket, o *Out) (control int, ok bool) {
	if !x.names[n].put(s.family, o.Dst) {
		return 0, false
	}
	x.headers[n].Hdr.Namelen = sockaddrLen(s.family)
	c, end := &x.controls[n], 0
	if o.TOS != 0 {
		end = c.putTOS(end, s.family, o.TOS)
	}
	if s.wildcard && o.Local.IsValid() {
		if end, ok = c.putSource(end, s.family, o.Local); !ok {
			return 0, false
		}
	}
	if o.DF && s.family == unix.AF_INET6 {
		end = c.putDontFragment(end)
	}
	return end, true
}

// sendRuns sends the runs of the batch, with DF set if df says so. It reports false if the socket's buffer is full, so that no
// more can be sent.
func (p *poller) sendRuns(s *socket, outs []Out, df bool) bool {
	x := &p.send
	if x.count == 0 {
		return true
	}
	if err := s.setDF(df); err != nil {
		for n := range x.count {
			x.failRun(&x.runs[n], err)
		}
		return true
	}
	used := x.lay(outs)
	done := p.sendAll(s, outs, x.headers[:x.count], x.runs[:x.count])
	clear(x.iovecs[:used]) // so that what was sent can be collected
	if df {
		// Back at once, since the option also decides what becomes of ICMP errors. Were it to fail, the next batch
		// would try again, and be failed by it.
		_ = s.setDF(false)
	}
	return done
}

// lay puts the parts of every run's datagrams end to end, without copying any, and returns how many parts there are.
func (x *sender) lay(outs []Out) (used int) {
	for n := range x.count {
		r, h := &x.runs[n], &x.headers[n].Hdr
		start := used
		for i := r.first; i != none; i = x.next[i] {
			used += putParts(x.iovecs[used:], &outs[i])
		}
		h.Iov = unsafe.SliceData(x.iovecs[start:])
		h.SetIovlen(used - start)
		end := r.control
		if r.segments > 1 {
			end = x.controls[n].putSegment(end, uint16(r.size))
		}
		h.SetControllen(end)
	}
	return used
}

// putParts refers to the parts of a datagram, and returns how many it has. Part by part, since a loop over them would copy
// them first.
func putParts(iovecs []unix.Iovec, o *Out) (n int) {
	at := (*[outIovecs]unix.Iovec)(iovecs)
	if len(o.Header) > 0 {
		putPart(&at[n], o.Header)
		n++
	}
	if len(o.Payload) > 0 {
		putPart(&at[n], o.Payload)
		n++
	}
	if len(o.Padding) > 0 {
		putPart(&at[n], o.Padding)
		n++
	}
	return n
}

func putPart(v *unix.Iovec, part []byte) {
	v.Base = unsafe.SliceData(part)
	v.SetLen(len(part))
}

// sendAll sends the messages of runs, around those that fail. sendmmsg stops at a message that fails and tells why only when
// that message is the first of a call.
func (p *poller) sendAll(s *socket, outs []Out, m []unix.Mmsghdr, runs []run) bool {
	x := &p.send
	retries := 0
	for at := 0; at < len(m); {
		n, errno := x.call(s.fd, m[at:])
		p.counts.SendCalls++
		for i := range runs[at : at+n] {
			p.counts.sent(runs[at+i].segments)
		}
		at += n
		more := true
		switch {
		case n > 0:
			retries = 0
		case errno == unix.EINTR:
		case retries < runs[at].retries(errno):
			retries++
		default:
			more = p.refused(s, outs, &m[at].Hdr, &runs[at], errno)
			at++
			retries = 0
		}
		if !more {
			for ; at < len(m); at++ {
				x.failRun(&runs[at], ErrWouldBlock)
			}
			return false
		}
	}
	return true
}

// sent counts a message that carried so many datagrams.
func (c *Counts) sent(datagrams int) {
	c.SendDatagrams += uint64(datagrams)
	if datagrams > 1 {
		c.GSOMessages++
		c.GSOSegments += uint64(datagrams)
	}
}
