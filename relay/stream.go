package relay

import (
	"encoding/binary"
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"turnout/allocation"
	"turnout/internal/netio"
	"turnout/stun"
)

const (
	// streamIdle is how long a connection without allocation may take for each
	// message it begins. One whose allocation has ended is closed within that time.
	streamIdle = 60 * time.Second
	// streamStuck is how long a client may refuse to take data before its
	// connection is cut off; data is dropped long before (limits.backlog.time).
	streamStuck = 30 * time.Second
	// streamBuffer is what a connection is read into at first. It grows with the frames it carries, and up to
	// streamBufferMax where more waits than it holds: what is read at once is served at once.
	streamBuffer    = 4 << 10
	streamBufferMax = 32 << 10
	// ecn are the bits of the Type of Service that are not DSCP's. RFC 3168 §5.
	ecn = 0x03
	// maxRecord is the most that one DTLS record carries. RFC 6347 §4.1, as TLS 1.2.
	maxRecord = 1 << 14
)

// A stream is one client connection: a reading goroutine that posts whole frames
// to the worker and reads on when they are served, which is the backpressure; and
// a writing goroutine behind a queue bounded in bytes and time. Once a
// ConnectionBind has succeeded on it the two carry its data, each one way, and the
// worker has nothing more to do with it (RFC 6062).
type stream struct {
	// immutable
	conn      net.Conn
	tuple     allocation.FiveTuple
	listener  *listener     // nil in tests
	datagrams bool          // DTLS: each read is one message, and each write
	messages  messageWriter // conn, if it writes messages
	ready     readyReader   // conn, if it reads records
	tos       uint8         // of what goes to peers: the connection's DSCP, Not-ECT
	resend    post          // hands over what was queued while the writer was busy

	worker    atomic.Pointer[worker] // that owns it; changes with its allocation's
	allocated atomic.Bool            // an allocation lives on it
	queued    atomic.Int64           // bytes handed to the writer and not yet written
	writing   atomic.Int64           // worker's time at which the oldest of them were queued, 0 for none
	waiting   atomic.Bool            // the worker wants to be told when the writer has room
	handed    chan *chunk
	resumed   chan struct{} // the posted frames are served
	gone      chan struct{} // closed when reading has ended

	// Owned by the worker; the reader, and the writer behind it, may look once the
	// frames it posted are served.
	bound *connection // what it is the client's end of, nil while it carries frames
	last  *chunk      // of a bound stream: the response to the ConnectionBind

	// owned by the worker
	pending *chunk // queued and not yet handed to the writer
	dirty   bool   // in worker.written
	ended   bool
	leaving bool // for another worker, at the end of the round
}

// A chunk is what a round queued for a stream: frames end to end.
type chunk struct {
	frames []byte
	ends   []int           // of each frame, for a messageWriter
	queued allocation.Time // when the first was
}

var chunks = sync.Pool{New: func() any { return new(chunk) }}

func newStream(conn net.Conn, ft allocation.FiveTuple, w *worker) *stream {
	messages, _ := conn.(messageWriter)
	ready, _ := conn.(readyReader)
	s := &stream{
		conn: conn, tuple: ft, datagrams: ft.Transport == allocation.DTLS, messages: messages, ready: ready,
		tos:     netio.ConnectionTOS(conn) &^ ecn, // RFC 8656 §15
		handed:  make(chan *chunk, 4),
		resumed: make(chan struct{}, 1),
		gone:    make(chan struct{}),
	}
	s.worker.Store(w)
	s.resend = post{do: func(w *worker) {
		if s.owner(w) == w {
			s.handOver(w)
		} else {
			s.worker.Load().inbox.put(s.resend)
		}
	}}
	return s
}

// runReader reads frames until the connection ends, then has the worker end its
// allocation; or until it is bound, and then data.
func (s *stream) runReader() {
	early := s.read()
	s.hangUp()
	if s.bound != nil {
		s.bound.carryUp(s.conn, early)
	}
}

// read reads until the connection ends, carries something else than STUN and
// ChannelData, or is bound.
func (s *stream) read() (early []byte) {
	if !s.patient() {
		return nil
	}
	if s.datagrams {
		s.readMessages()
		return nil
	}
	return s.readFrames()
}

