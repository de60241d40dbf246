package main

import (
	"context"
	"log/slog"
	"sync/atomic"
)

// logLevels are the words under which lines are counted, from the lowest level to the highest.
var logLevels = [...]string{"debug", "info", "warn", "error"}

// A journal watches a log on its way out: it counts lines by level, and knows whether the last one could be written. Safe for
// concurrent use; its handlers share it.
type journal struct {
	written [len(logLevels)]atomic.Uint64
	lost    atomic.Uint64
	leftOut atomic.Uint64         // lines there were too many of, as later ones told
	failure atomic.Pointer[error] // of the last line; nil: it was written
}

// leftOutKey is under which a line tells how many were left out before it.
const leftOutKey = "lines_left_out_before"

// of makes a logger whose lines go through the journal.
func (j *journal) of(log *slog.Logger) *slog.Logger {
	return slog.New(journalHandler{log.Handler(), j})
}

// status says why the log cannot be written; nil if it can.
func (j *journal) status() error {
	if failure := j.failure.Load(); failure != nil {
		return *failure
	}
	return nil
}

// A journalHandler counts what another handler writes.
type journalHandler struct {
	slog.Handler
	journal *journal
}

// Handle writes a line. Its error is kept, since no caller of a logger sees it.
func (h journalHandler) Handle(ctx context.Context, r slog.Record) error {
	err := h.Handler.Handle(ctx, r)
	if err != nil {
		h.journal.lost.Add(1)
		h.journal.failure.Store(&err)
		return err
	}
	h.journal.written[levelIndex(r.Level)].Add(1)
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == leftOutKey && a.Value.Kind() == slog.KindUint64 {
			h.journal.leftOut.Add(a.Value.Uint64())
			return false
		}
		return true
	})
	if h.journal.failure.Load() != nil {
		h.journal.failure.Store(nil)
	}
	return nil
}

// WithAttrs and WithGroup keep what they make on the same journal.
func (h journalHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return journalHandler{h.Handler.WithAttrs(attrs), h.journal}
}

func (h journalHandler) WithGroup(name string) slog.Handler {
	return journalHandler{h.Handler.WithGroup(name), h.journal}
}

// levelIndex is the place of a level's word; levels between two words count as the lower one.
func levelIndex(l slog.Level) int {
	switch {
	case l < slog.LevelInfo:
		return 0
	case l < slog.LevelWarn:
		return 1
	case l < slog.LevelError:
		return 2
	}
	return 3
}
