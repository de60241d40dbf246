package relay

import (
	"fmt"
	"net"
	"sync/atomic"

	"turnout/allocation"
	"turnout/internal/netio"
)

// A listener is one address that clients reach the relay at: by UDP a group of
// sockets, one for each worker, else what accepts connections.
//
// One that a reload takes out of the configuration makes no new allocations, and is
// closed when the last allocation made there has ended, or has moved: until then its
// clients go on, and open the connections that TCP allocations need (RFC 6062 §4.3).
type listener struct {
	// immutable once clients are heard
	asked   Listener // as the configuration has it
	at      Listener // port filled in
	sockets []netio.Socket
	stream  net.Listener // nil for UDP
	vantage *vantage     // nil where there is no NAT discovery
	server  *Server

	removed atomic.Bool   // from the configuration
	uses    atomic.Int64  // 1 while it is configured, and one for each address of an allocation's client
	left    atomic.Int32  // workers that have not closed their socket
	gone    chan struct{} // closed when all of it is

	deaf []bool // by worker, which owns it: its socket is closed, or will be with this round
}

// openListener opens a listener; nobody reads from it yet.
func (s *Server) openListener(c Config, asked Listener) (*listener, error) {
	l := &listener{asked: asked, at: asked, server: s, gone: make(chan struct{})}
	l.uses.Store(1)
	var err error
	switch {
	case asked.Transport == allocation.UDP:
		if l.sockets, err = s.network.ListenUDP(asked.Addr, len(s.workers)); err != nil {
			return nil, err
		}
		l.at.Addr = l.sockets[0].Local()
		l.left.Store(int32(len(s.workers)))
		l.deaf = make([]bool, len(s.workers))
		return l, nil
	case c.ListenStream != nil:
		l.stream, err = c.ListenStream(s.network, asked)
	default:
		l.stream, err = s.network.ListenTCP(asked.Addr)
	}
	if err != nil {
		return nil, err
	}
	l.at.Addr = addrPort(l.stream.Addr())
	return l, nil
}

// discard closes a listener that nobody has read from.
func (l *listener) discard() {
	if l.stream != nil {
		l.stream.Close()
	}
	for _, s := range l.sockets {
		_ = s.Close()
	}
}

// hear has the worker read its socket of the listener from now on. By a connection
// nothing is to be done.
func (w *worker) hear(l *listener) error {
	if l.sockets == nil {
		return nil
	}
	i := 0
	for i < len(w.listeners) && w.listeners[i] != nil {
		i++
	}
	socket := l.sockets[w.index]
	if err := w.poller.Add(socket, listenerEvent|uint64(i)); err != nil {
		return fmt.Errorf("watch udp %s: %w", l.at.Addr, err)
	}
	if i == len(w.listeners) {
		w.listeners, w.heard = append(w.listeners, nil), append(w.heard, nil)
	}
	w.listeners[i], w.heard[i] = socket, l
	w.sampleListener(socket)
	return nil
}

// unhear has the worker close its socket, at the end of the round.
func (w *worker) unhear(l *listener) {
	socket := l.sockets[w.index]
	for i, s := range w.listeners {
		if s == socket {
			if err := w.poller.Remove(s); err != nil {
				w.log.Warn("forgetting a listener failed", "address", l.at.Addr.String(), "error", err)
			}
			w.readDrops(counterListenerDrops, s)
			w.listeners[i], w.heard[i] = nil, nil
		}
	}
	l.deaf[w.index] = true
	w.closing = append(w.closing, socket)
	w.forgotten = append(w.forgotten, l)
}

// deafTo says whether the worker has closed its socket of an origin: what waited in
// its inbox may come too late.
func (w *worker) deafTo(from *origin) bool {
	return from.stream == nil && from.listener != nil && from.listener.deaf[w.index]
}

// acquire counts an address of an allocation's client here; false where the listener
// is about to be closed. Nil, of tests, counts nothing.
func (l *listener) acquire() bool {
	if l == nil {
		return true
	}
	for {
		n := l.uses.Load()
		if n == 0 {
			return false
		}
		if l.uses.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// release undoes it. The last one closes the listener.
func (l *listener) release() {
	if l == nil || l.uses.Add(-1) > 0 {
		return
	}
	if l.stream != nil {
		l.server.closeStream(l)
		return
	}
	for _, w := range l.server.workers {
		w.inbox.put(post{do: func(w *worker) { w.unhear(l) }}) // a worker that has ended has closed everything
	}
}

// refuses says whether new allocations are refused here.
func (l *listener) refuses() bool { return l != nil && l.removed.Load() }