// readFrames reads a stream of bytes; once the connection is bound it returns what
// came behind the request for that.
func (s *stream) readFrames() (early []byte) {
	buf, have, begun := make([]byte, streamBuffer), 0, false
	for {
		n, err := s.readBatch(buf[have:])
		have += n
		full := have == len(buf)
		whole, next, framing := wholeFrames(buf[:have])
		if !begun && have > 0 && stun.Classify(buf[:have]) != stun.KindSTUN {
			whole, framing = 0, errNotBegun
		}
		for whole > 0 {
			begun = true
			if !s.serve(buf[:whole]) {
				return nil
			}
			have = copy(buf, buf[whole:have])
			if s.bound != nil {
				return buf[:have]
			}
			whole, next, framing = wholeFrames(buf[:have])
		}
		switch {
		case framing != nil:
			s.post(func(w *worker) { w.counters.drop(DropStreamFraming) })
			return nil
		case err != nil && !s.bears(err):
			return nil
		}
		if full {
			next = max(next, min(2*len(buf), streamBufferMax))
		}
		if next > len(buf) {
			buf = append(make([]byte, 0, next), buf[:have]...)[:next]
		}
	}
}

// A readyReader is a connection of which each Read is one record, and that can be asked for those that have arrived besides.
type readyReader interface {
	ReadReady(b []byte) (int, error)
}

// readBatch waits for bytes, and reads all that have arrived then.
func (s *stream) readBatch(b []byte) (n int, err error) {
	n, err = s.conn.Read(b)
	for s.ready != nil && err == nil && n < len(b) {
		var more int
		if more, err = s.ready.ReadReady(b[n:]); more == 0 {
			break
		}
		n += more
	}
	return n, err
}

// errNotBegun ends a connection that does not begin with STUN: no channel is bound
// yet. The letters of HTTP would pass for the head of long ChannelData.
var errNotBegun = errors.New("a connection begins with STUN")

// readMessages reads DTLS records, each of which is one message: the worker
// judges it as it does a datagram.
func (s *stream) readMessages() {
	buf := make([]byte, maxRecord)
	for {
		n, err := s.conn.Read(buf)
		if n > 0 && !s.serve(buf[:n]) || err != nil && !s.bears(err) {
			return
		}
	}
}

// patient gives the client streamIdle for its next message.
func (s *stream) patient() bool {
	return s.conn.SetReadDeadline(time.Now().Add(streamIdle)) == nil
}

// bears says whether reading goes on after an error: where an allocation lives on
// the connection. Data from peers alone may keep a client content: it owes no message.
func (s *stream) bears(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout() && s.allocated.Load() && s.patient()
}

// serve posts frames and waits until the worker is done with their bytes.
func (s *stream) serve(frames []byte) bool {
	if !s.worker.Load().inbox.put(post{stream: s, frames: frames}) {
		return false
	}
	<-s.resumed
	if s.bound != nil {
		return s.conn.SetReadDeadline(time.Time{}) == nil
	}
	return s.allocated.Load() || s.patient()
}

// resume says that the posted frames are served.
func (s *stream) resume() { s.resumed <- struct{}{} }

// wholeFrames is how many bytes of b are whole frames, and how long the first
// one that is not will be (0 if that is not known yet). A ConnectionBind is the last
// of them: what follows it may be data.
func wholeFrames(b []byte) (whole, next int, err error) {
	for {
		rest := b[whole:]
		if len(rest) < stun.ChannelHeaderSize {
			return whole, 0, nil
		}
		n, err := stun.FrameLength(rest)
		if err != nil {
			return whole, 0, err
		}
		if n > len(rest) {
			return whole, n, nil
		}
		whole += n
		if binary.BigEndian.Uint16(rest) == connectionBindRequest {
			return whole, 0, nil
		}
	}
}

const connectionBindRequest = uint16(stun.MethodConnectionBind) // RFC 8489 §5: a request has no class bits

// hangUp ends the stream from the reader's side: the writer writes what it was
// handed and closes the connection. The allocation's end is posted first, so that
// it comes before whatever a next connection on the same 5-tuple asks for.
func (s *stream) hangUp() {
	s.post(func(w *worker) { w.disconnected(s) })
	close(s.gone)
}

