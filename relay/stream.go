package relay

import (
	"net"
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

// A stream is one client connection. Where the poller tells of connections, the worker reads and writes it by itself
// (polled). Elsewhere, and with DTLS, a goroutine reads and another writes: see stream_read.go and stream_write.go. Once a
// ConnectionBind has succeeded on it, two goroutines carry its data, each one way, and the worker has nothing more to do
// with it (RFC 6062).
type stream struct {
	// immutable
	tuple     allocation.FiveTuple
	listener  *listener     // nil in tests
	datagrams bool          // DTLS: each read is one message, and each write
	messages  messageWriter // conn, if it writes messages
	tos       uint8         // of what goes to peers: the connection's DSCP, Not-ECT

	conn      net.Conn               // replaced where a polled stream is bound
	worker    atomic.Pointer[worker] // that owns it; changes with its allocation's
	allocated atomic.Bool            // an allocation lives on it
	queued    atomic.Int64           // bytes that were handed over and are not yet written
	writing   atomic.Int64           // worker's time at which the oldest of them were queued, 0 for none

	// Of goroutines; immutable but for waiting.
	ready   readyReader // conn, if it reads records
	resend  post        // hands over what was queued while the writer was busy
	waiting atomic.Bool // the worker wants to be told when the writer has room
	handed  chan *chunk
	resumed chan struct{} // the posted frames are served
	gone    chan struct{} // closed when reading has ended

	// Owned by the worker; the reader, and the writer behind it, may look once the
	// frames it posted are served.
	bound *connection // what it is the client's end of, nil while it carries frames
	last  *chunk      // of a bound stream: the response to the ConnectionBind

	// owned by the worker
	polled  *polled // nil where goroutines read and write
	pending *chunk  // queued and not yet handed to the writer
	dirty   bool    // in worker.written
	ended   bool
	leaving bool // for another worker, at the end of the round
}

// A chunk is what a round queued for a stream: frames end to end.
type chunk struct {
	frames []byte
	ends   []int           // of each frame, for a messageWriter
	space  []byte          // for its records
	queued allocation.Time // when the first was
}

var chunks = sync.Pool{New: func() any { return new(chunk) }}

func newStream(conn net.Conn, ft allocation.FiveTuple, w *worker) *stream {
	messages, _ := conn.(messageWriter)
	s := &stream{
		conn: conn, tuple: ft, datagrams: ft.Transport == allocation.DTLS, messages: messages,
		tos: netio.ConnectionTOS(conn) &^ ecn, // RFC 8656 §15
	}
	s.worker.Store(w)
	return s
}

// A messageWriter is a connection that puts each message into a record of its own. The records are put together in space,
// which it returns, perhaps larger.
type messageWriter interface {
	WriteMessages(b []byte, ends []int, space []byte) ([]byte, error)
}

// writeFrames writes a chunk in one go.
func (s *stream) writeFrames(c *chunk) (err error) {
	if s.messages != nil {
		c.space, err = s.messages.WriteMessages(c.frames, c.ends, c.space)
		return err
	}
	_, err = s.conn.Write(c.frames)
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
		c = w.chunk()
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
	w.serveWhole(s, frames)
}

// serveWhole serves whole frames. It returns those behind a request by which a polled stream goes to another worker, which
// is to serve them; what goroutines have posted is served here.
func (w *worker) serveWhole(s *stream, frames []byte) (left []byte) {
	for len(frames) > 0 && !s.ended && !(s.leaving && s.polled != nil) {
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
	return frames
}
