package relay

import (
	"sync"
	"testing"

	"turnout/allocation"
)

// An operator who takes a drain back just when the relay is told to end takes nothing back: it would make allocations until it
// ends, and tell load balancers that it does.
func TestUndrainBesideShutdown(t *testing.T) {
	t.Parallel()
	ended := make(chan struct{})
	close(ended)
	for i := range 20_000 {
		s := &Server{shared: &shared{}, shutdown: make(chan struct{}), closed: ended}
		var both sync.WaitGroup
		both.Go(func() { s.Undrain() })
		both.Go(func() { _ = s.Shutdown(t.Context()) })
		both.Wait()
		if !s.draining.Load() {
			t.Fatalf("time %d: the relay ends and does not drain", i)
		}
	}
}

// A scrape that comes while a client moves from one transport to another, which is two changes of counters, sees as many
// allocations made as ever: a counter that goes down is a restart to Prometheus.
func TestMovesMakeNoAllocation(t *testing.T) {
	t.Parallel()
	s, network := idleWorkers(t)
	defer s.abandonIdle(t, network)
	w := s.workers[0]
	allocateAt(t, w)
	w.counters.publish(w.poller)
	if got := s.Stats().AllocationsTotal; got != 1 {
		t.Fatalf("%d allocations were made, want 1", got)
	}
	// The worker is publishing the move: it has come as far as what was created.
	w.counters.published[transportCounter(counterCreated, allocation.TCP)].Add(1)
	if got := s.Stats().AllocationsTotal; got != 1 {
		t.Errorf("%d allocations were made once the client has moved, want 1", got)
	}
	w.counters.published[transportCounter(counterCreated, allocation.TCP)].Store(0)
}
