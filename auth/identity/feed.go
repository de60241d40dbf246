package identity

import (
	"context"
	"fmt"
	"sync"
)

// A feed tells watchers within the process of what was written, in the order of
// its revisions. Its owner publishes from one place at a time.
type feed struct {
	mu       sync.Mutex
	watchers map[*watcher]struct{} // guarded by mu
	closed   bool                  // guarded by mu
}

type watcher struct {
	kind Kind

	mu     sync.Mutex
	queue  []Record // guarded by mu
	behind bool     // guarded by mu
	closed bool     // guarded by mu

	wake chan struct{} // holds one token while there is something to see
}

// maxQueue is how many changes wait for a watcher at most; then it starts anew.
const maxQueue = 1 << 14

func (f *feed) add(k Kind) (*watcher, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil, ErrClosed
	}
	w := &watcher{kind: k, wake: make(chan struct{}, 1)}
	if f.watchers == nil {
		f.watchers = map[*watcher]struct{}{}
	}
	f.watchers[w] = struct{}{}
	return w, nil
}

func (f *feed) remove(w *watcher) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.watchers, w)
}

func (f *feed) publish(k Kind, r Record) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for w := range f.watchers {
		if w.kind == k {
			w.put(r)
		}
	}
}

func (f *feed) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	for w := range f.watchers {
		w.mu.Lock()
		w.closed = true
		w.mu.Unlock()
		w.notify()
	}
}

func (w *watcher) put(r Record) {
	w.mu.Lock()
	if len(w.queue) == maxQueue {
		w.queue, w.behind = nil, true
	}
	if !w.behind {
		w.queue = append(w.queue, r)
	}
	w.mu.Unlock()
	w.notify()
}

func (w *watcher) notify() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// take empties the queue.
func (w *watcher) take() (queue []Record, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	queue, w.queue = w.queue, nil
	switch {
	case w.behind:
		return nil, ErrBehind
	case w.closed:
		return queue, ErrClosed
	}
	return queue, nil
}

// watch is Watch of a store that publishes here. snapshot gives all records of
// the kind and the last revision it has seen; the watcher is there before, so
// that nothing falls between.
func (f *feed) watch(ctx context.Context, k Kind, snapshot func() ([]Record, uint64, error), apply func(Record), ready func()) error {
	w, err := f.add(k)
	if err != nil {
		return err
	}
	defer f.remove(w)
	records, seen, err := snapshot()
	if err != nil {
		return err
	}
	for _, r := range records {
		apply(r)
	}
	ready()
	for {
		queue, err := w.take()
		for _, r := range queue {
			if r.Revision > seen {
				apply(r)
			}
		}
		if err != nil {
			return fmt.Errorf("watch %v: %w", k, err)
		}
		select {
		case <-w.wake:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
