package relay

import (
	"encoding/binary"
	"errors"
	"net"
	"time"

	"turnout/stun"
)

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
