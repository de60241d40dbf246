package netio

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
)

// Buffers asked of the system for each socket: a listener has every client's datagrams to hold, a relay socket one's.
const (
	portableListenerBuffer = 8 << 20
	portableRelayBuffer    = 1 << 20
)

// portable is the network over package net alone.
type portable struct {
	buffers bufferPool
}

// Portable makes the network that runs wherever package net does. Its Limitations say at what price. A relay on
// any system can be given it in place of System's.
func Portable() Network { return &portable{} }

func (p *portable) NewPoller(c PollerConfig) (Poller, error) {
	q, err := newQueuePoller(c, &p.buffers)
	if err != nil {
		return nil, err
	}
	q.singly = true
	return q, nil
}

// MaxWorkers is 1, since an address has one socket.
func (p *portable) MaxWorkers() int { return 1 }

// DontFragment is false: package net has no such option.
func (p *portable) DontFragment() bool { return false }

func (p *portable) Limitations() []string {
	return []string{
		"one worker: an address has one socket, so one processor relays all datagrams",
		"one system call for each datagram, one copy of it in and out, and neither GSO nor GRO",
		"a goroutine and 64 KiB of address space for each UDP socket",
		"no ICMP errors: clients are not told of peers that cannot be reached",
		"no DF: datagrams with DONT-FRAGMENT are sent without it, and none is refused for the path's MTU",
		"no DSCP or ECN: they are neither read nor set",
		"on a wildcard address it is unknown which address a datagram was sent to, and the answer leaves from the one the system chooses: list addresses one by one",
		"a full send buffer holds up the worker, where other networks drop the datagram",
		"a TCP connection to a peer cannot leave from a port that is listened on",
	}
}

// ListenUDP makes one socket; n above 1 is an error.
func (p *portable) ListenUDP(addr netip.AddrPort, n int) ([]Socket, error) {
	if n != 1 {
		return nil, fmt.Errorf("listen udp %s: %d sockets on one address, where this network has one", addr, n)
	}
	s, err := p.openUDP(addr, portableListenerBuffer)
	if err != nil {
		return nil, err
	}
	return []Socket{s}, nil
}

// OpenUDP makes a socket without an error queue.
func (p *portable) OpenUDP(addr netip.AddrPort) (Socket, error) {
	s, err := p.openUDP(addr, portableRelayBuffer)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// ListenTCP listens by package net.
func (p *portable) ListenTCP(addr netip.AddrPort) (net.Listener, error) {
	addr = plain(addr)
	l, err := net.ListenTCP("tcp"+familyOf(addr), net.TCPAddrFromAddrPort(addr))
	if err != nil {
		return nil, portableOpenError("listen tcp", addr, err)
	}
	return l, nil
}

// DialTCP dials by package net.
func (p *portable) DialTCP(ctx context.Context, local, peer netip.AddrPort) (net.Conn, error) {
	local, peer = plain(local), plain(peer)
	var d net.Dialer
	if local.IsValid() {
		d.LocalAddr = net.TCPAddrFromAddrPort(local)
	}
	c, err := d.DialContext(ctx, "tcp"+familyOf(peer), peer.String())
	if err != nil {
		return nil, portableOpenError("dial tcp "+peer.String()+" from", local, err)
	}
	return c, nil
}

// familyOf ends a network's name: "4" or "6", so that an IPv6 socket is never a dual one.
func familyOf(addr netip.AddrPort) string {
	if addr.Addr().Is6() {
		return "6"
	}
	return "4"
}

// portableOpenError gives what a socket was refused for the name callers test for, and the address.
func portableOpenError(what string, addr netip.AddrPort, err error) error {
	if sentinel := portableOpenErrors.of(err); sentinel != nil {
		return fmt.Errorf("%s %s: %w", what, addr, sentinel)
	}
	return fmt.Errorf("%s %s: %w", what, addr, err)
}

// portableSendError is the Failure's Err for what a send returned: a sentinel where there is one, else the system's error.
func portableSendError(err error) error {
	if sentinel := portableSendErrors.of(err); sentinel != nil {
		return sentinel
	}
	return err
}

// An errnoTable names system errors; which numbers they have is the system's.
type errnoTable []struct {
	errno    syscall.Errno
	sentinel error
}

// of is the sentinel of err's errno, nil where it has none.
func (t errnoTable) of(err error) error {
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return nil
	}
	for _, row := range t {
		if row.errno == errno {
			return row.sentinel
		}
	}
	return nil
}
