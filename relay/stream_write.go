package relay

import (
	"errors"
	"net"
	"os"
	"time"
)

// byGoroutines prepares a stream that two goroutines read and write: the one posts whole frames to the worker and reads on
// when they are served, which is the backpressure; the other is behind a queue bounded in bytes and time.
func (s *stream) byGoroutines() {
	s.ready, _ = s.conn.(readyReader)
	s.handed = make(chan *chunk, 4)
	s.resumed = make(chan struct{}, 1)
	s.gone = make(chan struct{})
	s.resend = post{do: func(w *worker) {
		if s.owner(w) == w {
			s.handOver(w)
		} else {
			s.worker.Load().inbox.put(s.resend)
		}
	}}
}

// runWriter writes what the worker hands over; then, on a bound stream, what the
// peer sends.
func (s *stream) runWriter() {
	defer s.conn.Close()
	if ok := s.writeHanded(); s.bound != nil {
		s.carryOn(ok)
	}
}

// carryOn writes the response to the ConnectionBind, and then what the peer sends; not ok where the client has taken nothing
// before it.
func (s *stream) carryOn(ok bool) {
	if ok && s.last != nil && s.write(s.last) && s.conn.SetWriteDeadline(time.Time{}) == nil {
		s.bound.carryDown(s.conn)
		return
	}
	s.bound.abandon()
}

// writeHanded writes until the reader has gone and everything is written; false
// if something could not be.
func (s *stream) writeHanded() bool {
	for {
		select {
		case c := <-s.handed:
			if !s.write(c) {
				s.conn.Close() // ends the reader too
				<-s.gone
				return false
			}
		case <-s.gone:
			for {
				select {
				case c := <-s.handed:
					if !s.write(c) {
						return false
					}
				default:
					return true
				}
			}
		}
	}
}

func (s *stream) write(c *chunk) bool {
	s.writing.Store(int64(c.queued))
	err := s.inTime(s.conn, func() error { return s.writeFrames(c) })
	s.queued.Add(-int64(len(c.frames)))
	s.writing.Store(0)
	c.frames, c.ends = c.frames[:0], c.ends[:0]
	chunks.Put(c)
	if s.waiting.CompareAndSwap(true, false) {
		s.worker.Load().inbox.put(s.resend)
	}
	return err == nil
}

// inTime gives a client streamStuck to take what write writes to conn.
func (s *stream) inTime(conn net.Conn, write func() error) error {
	err := conn.SetWriteDeadline(time.Now().Add(streamStuck))
	if err == nil {
		err = write()
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		s.post(func(w *worker) { w.counters.add(counterStreamsCut, 1) })
	}
	return err
}

// handOver gives the round's frames to the writer, or leaves them until the
// writer asks. Called by the worker.
func (s *stream) handOver(w *worker) {
	s.dirty = false
	if s.polled != nil {
		w.send(s)
		return
	}
	c := s.pending
	if c == nil || len(c.frames) == 0 || s.ended {
		return
	}
	s.queued.Add(int64(len(c.frames)))
	if s.bound != nil { // the writer takes it when the reader has gone
		s.last, s.pending = c, nil
		return
	}
	select {
	case s.handed <- c:
		s.pending = nil
		return
	default:
		s.waiting.Store(true)
	}
	select { // the writer may have made room before it could see the flag
	case s.handed <- c:
		s.pending = nil
	default:
		s.queued.Add(-int64(len(c.frames)))
	}
}
