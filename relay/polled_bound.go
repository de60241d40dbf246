package relay

import (
	"net"
	"time"
)

// end is the client's end of a connection, once data is carried on it; nil where it is made only at the end of the round.
func (s *stream) end() net.Conn {
	if s.polled != nil {
		return nil
	}
	return s.conn
}

// release gives a bound stream to two goroutines, which carry its data.
func (w *worker) release(s *stream) {
	p := s.polled
	p.told = true
	w.disconnected(s)
	p.timer.Stop()
	w.detach(s)
	conn, kept, err := p.wire.Release()
	early := p.rest
	p.wire, p.rest = nil, nil
	if err != nil {
		w.log.Warn("a client's connection cannot be carried on", "client", s.tuple.Client.String(), "error", err)
		p.server.open.Add(-1)
		s.bound.halves.Add(-1)
		s.bound.abandon()
		return
	}
	if over, layered := s.conn.(layer); layered {
		over.SetBelow(conn)
	} else {
		s.conn = conn
	}
	p.server.tasks.Go(func() { p.server.carry(s, conn, kept, early) })
}

// carry carries the data of a bound stream, kept before everything else. It is a goroutine of its own, as the worker takes no
// lock of the server's, and starts the other.
func (s *Server) carry(st *stream, below net.Conn, kept, early []byte) {
	s.mu.Lock()
	ending := s.conns == nil
	if !ending {
		s.conns[st] = struct{}{}
	}
	s.mu.Unlock()
	attached := !ending && st.bound.attach(st.conn)
	if !attached {
		_ = st.conn.SetDeadline(time.Unix(1, 0)) // it has ended meanwhile: nobody waits for the client
	}
	s.tasks.Go(func() { st.bound.carryUp(st.conn, early) })
	st.carryOn(attached && st.writeKept(below, kept))
	st.conn.Close()
	s.open.Add(-1)
	s.mu.Lock()
	delete(s.conns, st)
	s.mu.Unlock()
}

// writeKept writes what a client has not taken yet, if there is something.
func (s *stream) writeKept(below net.Conn, kept []byte) bool {
	if len(kept) == 0 {
		return true
	}
	return s.inTime(below, func() error {
		_, err := below.Write(kept)
		return err
	}) == nil
}
