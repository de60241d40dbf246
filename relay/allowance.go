package relay

import (
	"sync/atomic"
	"time"

	"turnout/allocation"
)

// An allowance is what one user's allocations may relay together, both ways: a token bucket that holds a second's worth
// of its bandwidth. The workers that have allocations of the user share it, and the connections of its TCP allocations,
// whose goroutines move data without a worker.
//
// The bucket is one word, the time at which all that was relayed is paid for. A worker reads it once a round, for the
// first packet of the user, and goes by what it read (a lease); what it relayed it charges once, when the round ends. So
// a packet costs no atomic operation. Workers that read at the same time may together relay more than there is; the next
// rounds of all of them pay for it, and the rate over any longer time is exact.
//
// See docs/decisions/limits.md.
type allowance struct {
	name string // immutable

	paid     atomic.Int64 // allocation.Time up to which everything is paid for
	rate     atomic.Int64 // a rate; 0 for no limit
	newPeers bucket       // of peers, see newpeer.go

	leases []*lease // by worker; each one's own is set before its first packet

	// guarded by allowances.mu
	grant       grant           // of the credential that the user's newest allocation was made with
	made        allocation.Time // when that was
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

// free is how much may be relayed now, in the time that it takes; not more than nothing when the bucket is empty.
func (a *allowance) free(now allocation.Time) allocation.Duration {
	return bandwidthBurst - allocation.Duration(max(0, a.paid.Load()-int64(now)))
}

// charge takes a cost from the bucket, which may owe something then, and returns how long that will take to be paid.
func (a *allowance) charge(cost allocation.Duration, now allocation.Time) (debt allocation.Duration) {
	for {
		old := a.paid.Load()
		paid := max(old, int64(now)) + int64(cost)
		if a.paid.CompareAndSwap(old, paid) {
			return allocation.Duration(paid-int64(now)) - bandwidthBurst
		}
	}
}

// setRate has the bucket be filled at another rate. What is owed is so many bytes still: who owed an hour's worth of next to
// nothing owes little of much.
func (a *allowance) setRate(r rate, now allocation.Time) {
	before := rate(a.rate.Swap(int64(r)))
	if before == r {
		return
	}
	for {
		old := a.paid.Load()
		owed := before.rescale(allocation.Duration(max(0, old-int64(now))), r)
		if a.paid.CompareAndSwap(old, int64(now)+int64(owed)) {
			return
		}
	}
}

// full says whether nothing of what is kept here matters any more.
func (a *allowance) full(now allocation.Time) bool {
	return a.paid.Load() <= int64(now) && a.newPeers.paid.Load() <= int64(now)
}

// pace is called when a connection of a TCP allocation has moved n bytes, which cannot be dropped: it waits until they
// are paid for, and nothing more is read meanwhile, which TCP tells the sender. It returns when the connection ends.
func (c *connection) pace(n int) {
	a := c.allowance.Load()
	if a == nil {
		return
	}
	r := rate(a.rate.Load())
	if r == 0 {
		return
	}
	now := allocation.Time(time.Since(c.worker.start))
	debt := a.charge(r.of(n), now)
	if debt <= 0 {
		return
	}
	c.all.paced.Add(1)
	c.tellPaced(a, now)
	c.awaitPaid(a, r, debt)
}

// paceStep is how soon a connection that waits sees that its user may relay more now.
const paceStep = allocation.Second

// awaitPaid waits until a debt is paid at the rate r, or the one that a reload has put in its place, or the connection ends.
func (c *connection) awaitPaid(a *allowance, r rate, debt allocation.Duration) {
	for debt > 0 {
		step := min(debt, paceStep)
		wait := time.NewTimer(time.Duration(step))
		select {
		case <-wait.C:
		case <-c.over:
			wait.Stop()
			return
		}
		debt -= step
		if now := rate(a.rate.Load()); now != r {
			debt, r = r.rescale(debt, now), now
		}
	}
}

// tellPaced has the log tell of it, which a second may do once.
func (c *connection) tellPaced(a *allowance, now allocation.Time) {
	told := c.toldPaced.Load()
	if told != 0 && int64(now) < told+int64(allocation.Second) || !c.toldPaced.CompareAndSwap(told, int64(now)) {
		return
	}
	c.worker.inbox.put(post{do: func(w *worker) { w.tally(LimitUserBandwidth, culprit{subject: a.name}) }})
}
