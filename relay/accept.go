package relay

import (
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"turnout/allocation"
)

// acceptPause is how long accepting waits after an error such as "too many open
// files": one error must not end a listener.
const acceptPause = 100 * time.Millisecond

// acceptAll has new listeners accept connections; ErrClosed where the server ends.
func (s *Server) acceptAll(opened []*listener) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conns == nil {
		return ErrClosed
	}
	for _, l := range opened {
		if l.stream != nil {
			s.streams = append(s.streams, l)
			s.tasks.Go(func() { s.runAccept(l) })
		}
	}
	return nil
}

// closeStream closes a listener that was taken out, in a goroutine: work on connections
// that are not ready yet is ended first.
func (s *Server) closeStream(l *listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conns == nil {
		return // closeStreams closes it
	}
	s.streams = slices.DeleteFunc(s.streams, func(other *listener) bool { return other == l })
	s.tasks.Go(func() {
		l.stream.Close()
		close(l.gone)
	})
}

// runAccept takes clients' connections until the listener is closed.
func (s *Server) runAccept(l *listener) {
	for {
		conn, err := l.stream.Accept()
		switch {
		case err == nil:
			s.serveStream(conn, l)
		case errors.Is(err, net.ErrClosed):
			return
		default:
			s.log.Warn("accepting a connection failed", "address", l.at.Addr.String(), "error", err)
			select {
			case <-time.After(acceptPause):
			case <-s.shutdown:
				return
			}
		}
	}
}

// serveStream gives a connection to a worker, one after the other, and starts two
// goroutines for it where the worker cannot read and write it by itself.
func (s *Server) serveStream(conn net.Conn, l *listener) {
	w := s.workers[s.next.Add(1)%uint64(len(s.workers))]
	st := newStream(conn, allocation.FiveTuple{
		Client: addrPort(conn.RemoteAddr()), Server: addrPort(conn.LocalAddr()), Transport: l.at.Transport,
	}, w)
	st.listener = l
	if s.poll(st) {
		return
	}
	st.byGoroutines()
	s.mu.Lock()
	if s.conns == nil { // closing
		s.mu.Unlock()
		conn.Close()
		return
	}
	s.conns[st] = struct{}{}
	s.mu.Unlock()
	s.open.Add(1)
	s.tasks.Go(st.runReader)
	s.tasks.Go(func() {
		st.runWriter()
		s.open.Add(-1)
		s.mu.Lock()
		delete(s.conns, st)
		s.mu.Unlock()
	})
}

// closeStreams closes every connection and then the listeners, whose sockets
// carry the goodbye of DTLS. TLS may wait for room to say its own.
func (s *Server) closeStreams() {
	s.mu.Lock()
	conns, streams := s.conns, s.streams
	s.conns = nil
	s.mu.Unlock()
	var closing sync.WaitGroup
	for st := range conns {
		closing.Go(func() { st.conn.Close() })
	}
	closing.Wait()
	for _, l := range streams {
		l.stream.Close()
	}
}

// addrPort is the address of a connection, IPv4 never mapped into IPv6.
func addrPort(a net.Addr) netip.AddrPort {
	t, ok := a.(interface{ AddrPort() netip.AddrPort })
	if !ok {
		return netip.AddrPort{}
	}
	ap := t.AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap().WithZone(""), ap.Port())
}
