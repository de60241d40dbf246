package netio

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"net"
	"testing"
	"time"
)

// TestReceiveQueueAgainstSlice offers and takes at random, beside a slice that is the queue's model.
func TestReceiveQueueAgainstSlice(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	const most, mostBytes = 20, 300
	var q receiveQueue
	q.init(most, mostBytes)
	var model [][]byte
	for i := range 20000 {
		if random.IntN(2) == 0 {
			held := len(bytes.Join(model, nil))
			payload := append(number(i), make([]byte, random.IntN(30))...)
			err := q.offer(datagram{payload: payload})
			if full := len(model) == most || held >= mostBytes; full != errors.Is(err, errQueueFull) {
				t.Fatalf("step %d: %d datagrams of %d bytes, offered one more: %v", i, len(model), held, err)
			}
			if err == nil {
				model = append(model, payload)
			}
			continue
		}
		n := random.IntN(8)
		got, err := q.take(nil, n)
		if err != nil || len(got) != min(n, len(model)) {
			t.Fatalf("step %d: %d of at most %d, holding %d, %v", i, len(got), n, len(model), err)
		}
		for j, d := range got {
			if !bytes.Equal(d.payload, model[j]) {
				t.Fatalf("step %d: took %x, want %x", i, d.payload, model[j])
			}
		}
		model = model[len(got):]
	}
}

func TestReceiveQueueFails(t *testing.T) {
	t.Parallel()
	m := NewMemory()
	a, b := newStation(t, m, anyPort4, 0), newStation(t, m, anyPort4, 0)
	a.send(Out{Dst: b.addr(), Payload: number(1)})
	broken := errors.New("broken")
	b.socket.(*memorySocket).queue.fail(broken)
	// What arrived before is read first.
	if got := b.recv(64); len(got) != 1 {
		t.Fatalf("%d datagrams", len(got))
	}
	if !b.readable(patience) {
		t.Fatal("a broken socket is not reported")
	}
	if got, err := b.poller.Recv(b.socket, 64); len(got) != 0 || !errors.Is(err, broken) {
		t.Fatalf("received %v, %v", got, err)
	}
}

// TestReadyListForgetsRemoved removes sockets while they are listed, and adds them again under another id.
func TestReadyListForgetsRemoved(t *testing.T) {
	t.Parallel()
	m := NewMemory()
	a, b := newStation(t, m, anyPort4, 0), newStation(t, m, anyPort4, 0)
	a.send(Out{Dst: b.addr(), Payload: number(1)})
	for id := range uint64(5) {
		if err := b.poller.Remove(b.socket); err != nil {
			t.Fatal(err)
		}
		if err := b.poller.Add(b.socket, 100+id); err != nil {
			t.Fatal(err)
		}
	}
	events, err := b.poller.Wait(patience)
	if err != nil || len(events) != 1 || events[0].ID != 104 {
		t.Fatalf("events %v, %v", events, err)
	}
}

