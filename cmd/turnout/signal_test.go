package main

import (
	"os"
	"slices"
	"syscall"
	"testing"
)

// TestWatchSignals has each signal do its own thing, and leaves nothing behind when the command ends before.
func TestWatchSignals(t *testing.T) {
	t.Parallel()
	signals, finished := make(chan os.Signal, 2), make(chan struct{})
	var calls []string
	signals <- syscall.SIGTERM
	signals <- os.Interrupt
	watchSignals(signals, finished, func() { calls = append(calls, "stop") }, func() { calls = append(calls, "hurry") })
	if !slices.Equal(calls, []string{"stop", "hurry"}) {
		t.Errorf("called %v", calls)
	}
	close(finished)
	watchSignals(signals, finished, func() { t.Error("called without a signal") })
}