// runWriter writes what the worker hands over; then, on a bound stream, what the
// peer sends.
func (s *stream) runWriter() {
	defer s.conn.Close()
	ok := s.writeHanded()
	switch {
	case s.bound == nil:
	case ok && s.last != nil && s.write(s.last) && s.conn.SetWriteDeadline(time.Time{}) == nil:
		s.bound.carryDown(s.conn)
	default:
		s.bound.abandon()
	}
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
	err := s.conn.SetWriteDeadline(time.Now().Add(streamStuck))
	if err == nil {
		err = s.writeFrames(c)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		s.post(func(w *worker) { w.counters.add(counterStreamsCut, 1) })
	}
	s.queued.Add(-int64(len(c.frames)))
	s.writing.Store(0)
	c.frames, c.ends = c.frames[:0], c.ends[:0]
	chunks.Put(c)
	if s.waiting.CompareAndSwap(true, false) {
		s.worker.Load().inbox.put(s.resend)
	}
	return err == nil
}

// A messageWriter is a connection that puts each message into a record of its own.
type messageWriter interface {
	WriteMessages(b []byte, ends []int) error
}

// writeFrames writes a chunk in one go.
func (s *stream) writeFrames(c *chunk) error {
	if s.messages != nil {
		return s.messages.WriteMessages(c.frames, c.ends)
	}
	_, err := s.conn.Write(c.frames)
	return err
}

// queue appends one frame to what this round sends. Called by the worker.
func (s *stream) queue(w *worker, header, payload []byte, padding int) Drop {
	if s.ended {
		return DropStreamClosed
	}
	n := len(header) + len(payload) + padding
	if s.datagrams && n > maxRecord {
		return DropTooLarge
	}
	c := s.pending
	if c == nil {
		c = chunks.Get().(*chunk)
		s.pending = c
	}
	if len(c.frames) == 0 {
		c.queued = w.now
	}
	if backlog := int(s.queued.Load()) + len(c.frames); backlog > 0 && backlog+n > w.backlogBytes {
		w.note(LimitBacklog, culprit{source: s.tuple.Client.Addr()})
		return DropStreamBacklog
	}
	oldest := allocation.Time(s.writing.Load())
	if oldest == 0 {
		oldest = c.queued
	}
	if time.Duration(w.now-oldest) > w.backlogTime {
		w.note(LimitBacklog, culprit{source: s.tuple.Client.Addr()})
		return DropStreamBacklogAge
	}
	c.frames = append(c.frames, header...)
	c.frames = append(c.frames, payload...)
	c.frames = append(c.frames, zeros[:padding]...)
	if s.messages != nil {
		c.ends = append(c.ends, len(c.frames))
	}
	if !s.dirty {
		s.dirty = true
		w.written = append(w.written, s)
	}
	return notDropped
}

// handOver gives the round's frames to the writer, or leaves them until the
// writer asks. Called by the worker.
func (s *stream) handOver(*worker) {
	s.dirty = false
	c := s.pending
	if c == nil || len(c.frames) == 0 || s.ended {
		return
	}
	if s.bound != nil { // the writer takes it when the reader has gone
		s.queued.Add(int64(len(c.frames)))
		s.last, s.pending = c, nil
		return
	}
	s.queued.Add(int64(len(c.frames)))
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

// serveFrames serves the whole frames that a stream's reader posted, or its one
// message.
func (w *worker) serveFrames(s *stream, frames []byte) {
	if s.owner(w) != w { // it has gone to another worker, or is about to
		if !s.worker.Load().inbox.put(post{stream: s, frames: frames}) {
			s.resume()
		}
		return
	}
	w.readers = append(w.readers, s)
	for len(frames) > 0 && !s.ended {
		n, err := len(frames), error(nil)
		if !s.datagrams {
			n, err = stun.FrameLength(frames)
		}
		if err != nil || n > len(frames) {
			break // the reader posts whole frames
		}
		w.origin = origin{tuple: s.tuple, stream: s, listener: s.listener}
		w.serveClient(frames[:n], s.tos, &w.origin)
		frames = frames[n:]
	}
}
