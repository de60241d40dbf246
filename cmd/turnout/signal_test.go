package main

import (
	"os"
	"slices"
	"syscall"
	"testing"
)

// TestWatchSignals has each signal do its own thing, one do everything, and leaves nothing behind when the command ends before.
func TestWatchSignals(t *testing.T) {
	t.Parallel()
	at := func(want os.Signal) func(os.Signal) bool { return func(s os.Signal) bool { return s == want } }
	for _, x := range []struct {
		name   string
		sent   []os.Signal
		atOnce func(os.Signal) bool
		left   int
	}{
		{"two", []os.Signal{syscall.SIGTERM, os.Interrupt}, at(nil), 0},
		{"one for all", []os.Signal{os.Interrupt, syscall.SIGTERM}, at(os.Interrupt), 1},
		{"first another", []os.Signal{syscall.SIGTERM, syscall.SIGTERM}, at(os.Interrupt), 0},
	} {
		signals, finished := make(chan os.Signal, 2), make(chan struct{})
		var calls []string
		for _, s := range x.sent {
			signals <- s
		}
		watchSignals(signals, finished, x.atOnce, func() { calls = append(calls, "stop") }, func() { calls = append(calls, "hurry") })
		if !slices.Equal(calls, []string{"stop", "hurry"}) || len(signals) != x.left {
			t.Errorf("%s: called %v, and %d signals are left", x.name, calls, len(signals))
		}
		close(finished)
		if len(signals) == 0 {
			watchSignals(signals, finished, x.atOnce, func() { t.Errorf("%s: called without a signal", x.name) })
		}
	}
}
