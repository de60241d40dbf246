package relay

import (
	"turnout/internal/netio"
	"turnout/stun"
)

const (
	// readSpace is what a round reads streams into: a full read of some, or what most of many have.
	readSpace = 8 * streamBufferMax
	// readRound is how much of all streams a round reads, some 2 ms of relaying, so that sockets are not left waiting.
	readRound = 64 * streamBufferMax
)

// readMost is how much a round reads of each of so many streams. It is more than a frame that is not long: the rest of one
// fits, and more.
func readMost(streams int) int {
	return max(2*streamBuffer, min(streamBufferMax, readRound/max(streams, 1)))
}

// readAgain has a stream be read in the next round, whatever the poller says.
func (w *worker) readAgain(s *stream) {
	if !s.polled.again {
		s.polled.again = true
		w.streams.again = append(w.streams.again, s)
	}
}

// readOn reads the streams that had more in the last round than was taken. Only their owner may look at them.
func (w *worker) readOn() {
	t := &w.streams
	n := len(t.again)
	for _, s := range t.again[:n] {
		if s.owner(w) == w && s.polled.again && s.polled.slot >= 0 {
			w.readStream(s)
		}
	}
	left := copy(t.again, t.again[n:])
	clear(t.again[left:])
	t.again = t.again[:left]
}

// readStream reads and serves a batch of what has arrived on a stream.
func (w *worker) readStream(s *stream) {
	p := s.polled
	p.again = false
	if s.ended || s.leaving || s.bound != nil {
		return
	}
	b, n := w.spaceFor(p)
	var err error
	for err == nil && n < len(b) {
		var more int
		more, err = s.conn.Read(b[n:])
		n += more
	}
	full := n == len(b)
	if w.serveRead(s, b[:n]); s.ended || s.leaving || s.bound != nil {
		return
	}
	w.noteKept(s, w.now) // TLS may have had something to say
	switch {
	case err != nil && err != netio.ErrNotReady:
		w.hangUp(s)
	case full:
		w.readAgain(s)
	}
}

// spaceFor is where a stream is read, of which n bytes hold what it has read before: the round's space, but a long frame is
// put together in memory of its own.
func (w *worker) spaceFor(p *polled) (b []byte, n int) {
	if p.isLong() {
		if cap(p.rest) < p.next {
			p.rest = append(make([]byte, 0, p.next), p.rest...)
		}
		return p.rest[:p.next], len(p.rest)
	}
	t := &w.streams
	if t.space == nil {
		t.space = make([]byte, readSpace)
	}
	if len(t.space)-t.used < t.most || len(w.outs) >= outsBatch {
		w.flush()
	}
	b = t.space[t.used : t.used+t.most]
	return b, copy(b, p.rest)
}

// isLong says whether a frame that has begun to arrive is one to be put together in memory of its own. Others are moved with
// every read: whoever sends a long one in little pieces could have much moved for little.
func (p *polled) isLong() bool { return p.next > streamBuffer }

// serveRead serves what b, of spaceFor, holds, and keeps what is left.
func (w *worker) serveRead(s *stream, b []byte) {
	p := s.polled
	if p.isLong() {
		if p.rest = b; len(b) < p.next {
			return
		}
		p.rest = nil // it is sent from there
	} else {
		w.streams.used += len(b)
	}
	left := w.serveBatch(s, b)
	if len(left) == 0 && cap(p.rest) > streamBuffer {
		p.rest = nil
		return
	}
	p.rest = append(p.rest[:0], left...)
}

// serveBatch serves the whole frames of what was read, and returns what is left.
func (w *worker) serveBatch(s *stream, b []byte) (left []byte) {
	p := s.polled
	for {
		whole, next, framing := wholeFrames(b)
		if !p.begun && len(b) > 0 && stun.Classify(b) != stun.KindSTUN {
			whole, framing = 0, errNotBegun
		}
		p.next = next
		switch {
		case whole > 0:
		case framing != nil:
			w.counters.drop(DropStreamFraming)
			w.hangUp(s)
			return nil
		default:
			return b
		}
		p.begun, p.heard = true, w.now
		w.forgetLanes()
		b = b[whole-len(w.serveWhole(s, b[:whole])):]
		switch {
		case s.bound != nil:
			w.streams.ending = append(w.streams.ending, s)
			return b
		case s.ended, s.leaving:
			p.next = 0 // whoever serves the rest looks for himself
			return b
		}
	}
}
