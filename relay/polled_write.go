package relay

import "turnout/allocation"

// Bounds of what a worker keeps of chunks that are written.
const (
	spareChunks    = 32
	spareChunkSize = 64 << 10
)

// chunk is one to queue frames in.
func (w *worker) chunk() *chunk {
	t := &w.streams
	if n := len(t.spare); n > 0 {
		c := t.spare[n-1]
		t.spare = t.spare[:n-1]
		return c
	}
	return chunks.Get().(*chunk)
}

// freeChunk takes one back that is written.
func (w *worker) freeChunk(c *chunk) {
	if cap(c.frames) > spareChunkSize || cap(c.space) > 2*spareChunkSize || len(w.streams.spare) == spareChunks {
		return
	}
	c.frames, c.ends = c.frames[:0], c.ends[:0]
	w.streams.spare = append(w.streams.spare, c)
}

// send writes what was queued for a stream. While its wire keeps something, that waits and grows.
func (w *worker) send(s *stream) {
	c, p := s.pending, s.polled
	if c == nil || len(c.frames) == 0 || p.slot < 0 {
		return
	}
	if s.bound != nil { // a goroutine writes it
		s.queued.Add(int64(len(c.frames)))
		s.last, s.pending = c, nil
		return
	}
	if p.wire.Kept() > 0 && !p.broken {
		return
	}
	s.pending = nil
	if !p.broken && s.writeFrames(c) != nil {
		w.breakOff(s)
	}
	w.noteKept(s, c.queued)
	w.freeChunk(c)
}

// noteKept notes what the wire has begun to keep, of what was queued at a time.
func (w *worker) noteKept(s *stream, queued allocation.Time) {
	p := s.polled
	kept := p.wire.Kept()
	if kept == 0 {
		return
	}
	if s.queued.Swap(int64(kept)) > 0 {
		return
	}
	s.writing.Store(int64(queued))
	p.stuck = w.now
	if end := w.now + allocation.Time(streamStuck); p.due > end {
		p.due = end
		p.timer.Reset(streamStuck)
	}
}

// flushWire writes what the wire has kept, and has the round write what waits behind it.
func (w *worker) flushWire(s *stream) {
	p := s.polled
	if p.wire.Flush() != nil {
		w.breakOff(s)
		return
	}
	kept := p.wire.Kept()
	s.queued.Store(int64(kept))
	if kept > 0 {
		return
	}
	s.writing.Store(0)
	if s.pending != nil && !s.dirty {
		s.dirty = true
		w.written = append(w.written, s)
	}
	if s.ended {
		w.streams.ending = append(w.streams.ending, s)
	}
}
