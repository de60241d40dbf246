package relay

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"turnout/allocation"
)

// acceptPause is how long accepting waits after an error such as "too many open
// files": one error must not end a listener.
const acceptPause = 100 * time.Millisecond

// A streamListener accepts the connections of clients, of one transport.
type streamListener struct {
	net.Listener
	transport allocation.Transport
}

func (s *Server) listenStream(c Config, l Listener) (addr netip.AddrPort, err error) {
	var opened net.Listener
	if c.ListenStream != nil {
		opened, err = c.ListenStream(c.Network, l)
	} else {
		opened, err = c.Network.ListenTCP(l.Addr)
	}
	if err != nil {
		return l.Addr, err
	}
	s.streams = append(s.streams, streamListener{opened, l.Transport})
	return addrPort(opened.Addr()), nil
}

// runAccept takes clients' connections until the listener is closed.
func (s *Server) runAccept(l streamListener) {
	for {
		conn, err := l.Accept()
		switch {
		case err == nil:
			s.serveStream(conn, l.transport)
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
func (s *Server) serveStream(conn net.Conn, transport allocation.Transport) {
	w := s.workers[s.next.Add(1)%uint64(len(s.workers))]
	st := newStream(conn, allocation.FiveTuple{
		Client: addrPort(conn.RemoteAddr()), Server: addrPort(conn.LocalAddr()), Transport: transport,
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

// closeStreams closes every connection and then the listeners, whose sockets
// carry the goodbye of DTLS. TLS may wait for room to say its own.
func (s *Server) closeStreams() {
	s.mu.Lock()
	conns := s.conns
	s.conns = nil
	s.mu.Unlock()
	var closing sync.WaitGroup
	for st := range conns {
		closing.Go(func() { st.conn.Close() })
	}
	closing.Wait()
	for _, l := range s.streams {
		l.Close()
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
