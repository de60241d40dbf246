package relay

// post has the worker that owns the stream do something.
func (s *stream) post(do func(*worker)) {
	s.worker.Load().inbox.put(post{do: func(w *worker) {
		if s.owner(w) == w {
			do(w)
		} else {
			s.post(do)
		}
	}})
}

// owner is the worker that owns the stream, as w sees it: another one, when the
// stream has gone there with its allocation. While it is about to, w sees
// nobody's: what is posted to it again comes behind the move.
func (s *stream) owner(w *worker) *worker {
	if owner := s.worker.Load(); owner != w {
		return owner
	}
	if s.leaving {
		return nil
	}
	return w
}
