package netio

import (
	"net"
	"time"
)

// A memoryPolled is an end of a memoryStream as a Stream.
type memoryPolled struct {
	*memoryStream
	poller *queuePoller // it is added to, or nil
	ready  bool         // a Read may find something
	gone   bool         // released
	kept   kept
}

// TakeStream takes the streams of a Memory, but for one that is told to have none.
func (p *queuePoller) TakeStream(conn net.Conn) (Stream, error) {
	s, ok := conn.(*memoryStream)
	if !ok || s.network.unpolled.Load() {
		return nil, errForeignSocket
	}
	return &memoryPolled{memoryStream: s, ready: true}, nil
}

// AddStream implements StreamPoller. Each way of the stream is watched by itself.
func (p *queuePoller) AddStream(st Stream, id uint64) error {
	s, ok := st.(*memoryPolled)
	switch {
	case p.closed:
		return net.ErrClosed
	case id == WakeID:
		return errWakeID
	case !ok:
		return errForeignSocket
	case s.poller != nil:
		return errAdded
	}
	if err := s.openError("watch"); err != nil {
		return err
	}
	s.poller, s.ready = p, true
	for _, h := range []*streamHalf{s.in, s.out} {
		w := &registration{poller: p, source: h, id: id}
		p.added[h] = w
		h.watch(w, h == s.out, h == s.out && s.kept.len() == 0)
	}
	return nil
}

// RemoveStream implements StreamPoller.
func (p *queuePoller) RemoveStream(st Stream) error {
	s, ok := st.(*memoryPolled)
	switch {
	case !ok:
		return errForeignSocket
	case s.poller != p:
		return errNotAdded
	}
	s.poller = nil
	_ = p.forget(s.in)
	return p.forget(s.out)
}

// watch makes w the watcher of one end, which is told nothing while quiet.
func (h *streamHalf) watch(w *registration, writes, quiet bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.watcher, h.writes, h.quiet = w, writes, quiet
	h.tellLocked()
}

// hush says whether the watcher is told nothing.
func (h *streamHalf) hush(quiet bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.quiet = quiet
	h.tellLocked()
}

// unwatch implements eventSource.
func (h *streamHalf) unwatch(w *registration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.watcher == w {
		h.watcher = nil
	}
}

// tellLocked has the watcher's poller ask for the event, and wakes who waits for a change.
func (h *streamHalf) tellLocked() {
	if w := h.watcher; w != nil && !w.listed {
		w.listed = true
		w.poller.enlist(w)
	}
	h.changed.Broadcast()
}

// event implements eventSource. Like the system it tells of a reset whether or not it is asked to.
func (h *streamHalf) event(w *registration) (Event, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.watcher != w {
		return Event{}, false
	}
	e := Event{ID: w.id}
	if h.writes {
		e.Writable = !h.quiet && (h.buffered.Len() < h.limit || h.reader != endOpen)
		e.Errored = h.reader == endReset
	} else {
		e.Readable = !h.quiet && (h.buffered.Len() > 0 || h.writer != endOpen)
		e.Errored = h.writer == endReset
	}
	if e == (Event{ID: w.id}) {
		w.listed = false
		return Event{}, false
	}
	return e, true
}

// Ready implements Stream.
func (s *memoryPolled) Ready() { s.ready = true }

// Read reads what has arrived.
func (s *memoryPolled) Read(b []byte) (int, error) {
	switch {
	case s.gone:
		return 0, net.ErrClosed
	case !s.ready:
		return 0, ErrNotReady
	}
	n, err := s.in.read(b, false)
	s.ready = n == len(b)
	return n, err
}

// send implements byteSender.
func (s *memoryPolled) send(b []byte) (int, error) { return s.out.write(b, false) }

// Write writes b, and keeps what there is no room for.
func (s *memoryPolled) Write(b []byte) (int, error) {
	if s.gone {
		return 0, net.ErrClosed
	}
	n, err := s.kept.write(s, b)
	if err == nil && s.kept.len() > 0 {
		s.out.hush(false)
	}
	return n, err
}

// Kept implements Stream.
func (s *memoryPolled) Kept() int { return s.kept.len() }

// Flush implements Stream.
func (s *memoryPolled) Flush() error {
	err := s.kept.flush(s)
	if err == nil && s.kept.len() == 0 {
		s.out.hush(true)
	}
	return err
}

// Deafen implements Stream.
func (s *memoryPolled) Deafen() error {
	s.in.hush(true)
	return nil
}

// Release implements Stream.
func (s *memoryPolled) Release() (net.Conn, []byte, error) {
	if s.gone {
		return nil, nil, net.ErrClosed
	}
	s.gone = true
	return s.memoryStream, s.kept.take(), s.openError("release")
}

// Close closes the stream, which a second time is no error.
func (s *memoryPolled) Close() error {
	if s.gone {
		return nil
	}
	s.gone = true
	if s.poller != nil {
		_ = s.poller.RemoveStream(s)
	}
	return s.memoryStream.Close()
}

// SetDeadline has no effect: nothing waits.
func (s *memoryPolled) SetDeadline(time.Time) error { return nil }

// SetReadDeadline has no effect.
func (s *memoryPolled) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline has no effect.
func (s *memoryPolled) SetWriteDeadline(time.Time) error { return nil }
