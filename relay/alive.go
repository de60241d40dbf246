package relay

import "context"

// Alive asks every worker to answer, and returns nil once all have: a watchdog
// asks now and then. A worker that has ended counts as answering, since Serve
// tells of that. If one hangs, the error is ctx's. Safe for concurrent use, after New.
func (s *Server) Alive(ctx context.Context) error {
	answers := make(chan struct{}, len(s.workers)) // so that no worker ever waits for who has gone
	for _, w := range s.workers {
		if !w.inbox.put(post{do: func(*worker) { answers <- struct{}{} }}) {
			answers <- struct{}{}
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
