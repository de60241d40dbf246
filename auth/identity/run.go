package identity

import (
	"context"
	"errors"
	"sync"
	"time"
)

// watched are the kinds that a view of revocations consists of.
var watched = []Kind{Subjects, Usernames}

const (
	pruneEvery = time.Minute
	minRetry   = 100 * time.Millisecond
	maxRetry   = 500 * time.Millisecond
)

// Run keeps the view current with a store until ctx ends or the store is closed.
// Call it once.
func (r *Revocations) Run(ctx context.Context, s Store) {
	r.mu.Lock()
	r.store = s
	r.mu.Unlock()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var watches, pruning sync.WaitGroup
	for _, k := range watched {
		watches.Go(func() { r.watch(ctx, s, k) })
	}
	pruning.Go(func() { r.runPrune(ctx) })
	watches.Wait()
	cancel()
	pruning.Wait()
}

// watch follows one kind, again and again. A watch that begins anew tells of
// everything once more, which changes nothing that is known.
func (r *Revocations) watch(ctx context.Context, s Store, k Kind) {
	retry := minRetry
	for {
		err := s.Watch(ctx, k, func(record Record) { r.apply(k, record) }, func() {
			retry = minRetry
			r.caughtUp(k)
		})
		if ctx.Err() != nil {
			return
		}
		r.mu.Lock()
		r.failure[k] = err
		r.mu.Unlock()
		if errors.Is(err, ErrClosed) {
			return
		}
		timer := time.NewTimer(retry)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
		retry = min(2*retry, maxRetry)
	}
}

// apply takes a record in. One that is gone is left to prune: it is removed from
// the store when it has lost its meaning, and until then it has one. One that
// cannot be read must not stop the others; Status tells of it.
func (r *Revocations) apply(k Kind, record Record) {
	if record.Value == nil {
		return
	}
	var err error
	if k == Subjects {
		var s subjectRecord
		if s, err = decodeSubject(record.Key, record.Value); err == nil {
			r.revokeSubject(record.Key, s)
			return
		}
	} else {
		var u usernameRecord
		if err = decode(k, record.Key, record.Value, &u); err == nil {
			r.revokeUsername(record.Key, u)
			return
		}
	}
	r.mu.Lock()
	r.record = err
	r.mu.Unlock()
}

// caughtUp notes that all that is in the store of this kind is here.
func (r *Revocations) caughtUp(k Kind) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failure[k] = nil
	if r.seen[k] {
		return
	}
	r.seen[k] = true
	if r.waiting--; r.waiting == 0 {
		close(r.ready)
	}
}

func (r *Revocations) runPrune(ctx context.Context) {
	ticker := time.NewTicker(pruneEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			r.prune()
		case <-ctx.Done():
			return
		}
	}
}
