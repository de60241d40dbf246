package netio

import "golang.org/x/sys/unix"

// absentRetries is how often a run is tried again for an error that says that the kernel lacks UDP_SEGMENT, and that an ICMP
// error of a peer's making may stand behind: peers cannot have theirs in time so many times in a row.
const absentRetries = 8

// retries is how often the run's message is sent again before the error is taken for its own.
func (r *run) retries(errno unix.Errno) int {
	if r.segments > 1 && absent(errno) && mayBePending(errno) {
		return absentRetries
	}
	return pendingRetries(errno)
}

// refused deals with a run whose message failed. Where there was no room for it, all its datagrams fail; for any other error
// they are sent again as plain ones, each to fail by itself: a run can be refused where its datagrams are not. It reports false if
// the socket's buffer is full.
func (p *poller) refused(s *socket, outs []Out, h *unix.Msghdr, r *run, errno unix.Errno) bool {
	err := sendError(errno)
	if r.segments == 1 || err == ErrWouldBlock {
		p.send.failRun(r, err)
		return errno != unix.EAGAIN
	}
	if absent(errno) {
		p.shortcuts.GSO.disable("sendmmsg with UDP_SEGMENT: " + errno.Error())
	}
	return p.sendSingly(s, outs, h, r)
}

// sendSingly sends a run's datagrams as messages of their own, with the addresses and control data of the run's.
func (p *poller) sendSingly(s *socket, outs []Out, h *unix.Msghdr, r *run) bool {
	x := &p.send
	n := 0
	for i := r.first; i != none; i = x.next[i] {
		one := &x.single.headers[n].Hdr
		one.Name, one.Namelen = h.Name, h.Namelen
		one.Control = h.Control
		one.SetControllen(r.control) // UDP_SEGMENT lies behind that
		one.SetIovlen(putParts(x.single.iovecs[n*outIovecs:], &outs[i]))
		x.singles[n] = run{first: i, last: i, segments: 1}
		n++
	}
	more := p.sendAll(s, outs, x.single.headers[:n], x.singles[:n])
	clear(x.single.iovecs[:n*outIovecs])
	return more
}
