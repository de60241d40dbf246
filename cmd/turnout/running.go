package main

import (
	"sync/atomic"
	"time"

	"turnout/internal/config"
)

// A running is the configuration in use and what was made of it. It never changes: a reload makes another one.
type running struct {
	loaded   *config.Loaded
	hash     string    // see config.Fingerprint
	at       time.Time // it was read
	trust    trust
	relaying relaying
}

// newRunning is a configuration of which nothing was made yet.
func newRunning(l *config.Loaded, at time.Time) (*running, error) {
	hash, err := l.Fingerprint()
	return &running{loaded: l, hash: hash, at: at}, err
}

// reloads are what became of reloads so far. Any goroutine may look.
type reloads struct {
	succeeded, failed atomic.Uint64
	lastFailed        atomic.Bool // the last one did: the sources say something else than what is in use
}

// note counts a reload.
func (r *reloads) note(err error) {
	r.lastFailed.Store(err != nil)
	if err != nil {
		r.failed.Add(1)
		return
	}
	r.succeeded.Add(1)
}
