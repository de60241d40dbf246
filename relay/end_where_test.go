package relay

import (
	"math"
	"slices"
	"testing"
	"time"

	"turnout/allocation"
	"turnout/internal/netio"
)

// TestEndingHoldsNoWorker ends 5,000 allocations of one worker, several times, and measures how long each step takes the
// worker. Of several measurements of a step the shortest counts: the others include what the machine did meanwhile.
func TestEndingHoldsNoWorker(t *testing.T) {
	t.Parallel()
	const n, passes = 5000, 5
	s := crowded(t, n)
	if ended := s.EndAllOf(""); ended != 0 || s.EndAllOf("nobody") != 0 {
		t.Errorf("%d of nobody have ended", ended)
	}
	var shortest []time.Duration // by step
	var longest time.Duration
	for pass := range passes {
		if pass > 0 {
			populate(t, s.network.(*netio.Memory), n)
		}
		steps := endAll(t, s, n)
		for i, took := range steps {
			if i == len(shortest) {
				shortest = append(shortest, math.MaxInt64)
			}
			shortest[i], longest = min(shortest[i], took), max(longest, took)
		}
		if len(steps) != len(shortest) {
			t.Errorf("%d steps, and %d before", len(steps), len(shortest))
		}
	}
	got := slices.Max(shortest)
	t.Logf("%d steps; the longest held its worker for %v, with what else the machine did %v", len(shortest), got, longest)
	if got > held() {
		t.Errorf("that is more than %v", held())
	}
}

// endAll ends alice's n allocations, which are all there are, and says how long each step took.
func endAll(t *testing.T, s *Server, n int) (steps []time.Duration) {
	t.Helper()
	e := &ending{why: EndByOperator, matches: func(w *worker, a *allocation.Allocation) bool { return w.isOf(a, "alice") }}
	ended := 0
	for e.next >= 0 {
		if !s.ask(t.Context(), s.workers[0], func(w *worker) {
			start := time.Now()
			e.some(w)
			steps = append(steps, time.Since(start))
		}) {
			t.Fatal("the worker has ended")
		}
		if e.ended > endsAtOnce {
			t.Errorf("%d have ended in one step", e.ended)
		}
		ended += e.ended
	}
	if ended != n || s.ledger.Total() != 0 {
		t.Errorf("%d have ended, %d are left", ended, s.ledger.Total())
	}
	return steps
}
