package relay

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"turnout/allocation"
	"turnout/internal/netio"
	"turnout/stun"
)

// polledStream gives an idle worker a stream, whose client is far.
func polledStream(t *testing.T, s *Server, network *netio.Memory, w *worker) (st *stream, far net.Conn) {
	t.Helper()
	l, err := network.ListenTCP(netip.MustParseAddrPort(serverIPv4 + ":0"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if far, err = network.DialTCP(t.Context(), benchClient(9), addrPort(l.Addr())); err != nil {
		t.Fatal(err)
	}
	near, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	st = newStream(near, allocation.FiveTuple{Client: benchClient(9), Server: addrPort(l.Addr()), Transport: allocation.TCP}, w)
	if !s.poll(st) {
		t.Fatal("the worker's poller takes no stream")
	}
	w.serveInboxWhole()
	return st, far
}

// allocateOver makes an allocation whose client is on a stream.
func allocateOver(t *testing.T, w *worker, s *stream) *allocation.Allocation {
	t.Helper()
	a, err := w.table.Create(s.tuple, allocation.Request{IPv4: true, Lifetime: 600 * allocation.Second}, w.now)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.open(a, false); err != nil {
		t.Fatal(err)
	}
	w.established(a, &origin{tuple: s.tuple, stream: s})
	return a
}

// reset ends the client's end as a crash does, which the worker has not been told yet.
func reset(t *testing.T, far net.Conn) {
	t.Helper()
	if err := errors.Join(far.(interface{ SetLinger(int) error }).SetLinger(0), far.Close()); err != nil {
		t.Fatal(err)
	}
}

// A connection that breaks while a round is sent ends with the round, and its allocation with it.
func TestPolledBreaks(t *testing.T) {
	t.Parallel()
	s, network := idleWorkers(t)
	w := s.workers[0]
	st, far := polledStream(t, s, network, w)
	allocateOver(t, w, st)
	reset(t, far)
	if d := st.queue(w, channelData(0x4000, 100), nil, 0); d != notDropped {
		t.Fatal(d)
	}
	w.flush()
	if d := st.queue(w, channelData(0x4000, 100), nil, 0); d != DropStreamClosed {
		t.Errorf("queued for a connection that is broken: %v", d)
	}
	w.endRound()
	if s.open.Load() != 0 || w.table.Len() != 0 {
		t.Errorf("%d connections, %d allocations", s.open.Load(), w.table.Len())
	}
	s.abandonIdle(t, network)
}

// One that breaks on its way to another worker, with its allocation, is ended there.
func TestPolledBreaksMoving(t *testing.T) {
	t.Parallel()
	s, network := idleWorkers(t)
	w, back := s.workers[0], s.workers[1]
	st, far := polledStream(t, s, network, w)
	a := allocateOver(t, w, st)
	w.tickets.begin(a, stun.TransactionID{})
	reset(t, far)
	w.handOver(a, &visit{message: message(stun.MethodRefresh, func(*stun.Builder) {}), origin: clientAt(back, benchClient(2)), back: back})
	if d := st.queue(w, channelData(0x4000, 100), nil, 0); d != notDropped {
		t.Fatal(d)
	}
	w.endRound()
	if s.open.Load() != 1 {
		t.Fatal("closed by the worker that it has left")
	}
	back.serveInboxWhole()
	if s.open.Load() != 0 {
		t.Error("the connection is open")
	}
	for a := range back.table.All() {
		if !a.Detached() && !a.Moving() && back.links[a.ID().Index()].origin.stream == st {
			t.Error("the allocation is served on a connection that has ended")
		}
	}
	s.abandonIdle(t, network)
}

// A stream that its worker's poller cannot watch is closed.
func TestPolledUnwatched(t *testing.T) {
	t.Parallel()
	s, network := idleWorkers(t)
	w := s.workers[0]
	w.poller = unwatching{w.poller.(netio.StreamPoller)}
	_, far := polledStream(t, s, network, w)
	if n, err := far.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("%d bytes, %v", n, err)
	}
	if s.open.Load() != 0 {
		t.Errorf("%d connections", s.open.Load())
	}
	far.Close()
	s.abandonIdle(t, network)
}

// unwatching is a poller with no room for streams.
type unwatching struct{ netio.StreamPoller }

func (unwatching) AddStream(netio.Stream, uint64) error { return errors.New("no more connections") }

// A worker that has ended, or ends, closes the connections that it was given.
func TestPolledWorkerEnds(t *testing.T) {
	t.Parallel()
	for name, step := range map[string]func(w *worker){
		"it serves":                func(*worker) {},
		"it is about to be served": func(w *worker) { w.inbox.close() },
	} {
		t.Run(name, func(t *testing.T) {
			s, network := idleWorkers(t)
			step(s.workers[0])
			_, far := polledStream(t, s, network, s.workers[0])
			s.abandon()
			if n, err := far.Read(make([]byte, 1)); n != 0 || err != io.EOF {
				t.Errorf("%d bytes, %v", n, err)
			}
			if s.open.Load() != 0 {
				t.Errorf("%d connections", s.open.Load())
			}
			far.Close()
			if open := network.Open(); len(open) > 0 {
				t.Errorf("still open: %v", open)
			}
		})
	}
}

// Clients on real connections are told that the server ends: TLS says goodbye.
func TestRealStreamsEnd(t *testing.T) {
	t.Parallel()
	for _, transport := range []allocation.Transport{allocation.TCP, allocation.TLS} {
		s := serveReal(t, secureListeners(secureTransports(t)))
		dial := dialReal
		if transport == allocation.TLS {
			dial = dialSecure
		}
		c := dial(t, s, transport)
		c.allocate()
		if n := s.Stats().Streams; n != 1 {
			t.Errorf("%d connections", n)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_ = s.Shutdown(ctx) // at once: the allocation is cut
		if err := c.conn.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if n, err := c.conn.Read(make([]byte, 1)); n != 0 || err != io.EOF {
			t.Errorf("%v: %d bytes, %v", transport, n, err)
		}
		if n := s.Stats().Streams; n != 0 {
			t.Errorf("%d connections", n)
		}
	}
}

// However many streams are ready, a round reads so much of all that sockets are not left waiting, and of each so much that
// it gets on.
func TestReadMost(t *testing.T) {
	t.Parallel()
	for streams := range 2000 {
		most := readMost(streams)
		if most <= streamBuffer || most > streamBufferMax || most > 2*streamBuffer && most*streams > readRound {
			t.Fatalf("%d bytes of each of %d streams", most, streams)
		}
	}
	if readMost(0) != streamBufferMax || readMost(1) != streamBufferMax {
		t.Error("a stream by itself is not read whole")
	}
}

// What comes on a stream, and what goes, takes no memory of its own.
func TestPolledAllocatesNothing(t *testing.T) {
	s, network := idleWorkers(t)
	w := s.workers[0]
	st, far := polledStream(t, s, network, w)
	allocateOver(t, w, st)
	up, down := channelData(0x4000, 1200), channelData(0x4000, 1200)
	binding := message(stun.MethodBinding, func(*stun.Builder) {}) // a connection begins with STUN
	if _, err := far.Write(binding); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 2*len(down))
	step := func() {
		if _, err := far.Write(up); err != nil {
			t.Fatal(err)
		}
		events, err := w.poller.Wait(0)
		if err != nil {
			t.Fatal(err)
		}
		w.round(events)
		if d := st.queue(w, down[:4], down[4:], 0); d != notDropped {
			t.Fatal(d)
		}
		w.flush()
		if n, err := far.Read(b); n < len(down) || err != nil {
			t.Fatalf("%d bytes, %v", n, err)
		}
	}
	step()
	w.counters.publish(w.poller)
	before := s.Stats().Dropped(DropChannelUnbound)
	if n := testing.AllocsPerRun(100, step); n > 0 && !raceEnabled {
		t.Errorf("%v allocations for a packet each way", n)
	}
	w.counters.publish(w.poller)
	if n := s.Stats().Dropped(DropChannelUnbound) - before; n != 101 {
		t.Errorf("%d packets were served, of 101", n)
	}
	far.Close()
	s.abandonIdle(t, network)
}
