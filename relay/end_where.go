package relay

import (
	"context"
	"sync"
	"sync/atomic"

	"turnout/allocation"
)

// endsAtOnce is how many allocations a worker ends before it goes back to its packets: each has a socket that the
// system closes in the same round.
const endsAtOnce = 64

// endWhere has every worker end what matches, and says how many there were. Workers do it at the same time, and each a few
// slots at a time, so that no packet waits for all of it. What is made meanwhile may be ended or not, and so may what moves
// from one worker to another: see revoked.
func (s *Server) endWhere(why EndReason, matches func(*worker, *allocation.Allocation) bool) int {
	var total atomic.Int64
	var asking sync.WaitGroup
	for _, w := range s.workers {
		asking.Go(func() {
			e := &ending{why: why, matches: matches}
			for e.next >= 0 {
				if !s.ask(context.Background(), w, e.some) {
					return // the worker has ended, and everything with it
				}
				total.Add(int64(e.ended))
			}
		})
	}
	asking.Wait()
	return int(total.Load())
}

// An ending goes through the slots of a worker.
type ending struct {
	why     EndReason
	matches func(*worker, *allocation.Allocation) bool
	next    int // the first slot to look at; -1 at the end
	ended   int // in the last step
}

// some ends what matches of a few slots. The worker calls it.
func (e *ending) some(w *worker) {
	e.ended = 0
	for end := min(e.next+slotsAtOnce, w.table.Slots()); e.next < end && e.ended < endsAtOnce; e.next++ {
		if a := w.table.At(e.next); a != nil && e.matches(w, a) {
			w.end(a, e.why)
			e.ended++
		}
	}
	if e.next >= w.table.Slots() {
		e.next = -1
	}
}