func TestPollerRefuses(t *testing.T) {
	t.Parallel()
	m := NewMemory()
	a := newStation(t, m, anyPort4, 0)
	p, err := newQueuePoller(PollerConfig{}, &m.buffers)
	if err != nil {
		t.Fatal(err)
	}
	s, err := m.OpenUDP(anyPort4)
	if err != nil {
		t.Fatal(err)
	}
	var foreign struct{ Socket }
	for what, err := range map[string]error{
		"a socket under WakeID":        p.Add(s, WakeID),
		"a socket in another poller":   p.Add(a.socket, 1),
		"another's socket out":         p.Remove(a.socket),
		"a socket of another network":  p.Add(foreign, 1),
		"another network's socket out": p.Remove(foreign),
		"another network's to read":    errorOf(p.Recv(foreign, 1)),
	} {
		if err == nil {
			t.Errorf("the poller takes %s", what)
		}
	}
	if f := p.Send([]Out{{Socket: foreign}}); len(f) != 1 || !errors.Is(f[0].Err, errForeignSocket) {
		t.Errorf("failures %v", f)
	}
	if p.RecvErrors(foreign) != nil {
		t.Error("errors of another network's socket")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := p.Add(s, 1); !errors.Is(err, net.ErrClosed) {
		t.Errorf("a closed socket: %v", err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if p.Close() == nil || p.Add(a.socket, 1) == nil {
		t.Error("a closed poller is as open as ever")
	}
}

func TestBufferPool(t *testing.T) {
	t.Parallel()
	p := bufferPool{poisons: true}
	for _, n := range []int{0, 1, 512, 513, 2048, 2049, 16 << 10, 16<<10 + 1, maxDatagram} {
		b := p.lend(n)
		if len(b) != n || cap(b) < n || cap(b) > 512 && cap(b) > 8*n {
			t.Fatalf("a buffer for %d bytes has %d of %d", n, len(b), cap(b))
		}
		clear(b)
		p.free(b)
		again := p.lend(n)
		if n > 0 && (&again[0] != &b[0] || b[0] != poison || b[n-1] != poison) {
			t.Fatalf("a buffer of %d bytes was not lent again, or not poisoned", n)
		}
	}
	// What is kept is bounded.
	for range 2 * spareBytes / bufferSizes[0] {
		p.free(make([]byte, 0, bufferSizes[0]))
	}
	if kept := len(p.spare[0]); kept != spareBytes/bufferSizes[0] {
		t.Fatalf("%d buffers kept", kept)
	}
}

// A relayRound is a relay between a client and a peer.
type relayRound struct {
	client, relay, peer *station
	outs                []Out
}

// run has n datagrams go from the client over the relay to the peer. Rounds are the relay's: payloads are sent on from where they
// were received.
func (r *relayRound) run(t testing.TB, n int, payload []byte) {
	r.outs = r.outs[:0]
	for range n {
		r.outs = append(r.outs, Out{Socket: r.client.socket, Dst: r.relay.socket.Local(), Payload: payload})
	}
	r.client.poller.Send(r.outs)
	relayed := 0
	for relayed < n {
		if _, err := r.relay.poller.Wait(time.Second); err != nil {
			t.Fatal(err)
		}
		packets, err := r.relay.poller.Recv(r.relay.socket, 64)
		if err != nil {
			t.Fatal(err)
		}
		r.outs = r.outs[:0]
		for _, p := range packets {
			r.outs = append(r.outs, Out{Socket: r.relay.socket, Dst: r.peer.socket.Local(), Payload: p.Payload})
		}
		if failures := r.relay.poller.Send(r.outs); len(failures) > 0 {
			t.Fatal(failures[0].Err)
		}
		relayed += len(packets)
		r.relay.poller.EndRound()
	}
	for arrived := 0; arrived < n; {
		if _, err := r.peer.poller.Wait(time.Second); err != nil {
			t.Fatal(err)
		}
		packets, err := r.peer.poller.Recv(r.peer.socket, 64)
		if err != nil {
			t.Fatal(err)
		}
		arrived += len(packets)
		r.peer.poller.EndRound()
	}
}

// TestMemoryRoundAllocatesNothing keeps the twin out of what the relay's own tests count. It is not parallel: AllocsPerRun counts
// the process's allocations.
func TestMemoryRoundAllocatesNothing(t *testing.T) {
	m := NewMemory()
	r := relayRound{client: newStation(t, m, anyPort4, 0), relay: newStation(t, m, anyPort4, 0), peer: newStation(t, m, anyPort4, 0)}
	payload := pattern(1200, 0)
	if n := testing.AllocsPerRun(100, func() { r.run(t, 64, payload) }); n != 0 {
		t.Fatalf("%v allocations a round of 64 datagrams", n)
	}
}

func BenchmarkMemoryRound(b *testing.B) {
	m := NewMemory()
	open := func() *station {
		s, err := m.OpenUDP(anyPort4)
		if err != nil {
			b.Fatal(err)
		}
		p, err := newQueuePoller(PollerConfig{}, &m.buffers)
		if err != nil {
			b.Fatal(err)
		}
		if err := p.Add(s, stationID); err != nil {
			b.Fatal(err)
		}
		return &station{poller: p, socket: s}
	}
	r := relayRound{client: open(), relay: open(), peer: open()}
	payload := pattern(1200, 0)
	b.ReportAllocs()
	for b.Loop() {
		r.run(b, 64, payload)
	}
}
