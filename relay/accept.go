package relay

import (
	"errors"
	"net"
	"net/netip"
	"time"

	"turnout/allocation"
)

// acceptPause is how long accepting waits after an error such as "too many open
// files": one error must not end a listener.
const acceptPause = 100 * time.Millisecond

func (s *Server) listenTCP(addr netip.AddrPort) (netip.AddrPort, error) {
	l, err := s.network.ListenTCP(addr)
	if err != nil {
		return addr, err
	}
	s.streams = append(s.streams, l)
	return addrPort(l.Addr()), nil
}

// runAccept takes clients' connections until the listener is closed.
func (s *Server) runAccept(l net.Listener) {
	for {
		conn, err := l.Accept()
		switch {
		case err == nil:
			s.serveStream(conn)
		case errors.Is(err, net.ErrClosed):
			return
		default:
			s.log.Warn("accepting a connection failed", "address", l.Addr().String(), "error", err)
			select {
			case <-time.After(acceptPause):
			case <-s.shutdown:
				return
			}
		}
	}
}

// serveStream gives a connection to a worker, one after the other, and starts
// its two goroutines.
func (s *Server) serveStream(conn net.Conn) {
	w := s.workers[s.next.Add(1)%uint64(len(s.workers))]
	st := newStream(conn, allocation.FiveTuple{
		Client: addrPort(conn.RemoteAddr()), Server: addrPort(conn.LocalAddr()), Transport: allocation.TCP,
	}, w)
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

// closeStreams closes the listeners and every connection.
func (s *Server) closeStreams() {
	for _, l := range s.streams {
		l.Close()
	}
	s.mu.Lock()
	conns := s.conns
	s.conns = nil
	for st := range conns {
		st.conn.Close()
	}
	s.mu.Unlock()
}

// addrPort is the address of a TCP connection, IPv4 never mapped into IPv6.
func addrPort(a net.Addr) netip.AddrPort {
	t, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	ap := t.AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap().WithZone(""), ap.Port())
}
