package relay

import (
	"context"

	"turnout/internal/netio"
)

// surveyBatch is how many allocations' sockets are looked at in one post: some 0.1 ms.
const surveyBatch = 256

// Survey looks at what is not counted in passing, for the next Stats: what the system dropped at every worker's sockets, the
// CPU time that the workers have used, and how many sources have spent their budget. Workers do not look by themselves. What
// they counted of reads, latency and calls to the system they publish for it, and else once a second at the least while they work. Call it before each scrape; where ctx is
// done before every worker has answered, the error is ctx's, and Stats has what was found before. It returns at once where
// the server does not serve. Safe for concurrent use.
func (s *Server) Survey(ctx context.Context) error {
	if !s.serving.Load() {
		return nil
	}
	s.budgetsSpent.Store(int64(s.current.Load().budget.spent(s.now())))
	return s.askAll(ctx, func(w *worker, answer func()) {
		w.counters.publishMonotone(w.poller.Counts())
		w.readThreadTime()
		for _, l := range w.listeners {
			w.readDrops(counterListenerDrops, l)
		}
		w.surveyFrom(0, answer)
	})
}

// surveyFrom looks at the relay sockets of one batch of allocations, and posts the next.
func (w *worker) surveyFrom(first int, answer func()) {
	end := min(first+surveyBatch, len(w.links))
	for i := first; i < end; i++ {
		for _, s := range w.links[i].relays {
			if s != nil {
				w.readDrops(counterRelayDrops, s)
			}
		}
	}
	if end == len(w.links) || !w.inbox.put(post{do: func(w *worker) { w.surveyFrom(end, answer) }}) {
		answer()
	}
}

// readDrops counts what the system dropped at a socket since it was last asked. It is published at once, since who asked
// does not wait for the end of the round.
func (w *worker) readDrops(counter int, s netio.Socket) {
	d, ok := s.(netio.DropCounter)
	if !ok {
		return
	}
	if n, err := d.NewDrops(); err == nil && n > 0 { // else it is closed, or the system does not tell
		w.counters.local[counter] += uint64(n)
		w.counters.published[counter].Store(w.counters.local[counter])
	}
}

// readThreadTime publishes how much CPU time the worker's thread has used.
func (w *worker) readThreadTime() {
	if t, ok := netio.ThreadTime(); ok {
		w.cpu.Store(int64(t))
	}
}
