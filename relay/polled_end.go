package relay

import (
	"time"

	"turnout/allocation"
)

// judge ends a stream that has been idle or stuck for too long; its timer asks for it.
func (w *worker) judge(s *stream) {
	p := s.polled
	if p.slot < 0 {
		return
	}
	if s.allocated.Load() { // data from peers alone may keep a client content: it owes no message
		p.heard = w.now
	}
	if !s.ended && w.now >= p.heard+allocation.Time(streamIdle) {
		w.hangUp(s)
	}
	next := p.heard + allocation.Time(streamIdle)
	if s.ended {
		next = w.now + allocation.Time(streamIdle)
	}
	if p.wire.Kept() > 0 {
		end := p.stuck + allocation.Time(streamStuck)
		if w.now >= end {
			w.counters.add(counterStreamsCut, 1)
			w.breakOff(s)
			return
		}
		next = min(next, end)
	}
	p.due = next
	p.timer.Reset(time.Duration(next - w.now))
}

// hangUp ends a stream from its client's side: what is queued is written, and then the connection closed.
func (w *worker) hangUp(s *stream) {
	if s.ended {
		return
	}
	s.polled.told = true
	w.disconnected(s)
	if s.polled.wire.Deafen() != nil {
		s.polled.broken = true
	}
	w.streams.ending = append(w.streams.ending, s)
}

// breakOff ends a stream on which nothing can be written any more. Its allocation ends with the round: a flush may be in the
// middle of one.
func (w *worker) breakOff(s *stream) {
	s.polled.broken, s.ended = true, true
	w.streams.ending = append(w.streams.ending, s)
}

// endStreams closes the streams that have ended, and releases those that carry data from now on. Called when the round is
// sent and before sockets close.
func (w *worker) endStreams() {
	t := &w.streams
	for i := 0; i < len(t.ending); i++ {
		s := t.ending[i]
		t.ending[i] = nil
		p := s.polled
		if p.slot < 0 || s.leaving {
			continue // it is closed, or the other worker sees to it
		}
		if s.ended && !p.told {
			p.told = true
			w.disconnected(s)
		}
		switch {
		case p.broken || s.ended && s.pending == nil && p.wire.Kept() == 0:
			w.closeStream(s)
		case s.bound != nil:
			w.release(s)
		}
	}
	t.ending = t.ending[:0]
}

// closeStream closes a connection.
func (w *worker) closeStream(s *stream) {
	p := s.polled
	p.timer.Stop()
	_ = s.conn.Close() // TLS says goodbye, as far as there is room
	w.vacate(s)
	p.wire = nil
	p.server.open.Add(-1)
	if s.bound != nil {
		s.bound.halves.Add(-1) // nobody carries up
		s.bound.abandon()
	}
}

// closeStreams closes all that are left, when the worker ends.
func (w *worker) closeStreams() {
	for i := range w.streams.slots {
		if s := w.streams.slots[i].stream; s != nil {
			s.ended = true
			w.closeStream(s)
		}
	}
}
