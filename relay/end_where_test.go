package relay

import (
	"slices"
	"testing"
	"time"

	"turnout/allocation"
)

// TestEndingHoldsNoWorker ends 5,000 allocations of one worker, and measures how long each step takes the worker.
func TestEndingHoldsNoWorker(t *testing.T) {
	t.Parallel()
	const n = 5000
	s := crowded(t, n)
	if ended := s.EndAllOf(""); ended != 0 || s.EndAllOf("nobody") != 0 {
		t.Errorf("%d of nobody have ended", ended)
	}
	e := &ending{why: EndByOperator, matches: func(w *worker, a *allocation.Allocation) bool { return w.isOf(a, "alice") }}
	var steps []time.Duration
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
	slices.Sort(steps)
	// Steps are all alike, and each can be measured once: of the longest, a few had to wait for the machine.
	typical := steps[len(steps)*9/10]
	t.Logf("%d steps; nine of ten held their worker for at most %v, with what else the machine did %v", len(steps), typical, steps[len(steps)-1])
	if ended != n || s.ledger.Total() != 0 {
		t.Errorf("%d have ended, %d are left", ended, s.ledger.Total())
	}
	if typical > held() {
		t.Errorf("that is more than %v", held())
	}
}
