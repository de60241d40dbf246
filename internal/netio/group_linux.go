package netio

import (
	"errors"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"
)

var errGroupSize = errors.New("a group has at least one socket")

// listenGroup binds n sockets to one address and lets the kernel share the address's clients among them, by a hash over both
// addresses: a client stays on one socket for as long as no socket joins or leaves.
func listenGroup(addr netip.AddrPort, n int) ([]Socket, error) {
	if n < 1 {
		return nil, openFailed("listen udp", addr, errGroupSize)
	}
	sockets := make([]Socket, 0, n)
	for i := range n {
		s, err := openMember(addr, i, n)
		if err != nil {
			for _, s := range sockets {
				s.Close()
			}
			return nil, err
		}
		addr = netip.AddrPortFrom(addr.Addr(), s.local.Port()) // port 0: the first one's for all
		sockets = append(sockets, s)
	}
	if n > 1 {
		// A datagram from before the last socket was bound may lie in the queue of another socket than its client's.
		for _, s := range sockets {
			s.(*socket).discard()
		}
	}
	return sockets, nil
}

// openMember opens socket i of a group of n. Sockets of one user that all have SO_REUSEPORT when they are bound share
// their address, a second instance's with the first one's: so the first socket is bound without the option. Nobody else can
// have the address then; nor can anybody while it has the option later, who binds his own first socket without it.
func openMember(addr netip.AddrPort, i, n int) (*socket, error) {
	s, err := openUnbound(addr, listenerUse)
	if err != nil {
		return nil, err
	}
	if i == 0 {
		err = s.bind(addr)
		if err == nil && n > 1 {
			err = s.setOption(unix.SOL_SOCKET, unix.SO_REUSEPORT, 1, "SO_REUSEPORT")
		}
	} else {
		err = s.setOption(unix.SOL_SOCKET, unix.SO_REUSEPORT, 1, "SO_REUSEPORT")
		if err == nil {
			err = s.bind(addr)
		}
	}
	if err != nil {
		s.Close()
		return nil, openFailed("listen udp", addr, err)
	}
	return s, nil
}

// smallestDatagram is less than the kernel charges to the receive buffer for any datagram, the empty one included.
const smallestDatagram = 256

// discard reads and forgets what the socket has received so far. It is bounded by what the buffer can hold, so that a
// flood does not keep it busy: what is left then arrived after the call.
func (s *socket) discard() {
	size, err := unix.GetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_RCVBUF)
	if err != nil {
		size = listenerBuffer
	}
	m := newMessages(64, 0)
	for left := size / smallestDatagram; left > 0; {
		n, errno := recvmmsg(s.fd, m.headers, unix.MSG_TRUNC)
		if errno != 0 {
			return
		}
		for i := range n {
			m.reset(i)
		}
		left -= n
	}
}

// reusePort lets other sockets of this user share the address, from now on.
func reusePort(fd int) error {
	return os.NewSyscallError("setsockopt SO_REUSEPORT", unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1))
}
