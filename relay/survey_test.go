package relay

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"turnout/allocation"
	"turnout/internal/netio"
)

// hold keeps a worker from working until release is called.
func hold(t *testing.T, w *worker) (release func()) {
	t.Helper()
	held, released := make(chan struct{}), make(chan struct{})
	if !w.inbox.put(post{do: func(*worker) { close(held); <-released }}) {
		t.Fatal("the worker has ended")
	}
	<-held
	return func() { close(released) }
}

// flood sends datagrams that nobody answers, more than any socket's buffer holds, and returns how many.
func flood(t *testing.T, to ...netip.AddrPort) (n uint64) {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	b := make([]byte, 30000)
	b[0] = 0xFF // neither STUN nor ChannelData
	for range 1500 {
		for _, a := range to {
			if _, err := conn.WriteToUDPAddrPort(b, a); err != nil {
				t.Fatal(err)
			}
			n++
		}
	}
	return n
}

// surveyed is everything that has been counted.
func surveyed(t *testing.T, s *Server) Stats {
	t.Helper()
	if err := s.Survey(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s.Stats()
}

// countsDrops skips a test on a network that does not know what the system dropped.
func countsDrops(t *testing.T, s *Server) {
	t.Helper()
	if _, ok := s.workers[0].listeners[0].(netio.DropCounter); !ok {
		t.Skip("this network does not tell what the system dropped")
	}
}

// TestSurveyDrops floods a worker that is kept from reading: every datagram was read or is counted as dropped, at the
// listener, at a relay socket that lives, and at one that is closed.
func TestSurveyDrops(t *testing.T) {
	t.Parallel()
	s := serveReal(t, func(c *Config) { c.Workers = 1 })
	countsDrops(t, s)
	client := dialReal(t, s, allocation.UDP)
	relayed := client.allocate()
	before := surveyed(t, s)
	release := hold(t, s.workers[0])
	sent := flood(t, s.Addrs()[0].Addr, relayed)
	release()
	var now Stats
	for accounted := uint64(0); accounted != sent; {
		now = surveyed(t, s)
		accounted = now.RecvDatagrams - before.RecvDatagrams + now.ListenerDrops + now.RelayDrops
		if accounted > sent {
			t.Fatalf("%d datagrams were sent, and %d are accounted for", sent, accounted)
		}
	}
	if now.ListenerDrops == 0 || now.RelayDrops == 0 || len(now.WorkersCPU) != 1 || now.WorkersCPU[0] <= 0 {
		t.Errorf("%d and %d dropped at listener and relay socket, CPU times %v", now.ListenerDrops, now.RelayDrops, now.WorkersCPU)
	}

	release = hold(t, s.workers[0])
	flood(t, relayed)
	ended := make(chan int)
	go func() { ended <- s.EndUsername("alice") }() // in the round of which the first half has not seen the datagrams
	for posted := false; !posted; {
		s.workers[0].inbox.mu.Lock()
		posted = len(s.workers[0].inbox.posted) > 0
		s.workers[0].inbox.mu.Unlock()
	}
	release()
	if n := <-ended; n != 1 {
		t.Fatalf("%d allocations ended", n)
	}
	for closed := s.Stats(); closed.RelayDrops <= now.RelayDrops; closed = s.Stats() {
		if err := s.Alive(t.Context()); err != nil {
			t.Fatal(err) // no survey: what the closed socket had dropped would be lost
		}
	}
}

// TestSurveyOfHungWorker gives up with its context, before and after which Stats answers.
func TestSurveyOfHungWorker(t *testing.T) {
	t.Parallel()
	s := serveReal(t, func(c *Config) { c.Workers = 2 }) // one, on the portable network
	defer hold(t, s.workers[len(s.workers)-1])()
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if err := s.Survey(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("survey of a worker that hangs: %v", err)
	}
	if stats := s.Stats(); stats.WorkersCPU != nil {
		t.Errorf("CPU times %v, and one worker has not told", stats.WorkersCPU)
	}
}

// TestSurveyBeforeServe returns at once.
func TestSurveyBeforeServe(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	if err := b.Survey(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestSurveyBudgets counts the sources that get no answer any more.
func TestSurveyBudgets(t *testing.T) {
	t.Parallel()
	sources := map[string]int{"192.0.2.1": 3, "192.0.2.2": 2, "2001:db8::1": 9}
	var b budget
	for apart := false; !apart; {
		b = newBudget(10, 3) // by another seed: two sources may share a slot, which counts once
		slots := map[uint64]bool{}
		for source := range sources {
			slots[b.slot(netip.MustParseAddr(source))] = true
		}
		apart = len(slots) == len(sources)
	}
	for source, n := range sources {
		for range n {
			b.spend(netip.MustParseAddr(source), allocation.Time(allocation.Second))
		}
	}
	for _, c := range []struct {
		after allocation.Duration
		want  int
	}{{0, 2}, {99 * allocation.Second / 1000, 2}, {allocation.Second / 10, 0}} {
		if got := b.spent(allocation.Time(allocation.Second) + allocation.Time(c.after)); got != c.want {
			t.Errorf("%d sources have spent their budget after %v, want %d", got, time.Duration(c.after), c.want)
		}
	}
	if n := newBudget(0, 0).spent(1); n != 0 {
		t.Errorf("%d sources have spent a budget that has no limit", n)
	}
}
