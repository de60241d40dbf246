package admin

import (
	"net/netip"
	"sync"
	"time"
)

// Wrong tokens that a source is answered at once: so many, and one more a while after each. The log gets a line for each of
// these and no more. Beyond them every answer to a wrong token waits: a connection asks one thing at a time, so that guessing
// takes as many connections as guesses a second.
const (
	wrongAtOnce = 10
	wrongEvery  = 10 * time.Second
	wrongDelay  = time.Second
	mostSources = 1024 // that are remembered; it takes that many addresses to be forgotten
)

// attempts counts wrong tokens by where they came from. The zero value has seen none.
type attempts struct {
	mu sync.Mutex
	// by source, the time at which all its wrong tokens are forgotten: one is for each wrongEvery. Guarded by mu.
	until map[netip.Addr]time.Time
}

// add counts a wrong token, unless its source has shown too many: then it is false.
func (a *attempts) add(from netip.Addr, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.until[from].Sub(now) > (wrongAtOnce-1)*wrongEvery {
		return false
	}
	if a.until == nil {
		a.until = map[netip.Addr]time.Time{}
	}
	if _, known := a.until[from]; !known && len(a.until) >= mostSources {
		a.forgetLocked(now)
	}
	if start := a.until[from]; start.After(now) {
		now = start
	}
	a.until[from] = now.Add(wrongEvery)
	return true
}

// forgetLocked makes room for a source: those whose time is over go, or else the one whose time is over first.
func (a *attempts) forgetLocked(now time.Time) {
	var first netip.Addr
	for from, until := range a.until {
		if !until.After(now) {
			delete(a.until, from)
			continue
		}
		if best, ok := a.until[first]; !ok || until.Before(best) {
			first = from
		}
	}
	if len(a.until) >= mostSources {
		delete(a.until, first)
	}
}
