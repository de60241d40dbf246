package netio

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// errorBatch is how many entries of an error queue RecvErrors takes at most. More are left for the next round, so that a
// flood of ICMP messages cannot hold up a worker.
const errorBatch = 64

// An errorReader is a poller's memory for RecvErrors.
type errorReader struct {
	messages
	errors []ICMPError
}

func newErrorReader() errorReader {
	return errorReader{messages: newMessages(errorBatch, 0), errors: make([]ICMPError, 0, errorBatch)}
}

// RecvErrors reads the error queue by one recvmmsg; see Poller.
func (p *poller) RecvErrors(s Socket) []ICMPError {
	k, err := p.open(s)
	if err != nil {
		return nil
	}
	r := &p.errQueue
	r.errors = r.errors[:0]
	n, errno := recvmmsg(k.fd, r.headers, unix.MSG_ERRQUEUE)
	if errno != 0 {
		// Nothing is queued, but an error may be pending all the same: one the full queue had no room for. Reading it clears it;
		// EPOLLERR would be up for ever.
		_, _ = unix.GetsockoptInt(k.fd, unix.SOL_SOCKET, unix.SO_ERROR)
		return nil
	}
	for i := range n {
		if e, ok := icmpError(r.control(i)); ok {
			e.Peer = r.names[i].addrPort() // the destination of the datagram, as the inner header of the ICMP message has it
			r.errors = append(r.errors, e)
		}
		r.reset(i)
	}
	return r.errors
}

// icmpError finds the ICMP error in an entry's control data. Entries of local origin are not one: the send they belong to has
// failed and said so.
func icmpError(b []byte) (ICMPError, bool) {
	for {
		level, typ, value, rest, ok := nextControl(b)
		if !ok {
			return ICMPError{}, false
		}
		extended := level == unix.IPPROTO_IP && typ == unix.IP_RECVERR || level == unix.IPPROTO_IPV6 && typ == unix.IPV6_RECVERR
		if extended && len(value) >= int(unsafe.Sizeof(unix.SockExtendedErr{})) {
			e := (*unix.SockExtendedErr)(unsafe.Pointer(&value[0]))
			if e.Origin != unix.SO_EE_ORIGIN_ICMP && e.Origin != unix.SO_EE_ORIGIN_ICMP6 {
				return ICMPError{}, false
			}
			return ICMPError{Type: e.Type, Code: e.Code, Info: e.Info}, true
		}
		b = rest
	}
}
