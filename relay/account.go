package relay

import (
	"sync/atomic"

	"turnout/allocation"
)

// An account is a token bucket that holds a second's worth of a bandwidth. It is one word, the time at which all that was
// relayed is paid for, and safe for concurrent use.
type account struct {
	paid atomic.Int64 // allocation.Time up to which everything is paid for
	rate atomic.Int64 // a rate; 0 for no limit
}

// free is how much may be relayed now, in the time that it takes; not more than nothing when the bucket is empty.
func (a *account) free(now allocation.Time) allocation.Duration {
	return bandwidthBurst - allocation.Duration(max(0, a.paid.Load()-int64(now)))
}

// charge takes a cost from the bucket, which may owe something then, and returns how long that will take to be paid.
func (a *account) charge(cost allocation.Duration, now allocation.Time) (debt allocation.Duration) {
	for {
		old := a.paid.Load()
		paid := max(old, int64(now)) + int64(cost)
		if a.paid.CompareAndSwap(old, paid) {
			return allocation.Duration(paid-int64(now)) - bandwidthBurst
		}
	}
}

// owe charges n bytes that were moved already, and returns how long it takes until they are paid for: 0 where they are, or
// there is no limit.
func (a *account) owe(n int, now allocation.Time) (debt allocation.Duration) {
	r := rate(a.rate.Load())
	if r == 0 {
		return 0
	}
	return max(0, a.charge(r.of(n), now))
}

// setRate has the bucket be filled at another rate. What is owed is so many bytes still: who owed an hour's worth of next to
// nothing owes little of much.
func (a *account) setRate(r rate, now allocation.Time) {
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
