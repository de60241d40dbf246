package netio

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"
)

// memoryBacklog is how many connections wait to be accepted; a further one waits to be made.
const memoryBacklog = 128

// A memoryListener is a TCP listener of a Memory.
type memoryListener struct {
	network *Memory        // immutable
	local   netip.AddrPort // immutable

	mu      sync.Mutex
	changed sync.Cond       // on mu: a connection came or went, a dialer gave up, the listener closed
	backlog []*memoryStream // guarded by mu
	closed  bool            // guarded by mu
}

// ListenTCP makes a listener whose connections are buffered pipes with *net.TCPAddr addresses.
func (m *Memory) ListenTCP(addr netip.AddrPort) (net.Listener, error) {
	addr = plain(addr)
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.bindableLocked(addr); err != nil {
		return nil, err
	}
	addr, err := m.pickPortLocked(addr, m.tcpFreeLocked)
	if err != nil {
		return nil, err
	}
	l := &memoryListener{network: m, local: addr}
	l.changed.L = &l.mu
	m.listeners[addr] = l
	return l, nil
}

func (l *memoryListener) Addr() net.Addr { return net.TCPAddrFromAddrPort(l.local) }

func (l *memoryListener) Accept() (net.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.backlog) == 0 && !l.closed {
		l.changed.Wait()
	}
	if l.closed {
		return nil, &net.OpError{Op: "accept", Net: "tcp", Addr: l.Addr(), Err: net.ErrClosed}
	}
	s := l.backlog[0]
	l.backlog = append(l.backlog[:0:0], l.backlog[1:]...)
	l.changed.Broadcast()
	return s, nil
}

// Close resets the connections nobody accepted.
func (l *memoryListener) Close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return &net.OpError{Op: "close", Net: "tcp", Addr: l.Addr(), Err: net.ErrClosed}
	}
	l.closed = true
	waiting := l.backlog
	l.backlog = nil
	l.changed.Broadcast()
	l.mu.Unlock()

	l.network.mu.Lock()
	delete(l.network.listeners, l.local)
	l.network.mu.Unlock()
	for _, s := range waiting {
		s.reset()
	}
	return nil
}

// enqueue waits for a place in the backlog, until ctx is done.
func (l *memoryListener) enqueue(ctx context.Context, s *memoryStream) error {
	stop := context.AfterFunc(ctx, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.changed.Broadcast()
	})
	defer stop()
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.backlog) >= memoryBacklog && !l.closed && ctx.Err() == nil {
		l.changed.Wait()
	}
	if l.closed {
		return errRefused()
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	l.backlog = append(l.backlog, s)
	l.changed.Broadcast()
	return nil
}

// DialTCP connects to the listener at peer, from any address: it serves clients and peers of a test as well as the relay. A
// local port that is listened on may be given, as for RFC 6062, but not twice towards one peer.
func (m *Memory) DialTCP(ctx context.Context, local, peer netip.AddrPort) (net.Conn, error) {
	local, peer = plain(local), plain(peer)
	fail := func(err error) error {
		return &net.OpError{Op: "dial", Net: "tcp", Source: net.TCPAddrFromAddrPort(local), Addr: net.TCPAddrFromAddrPort(peer), Err: err}
	}
	if err := m.awaitDial(ctx, local, peer); err != nil {
		return nil, fail(err)
	}
	m.mu.Lock()
	l := m.listenerLocked(peer)
	if l == nil {
		m.mu.Unlock()
		return nil, fail(errRefused())
	}
	near, far, err := m.connectLocked(local, peer)
	m.mu.Unlock()
	if err != nil {
		return nil, fail(err)
	}
	if err := l.enqueue(ctx, far); err != nil {
		near.reset()
		far.reset()
		return nil, fail(err)
	}
	return near, nil
}

// awaitDial does what SetDialFate's function says.
func (m *Memory) awaitDial(ctx context.Context, local, peer netip.AddrPort) error {
	m.mu.Lock()
	decide := m.dialFate
	m.mu.Unlock()
	var f Fate
	if decide != nil {
		f = decide(local, peer)
	}
	if f.Lost {
		<-ctx.Done()
		return ctx.Err()
	}
	if f.Delay > 0 {
		arrival := time.NewTimer(f.Delay)
		defer arrival.Stop()
		select {
		case <-arrival.C:
		case <-ctx.Done():
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return f.Err
}

// listenerLocked is who listens at peer: on the address itself, else on the wildcard.
func (m *Memory) listenerLocked(peer netip.AddrPort) *memoryListener {
	if l := m.listeners[peer]; l != nil {
		return l
	}
	if !peer.IsValid() || !m.ownLocked(peer.Addr()) {
		return nil
	}
	return m.listeners[netip.AddrPortFrom(wildcardOf(peer.Addr()), peer.Port())]
}

// connectLocked makes the two ends of a stream between local and peer.
func (m *Memory) connectLocked(local, peer netip.AddrPort) (near, far *memoryStream, err error) {
	a := local.Addr()
	if !a.IsValid() || a.IsUnspecified() {
		a = m.sourceLocked(peer.Addr().Is6())
	}
	if a.Is6() != peer.Addr().Is6() {
		return nil, nil, fmt.Errorf("from %s to %s: %w", local, peer, ErrUnreachable)
	}
	free := func(from netip.AddrPort) bool {
		return m.streams[memoryStreamID{from, peer}] == nil && m.streams[memoryStreamID{peer, from}] == nil &&
			(local.Port() != 0 || m.tcpFreeLocked(from))
	}
	from, err := m.pickPortLocked(netip.AddrPortFrom(a, local.Port()), free)
	if err != nil {
		return nil, nil, err
	}
	out, in := newStreamHalf(m.buffer), newStreamHalf(m.buffer)
	near = &memoryStream{network: m, memoryStreamID: memoryStreamID{from, peer}, in: in, out: out}
	far = &memoryStream{network: m, memoryStreamID: memoryStreamID{peer, from}, in: out, out: in, tos: m.streamTOS}
	m.streams[near.memoryStreamID] = near
	m.streams[far.memoryStreamID] = far
	return near, far, nil
}

// errRefused is what package net says of a port nobody listens on.
func errRefused() error { return os.NewSyscallError("connect", errnoRefused) }
