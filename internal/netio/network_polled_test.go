package netio

import (
	"bytes"
	"errors"
	"io"
	"net"
	"testing"
	"time"
)

const polledID = 9

// A polledStation is one end of a stream in a poller; far is the other end.
type polledStation struct {
	t      *testing.T
	poller StreamPoller
	stream Stream
	far    net.Conn
}

// onEachPolled runs a test on every network whose pollers take streams. Of the others they take none, which stay as they are.
func onEachPolled(t *testing.T, test func(t *testing.T, s *polledStation)) {
	onEach(t, func(t *testing.T, tn testNetwork) {
		n := tn.open()
		near, far := connect(t, n, anyPort4)
		p := newStreamPoller(t, n)
		if p == nil && !tn.polled {
			return
		}
		stream, err := p.TakeStream(near)
		if !tn.polled {
			if err == nil {
				t.Fatal("a stream is taken by a poller that has none")
			}
			if _, err := near.Write([]byte("still open")); err != nil {
				t.Fatal(err)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := p.AddStream(stream, polledID); err != nil {
			t.Fatal(err)
		}
		s := &polledStation{t, p, stream, far}
		t.Cleanup(func() {
			if err := s.stream.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
		})
		test(t, s)
	})
}

// newStreamPoller is a poller of n, nil if it is none for streams.
func newStreamPoller(t *testing.T, n Network) StreamPoller {
	t.Helper()
	p, err := n.NewPoller(PollerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	streams, _ := p.(StreamPoller)
	return streams
}

// until waits for an event that want says is the one.
func (s *polledStation) until(what string, want func(Event) bool) {
	s.t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); {
		events, err := s.poller.Wait(patience)
		if err != nil {
			s.t.Fatal(err)
		}
		for _, e := range events {
			if e.ID != polledID {
				s.t.Fatalf("event of id %d", e.ID)
			}
			if e.Readable {
				s.stream.Ready()
			}
			if want(e) {
				return
			}
		}
	}
	s.t.Fatalf("no event of a stream that is %s", what)
}

// quiet checks that nothing is told.
func (s *polledStation) quiet() {
	s.t.Helper()
	if events, err := s.poller.Wait(silence); err != nil || len(events) > 0 {
		s.t.Fatalf("events %+v, %v", events, err)
	}
}

func readable(e Event) bool { return e.Readable }
func writable(e Event) bool { return e.Writable }
func errored(e Event) bool  { return e.Errored }

func TestPolledStreamReads(t *testing.T) {
	onEachPolled(t, func(t *testing.T, s *polledStation) {
		b := make([]byte, 4)
		if n, err := s.stream.Read(b); n != 0 || err != ErrNotReady {
			t.Fatalf("%d bytes, %v before anything was sent", n, err)
		}
		if _, err := s.far.Write([]byte("123456")); err != nil {
			t.Fatal(err)
		}
		s.until("readable", readable)
		for _, want := range []string{"1234", "56"} { // the second one needs no event
			if n, err := s.stream.Read(b); err != nil || string(b[:n]) != want {
				t.Fatalf("%q, %v; want %q", b[:n], err, want)
			}
		}
		if n, err := s.stream.Read(b); n != 0 || err != ErrNotReady || !ErrNotReady.Timeout() {
			t.Fatalf("%d bytes, %v behind a read that was not filled", n, err)
		}
		s.quiet()
		if err := s.far.Close(); err != nil {
			t.Fatal(err)
		}
		s.until("at its end", readable)
		if n, err := s.stream.Read(b); n != 0 || err != io.EOF {
			t.Fatalf("%d bytes, %v at the end", n, err)
		}
	})
}

// fill writes until something is kept, and returns everything.
func (s *polledStation) fill() (written []byte) {
	s.t.Helper()
	for s.stream.Kept() == 0 {
		b := pattern(1<<20, byte(len(written)>>20))
		if n, err := s.stream.Write(b); n != len(b) || err != nil {
			s.t.Fatalf("%d bytes, %v", n, err)
		}
		written = append(written, b...)
		if len(written) > 256<<20 {
			s.t.Fatal("nothing is ever kept")
		}
	}
	return written
}

// drain has the far end read n bytes.
func (s *polledStation) drain(n int) <-chan []byte {
	got := make(chan []byte, 1)
	go func() {
		b := make([]byte, n)
		read, _ := io.ReadFull(s.far, b)
		got <- b[:read]
	}()
	return got
}

// flush writes what is kept, as there comes to be room for it.
func (s *polledStation) flush() {
	s.t.Helper()
	for s.stream.Kept() > 0 {
		s.until("writable", writable)
		if err := s.stream.Flush(); err != nil {
			s.t.Fatal(err)
		}
	}
}

func TestPolledStreamKeeps(t *testing.T) {
	onEachPolled(t, func(t *testing.T, s *polledStation) {
		want := s.fill()
		more := pattern(keptMore, 77)
		if n, err := s.stream.Write(more); n != len(more) || err != nil {
			t.Fatalf("%d bytes more, %v", n, err)
		}
		want = append(want, more...)
		if n, err := s.stream.Write([]byte("x")); n != 0 || err == nil {
			t.Fatalf("%d bytes beyond what is kept, %v", n, err)
		}
		got := s.drain(len(want))
		s.flush()
		if !bytes.Equal(<-got, want) {
			t.Fatal("what arrived is not what was written")
		}
		s.quiet() // nothing is kept, so nothing is to be told
	})
}

func TestPolledStreamMoves(t *testing.T) {
	onEachPolled(t, func(t *testing.T, s *polledStation) {
		other := newStreamPoller(t, System())
		if _, virtual := s.stream.(*memoryPolled); virtual {
			other = newStreamPoller(t, NewMemory())
		}
		if err := other.AddStream(s.stream, polledID); err == nil {
			t.Fatal("a stream is in two pollers")
		}
		want := s.fill()
		if err := s.poller.RemoveStream(s.stream); err != nil {
			t.Fatal(err)
		}
		got := s.drain(len(want))
		s.quiet()
		if err := s.poller.RemoveStream(s.stream); err == nil {
			t.Fatal("removed twice")
		}
		s.poller = other
		if err := other.AddStream(s.stream, polledID); err != nil {
			t.Fatal(err)
		}
		s.flush()
		if !bytes.Equal(<-got, want) {
			t.Fatal("what arrived is not what was written")
		}
	})
}

func TestPolledStreamReleased(t *testing.T) {
	onEachPolled(t, func(t *testing.T, s *polledStation) {
		want := s.fill()
		if err := s.poller.RemoveStream(s.stream); err != nil {
			t.Fatal(err)
		}
		conn, kept, err := s.stream.Release()
		if err != nil || len(kept) == 0 {
			t.Fatalf("%d bytes kept, %v", len(kept), err)
		}
		defer conn.Close()
		got := s.drain(len(want))
		if _, err := conn.Write(kept); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(<-got, want) {
			t.Fatal("what arrived is not what was written")
		}
		if _, err := s.far.Write([]byte("up")); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 2)
		if _, err := io.ReadFull(conn, b); err != nil || string(b) != "up" {
			t.Fatalf("%q, %v", b, err)
		}
		if _, err := s.stream.Read(b); !errors.Is(err, net.ErrClosed) {
			t.Fatalf("reading what was released: %v", err)
		}
		if _, _, err := s.stream.Release(); !errors.Is(err, net.ErrClosed) {
			t.Fatalf("released twice: %v", err)
		}
	})
}

func TestPolledStreamDeafened(t *testing.T) {
	onEachPolled(t, func(t *testing.T, s *polledStation) {
		if err := s.stream.Deafen(); err != nil {
			t.Fatal(err)
		}
		if _, err := s.far.Write([]byte("nobody listens")); err != nil {
			t.Fatal(err)
		}
		s.quiet()
		if err := s.far.(interface{ SetLinger(int) error }).SetLinger(0); err != nil {
			t.Fatal(err)
		}
		if err := s.far.Close(); err != nil {
			t.Fatal(err)
		}
		s.until("reset", errored)
	})
}
