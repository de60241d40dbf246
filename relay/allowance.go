package relay

import "turnout/allocation"

// An allowance is what one user's allocations may relay together, both ways: a token bucket that holds a second's worth
// of its bandwidth. The workers that have allocations of the user share it, and the connections of its TCP allocations,
// whose goroutines move data without a worker.
//
// A worker reads the bucket once a round, for the first packet of the user, and goes by what it read (a lease); what it
// relayed it charges once, when the round ends. So a packet costs no atomic operation. Workers that read at the same time
// may together relay more than there is; the next rounds of all of them pay for it, and the rate over any longer time is
// exact.
//
// See docs/decisions/limits.md.
type allowance struct {
	name string // immutable

	account         // of its bandwidth
	newPeers bucket // of peers, see newpeer.go

	leases []*lease // by worker; each one's own is set before its first packet

	// guarded by allowances.mu
	grant       grant // of the youngest credential that an allocation of the user was made with
	issued      int64 // when that was, in unix milliseconds; 0: not known
	allocations int
	waits       bool // in allowances.waiting
}

// A lease is a worker's view of an allowance during one round. Owned by the worker.
type lease struct {
	of    *allowance
	open  bool                // in worker.leases
	rate  rate                // as read when the round's first packet came
	free  allocation.Duration // how much more may be relayed in this round, in time that it takes
	spent allocation.Duration // what was
	_     [32]byte            // leases of two workers are not in one line of a cache
}

// lease is the worker's view of a in this round.
func (w *worker) lease(a *allowance) *lease {
	l := a.leases[w.index]
	if !l.open {
		l.open, l.rate, l.free, l.spent = true, rate(a.rate.Load()), a.free(w.now), 0
		w.leases = append(w.leases, l)
	}
	return l
}

// settleLeases charges what the round relayed.
func (w *worker) settleLeases() {
	for i, l := range w.leases {
		if l.spent > 0 {
			l.of.charge(l.spent, w.now)
		}
		l.open = false
		w.leases[i] = nil
	}
	w.leases = w.leases[:0]
}

// room says whether something more may be relayed: the last datagram may be larger than what is left.
func (l *lease) room() bool { return l.rate == 0 || l.free > 0 }

// spend counts a datagram of n bytes.
func (l *lease) spend(n int) {
	cost := l.rate.of(n)
	l.free -= cost
	l.spent += cost
}

// full says whether nothing of what is kept here matters any more.
func (a *allowance) full(now allocation.Time) bool {
	return a.paid.Load() <= int64(now) && a.newPeers.paid.Load() <= int64(now)
}
