package relay

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"time"
)

// TestAlive asks a worker that hangs, one that goes round, and one that has ended.
func TestAlive(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	hangs, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if err := b.Alive(hangs); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("while the worker hangs: %v", err)
	}
	answered := make(chan error, 1)
	go func() { answered <- b.Alive(t.Context()) }()
	for asked := true; asked; {
		select {
		case err := <-answered:
			if err != nil {
				t.Errorf("while the worker goes round: %v", err)
			}
			asked = false
		default:
			b.w.round(nil)
			runtime.Gosched()
		}
	}
	b.w.inbox.close()
	if err := b.Alive(t.Context()); err != nil {
		t.Errorf("after the worker ended: %v", err)
	}
}
