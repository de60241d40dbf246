package identity

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

// Watch tells of what there is and of every change, within a second of it while
// the server is there. After every reconnection it reads everything anew: that is
// simple, and misses nothing whatever happened to server and bucket meanwhile.
func (n *NATS) Watch(ctx context.Context, k Kind, apply func(Record), ready func()) error {
	again := make(chan struct{}, 1)
	n.mu.Lock()
	n.watchers[again] = true // who begins late has missed nothing; that it is not ready yet, it tells by itself
	n.mu.Unlock()
	defer func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		delete(n.watchers, again)
		n.followLocked()
	}()
	for {
		if err := n.watchOnce(ctx, k, apply, ready, again); err != nil {
			return err
		}
		ready = func() {}
	}
}

// watchOnce watches until the connection was made anew; then it returns nil.
func (n *NATS) watchOnce(ctx context.Context, k Kind, apply func(Record), ready func(), again chan struct{}) error {
	if err := n.away(); err != nil {
		return err
	}
	w, end, err := n.begin(ctx, k)
	if ctx.Err() != nil && err != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		return fmt.Errorf("watch NATS bucket: %w", unreachable(err))
	}
	defer end()
	for {
		select {
		case e, ok := <-w.Updates():
			switch {
			case !ok && n.conn.IsClosed():
				return ErrClosed
			case !ok:
				return fmt.Errorf("watch NATS bucket: %w", ErrBehind)
			case e == nil:
				ready()
				n.caughtUp(again)
			default:
				tell(e, apply)
			}
		case <-again:
			return n.reconnected()
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// begin makes a watcher. Its context lasts as long as it does: only the beginning
// is bounded.
func (n *NATS) begin(ctx context.Context, k Kind) (w jetstream.KeyWatcher, end func(), err error) {
	ctx, cancel := context.WithCancel(ctx)
	begun, release := n.bounded(ctx, natsTimeout)
	defer release()
	keep := context.AfterFunc(begun, cancel)
	w, err = n.buckets[k].WatchAll(ctx)
	if !keep() && err == nil { // too late: it is cancelled
		stop(w)
		err = context.DeadlineExceeded
	}
	if err != nil {
		cancel()
		return nil, nil, err
	}
	return w, func() { stop(w); cancel() }, nil
}

// reconnected tells a new connection from the end of all.
func (n *NATS) reconnected() error {
	if n.conn.IsClosed() {
		return ErrClosed
	}
	return nil
}

// tell passes on an entry. Keys that others have put into the bucket are not ours.
func tell(e jetstream.KeyValueEntry, apply func(Record)) {
	key, ok := unescape(e.Key())
	if !ok {
		return
	}
	r := Record{Key: key, Revision: e.Revision()}
	if e.Operation() == jetstream.KeyValuePut {
		r.Value = e.Value()
	}
	apply(r)
}

// stop ends a watcher. It may be in the middle of telling something, which has to
// be taken from it.
func stop(w jetstream.KeyWatcher) {
	_ = w.Stop() // the connection may be gone, and the watcher with it
	go func() {
		for range w.Updates() {
		}
	}()
}
