package relay

import "context"

// Alive asks every worker to answer, and returns nil once all have: a watchdog
// asks now and then. A worker that has ended counts as answering, since Serve
// tells of that. If one hangs, the error is ctx's. Safe for concurrent use, after New.
func (s *Server) Alive(ctx context.Context) error {
	return s.askAll(ctx, func(_ *worker, answer func()) { answer() })
}

// askAll has every worker do something that ends with an answer, and waits for all of them. Workers that have ended are not
// asked. The error is ctx's.
func (s *Server) askAll(ctx context.Context, do func(w *worker, answer func())) error {
	answers := make(chan struct{}, len(s.workers)) // so that no worker ever waits for who has gone
	answer := func() { answers <- struct{}{} }
	for _, w := range s.workers {
		if !w.inbox.put(post{do: func(w *worker) { do(w, answer) }}) {
			answer()
		}
	}
	for range s.workers {
		select {
		case <-answers:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
