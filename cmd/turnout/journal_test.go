package main

import (
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
)

// A disk takes what is written while it is not full.
type disk struct {
	buffer
	full atomic.Bool
}

var errFull = errors.New("no space left on device")

func (d *disk) Write(p []byte) (int, error) {
	if d.full.Load() {
		return 0, errFull
	}
	return d.buffer.Write(p)
}

// TestJournal counts lines by level, through loggers made of loggers, and knows when they are lost.
func TestJournal(t *testing.T) {
	t.Parallel()
	var j journal
	var d disk
	log := j.of(slog.New(slog.NewTextHandler(&d, &slog.HandlerOptions{Level: slog.LevelDebug})))
	check := log.With("part", "relay").WithGroup("g")
	check.Debug("a")
	log.Info("b")
	log.Log(t.Context(), slog.LevelInfo+1, "c")
	log.Warn("d")
	check.Error("e")
	log.Log(t.Context(), slog.LevelError+4, "f")
	if n := strings.Count(d.String(), "\n"); n != 6 || !strings.Contains(d.String(), "msg=a part=relay") {
		t.Errorf("%d lines: %s", n, d.String())
	}
	for i, want := range []uint64{1, 2, 1, 2} {
		if n := j.written[i].Load(); n != want {
			t.Errorf("%s: %d lines, want %d", logLevels[i], n, want)
		}
	}
	log.Info("after a flood", "client", "192.0.2.1", leftOutKey, uint64(41))
	log.Info("after another", leftOutKey, uint64(1), "client", "192.0.2.1")
	if n := j.leftOut.Load(); n != 42 {
		t.Errorf("%d lines left out, want 42", n)
	}
	probe := j.probe(log)
	if all := probe(); all != nil || j.lost.Load() != 0 {
		t.Errorf("%v", all)
	}
	d.full.Store(true)
	check.Info("lost")
	if all := probe(); len(all) != 1 || all[0].fault != faultLog || !errors.Is(all[0].err, errFull) || j.lost.Load() != 2 {
		t.Errorf("%v, %d lost", all, j.lost.Load())
	}
	d.full.Store(false)
	if all := probe(); all != nil || !strings.Contains(d.String(), "lines_lost=2") {
		t.Errorf("%v: %s", all, d.String())
	}
}
