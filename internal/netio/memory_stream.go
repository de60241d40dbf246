package netio

import (
	"bytes"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"
)

// A memoryStreamID names one end of a stream.
type memoryStreamID struct {
	local, peer netip.AddrPort
}

// A memoryStream is one end of a TCP connection on a Memory. Beside net.Conn it has CloseWrite, CloseRead and SetLinger of a
// *net.TCPConn.
type memoryStream struct {
	memoryStreamID             // immutable
	network        *Memory     // immutable
	in, out        *streamHalf // immutable
	tos            uint8       // immutable: of the end that listened, what the other one opened it with

	mu     sync.Mutex
	abrupt bool // guarded by mu: Close resets
	closed bool // guarded by mu
}

// A streamHalf carries bytes one way, from the end that writes to the end that reads, and holds a bounded number of them.
type streamHalf struct {
	limit int // immutable: bytes

	mu       sync.Mutex
	changed  sync.Cond    // on mu
	buffered bytes.Buffer // guarded by mu: written and not read
	readBy   deadline     // guarded by mu
	writeBy  deadline     // guarded by mu
	reader   endState     // guarded by mu
	writer   endState     // guarded by mu

	watcher *registration // guarded by mu: of the poller that one end is in, else nil
	writes  bool          // guarded by mu: which is the writing end
	quiet   bool          // guarded by mu: that is to be told nothing
}

// An endState is what an end of a streamHalf has done with it.
type endState uint8

const (
	endOpen   endState = iota
	endShut            // CloseRead or CloseWrite: the half is over, the end still there
	endClosed          // Close
	endReset           // Close with bytes in flight thrown away
)

func newStreamHalf(limit int) *streamHalf {
	h := &streamHalf{limit: limit}
	h.changed.L = &h.mu
	return h
}

// read waits for bytes, or with wait false returns ErrNotReady.
func (h *streamHalf) read(b []byte, wait bool) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for {
		switch {
		case h.reader >= endClosed:
			return 0, net.ErrClosed
		case h.readBy.passed:
			return 0, os.ErrDeadlineExceeded
		case h.writer == endReset:
			return 0, os.NewSyscallError("read", syscall.ECONNRESET)
		case len(b) == 0:
			return 0, nil
		case h.reader == endShut:
			return 0, io.EOF
		case h.buffered.Len() > 0:
			n, _ := h.buffered.Read(b) // never an error: there is something
			h.tellLocked()
			return n, nil
		case h.writer != endOpen:
			return 0, io.EOF
		case !wait:
			return 0, ErrNotReady
		}
		h.changed.Wait()
	}
}

// write waits for room, or with wait false returns what there is room for.
func (h *streamHalf) write(b []byte, wait bool) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	written := 0
	for {
		switch {
		case h.writer >= endClosed:
			return written, net.ErrClosed
		case h.writeBy.passed:
			return written, os.ErrDeadlineExceeded
		case h.reader == endReset:
			return written, os.NewSyscallError("write", syscall.ECONNRESET)
		case h.writer == endShut || h.reader == endClosed:
			return written, os.NewSyscallError("write", syscall.EPIPE)
		case written == len(b):
			return written, nil
		case h.reader == endShut:
			return len(b), nil // taken and thrown away, as TCP does after shutdown(SHUT_RD)
		}
		if room := h.limit - h.buffered.Len(); room > 0 {
			n, _ := h.buffered.Write(b[written:min(len(b), written+room)]) // never an error
			written += n
			h.tellLocked()
			continue
		}
		if !wait {
			return written, nil
		}
		h.changed.Wait()
	}
}

// endReader moves the reading end on, which never goes back; what it had not read is gone.
func (h *streamHalf) endReader(s endState) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.reader = max(h.reader, s)
	h.buffered.Reset()
	h.readBy.moveLocked(time.Time{}, &h.changed)
	h.tellLocked()
}

// endWriter moves the writing end on, which never goes back.
func (h *streamHalf) endWriter(s endState) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.writer = max(h.writer, s)
	if s == endReset {
		h.buffered.Reset()
	}
	h.writeBy.moveLocked(time.Time{}, &h.changed)
	h.tellLocked()
}

func (s *memoryStream) Read(b []byte) (int, error) {
	n, err := s.in.read(b, true)
	if err != nil && err != io.EOF {
		err = s.opError("read", err)
	}
	return n, err
}

// Write waits while the other end's buffer is full.
func (s *memoryStream) Write(b []byte) (int, error) {
	n, err := s.out.write(b, true)
	if err != nil {
		err = s.opError("write", err)
	}
	return n, err
}

// CloseWrite ends what the other end reads, after what was written.
func (s *memoryStream) CloseWrite() error {
	if err := s.openError("close"); err != nil {
		return err
	}
	s.out.endWriter(endShut)
	return nil
}

// CloseRead throws away what the other end writes.
func (s *memoryStream) CloseRead() error {
	if err := s.openError("close"); err != nil {
		return err
	}
	s.in.endReader(endShut)
	return nil
}

// SetLinger with 0 seconds has Close reset the connection; every other number has no effect.
func (s *memoryStream) SetLinger(sec int) error {
	if err := s.openError("set"); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.abrupt = sec == 0
	return nil
}

// Close lets the other end read what was written, but for after SetLinger(0).
func (s *memoryStream) Close() error {
	s.mu.Lock()
	state := endClosed
	if s.abrupt {
		state = endReset
	}
	s.mu.Unlock()
	return s.end(state)
}

// reset ends the stream as TCP's RST does.
func (s *memoryStream) reset() { _ = s.end(endReset) }

func (s *memoryStream) end(state endState) error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return s.opError("close", net.ErrClosed)
	}
	s.closed = true
	s.mu.Unlock()
	s.in.endReader(state)
	s.out.endWriter(state)
	s.network.mu.Lock()
	defer s.network.mu.Unlock()
	delete(s.network.streams, s.memoryStreamID)
	return nil
}

func (s *memoryStream) LocalAddr() net.Addr  { return net.TCPAddrFromAddrPort(s.local) }
func (s *memoryStream) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(s.peer) }

func (s *memoryStream) SetReadDeadline(t time.Time) error {
	if err := s.openError("set"); err != nil {
		return err
	}
	s.in.mu.Lock()
	defer s.in.mu.Unlock()
	s.in.readBy.moveLocked(t, &s.in.changed)
	return nil
}

func (s *memoryStream) SetWriteDeadline(t time.Time) error {
	if err := s.openError("set"); err != nil {
		return err
	}
	s.out.mu.Lock()
	defer s.out.mu.Unlock()
	s.out.writeBy.moveLocked(t, &s.out.changed)
	return nil
}

func (s *memoryStream) SetDeadline(t time.Time) error {
	if err := s.SetReadDeadline(t); err != nil {
		return err
	}
	return s.SetWriteDeadline(t)
}

// openError is an error once the stream is closed.
func (s *memoryStream) openError(op string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return s.opError(op, net.ErrClosed)
	}
	return nil
}

func (s *memoryStream) opError(op string, err error) error {
	return &net.OpError{Op: op, Net: "tcp", Source: s.LocalAddr(), Addr: s.RemoteAddr(), Err: err}
}
