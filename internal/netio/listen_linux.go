package netio

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// listenTCP listens for streams. The listener lets DialTCP bind its address too, as RFC 6062 needs: the relayed
// transport address of a TCP allocation is listened on and connected from. As in a UDP group the option for that comes
// after the bind, so that a second instance is refused.
func listenTCP(addr netip.AddrPort) (net.Listener, error) {
	addr = netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())
	c := net.ListenConfig{}
	c.SetMultipathTCP(false) // such a connection is a socket of another kind, which splice and the option below do not reach
	l, err := c.Listen(context.Background(), tcpNetwork(addr.Addr()), addr.String())
	if err != nil {
		return nil, openFailed("listen tcp", addr, systemCause(err))
	}
	if err := prepareListener(l.(*net.TCPListener)); err != nil {
		l.Close()
		return nil, openFailed("listen tcp", addr, err)
	}
	return l, nil
}

func prepareListener(l *net.TCPListener) error {
	raw, err := l.SyscallConn()
	if err != nil {
		return err
	}
	return control1(raw, func(fd int) error {
		_ = keepSYN(fd) // a kernel without it does not tell the Type of Service: 0 then
		return reusePort(fd)
	})
}

// DialTCP connects from local, which may be an address that ListenTCP listens on, and may be the local end of connections
// to other peers.
func (system) DialTCP(ctx context.Context, local, peer netip.AddrPort) (net.Conn, error) {
	local = netip.AddrPortFrom(local.Addr().Unmap(), local.Port())
	d := net.Dialer{
		LocalAddr: net.TCPAddrFromAddrPort(local),
		Control: func(_, _ string, raw syscall.RawConn) error {
			return control1(raw, func(fd int) error {
				err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
				if err != nil {
					return os.NewSyscallError("setsockopt SO_REUSEADDR", err)
				}
				return reusePort(fd)
			})
		},
	}
	c, err := d.DialContext(ctx, tcpNetwork(local.Addr()), peer.String())
	if err != nil {
		return nil, dialFailed(local, peer, err)
	}
	return c, nil
}

// dialFailed is an error of DialTCP, which names both addresses.
func dialFailed(local, peer netip.AddrPort, err error) error {
	cause := systemCause(err)
	kind := openKind(cause)
	var call *os.SyscallError
	if errors.As(cause, &call) && call.Syscall == "connect" && errors.Is(cause, unix.EADDRNOTAVAIL) {
		kind = ErrAddrInUse // there is such a connection already; a foreign local address fails in bind
	}
	return &systemError{op: "dial tcp " + peer.String() + " from", addr: local, kind: kind, cause: cause}
}

// systemCause takes off what package net puts around an error: operation and addresses, which ours names too.
func systemCause(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}

// tcpNetwork is the name of one family's TCP: a listener never accepts the other's.
func tcpNetwork(ip netip.Addr) string {
	if ip.Is4() {
		return "tcp4"
	}
	return "tcp6"
}

// control1 calls f with the descriptor, and returns its error or that of getting there.
func control1(raw syscall.RawConn, f func(fd int) error) error {
	var err error
	if e := raw.Control(func(fd uintptr) { err = f(int(fd)) }); e != nil {
		return e
	}
	return err
}
