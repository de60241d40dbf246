package relay

import (
	"hash/maphash"
	"net/netip"
	"sync/atomic"

	"turnout/allocation"
)

// budgetSlots is the size of the fixed array that sources share by hash: 512 KiB
// bound the memory whatever addresses an attacker forges. Two sources that share
// a slot share a budget.
const budgetSlots = 1 << 16

// A budget limits unauthenticated answers per source, so that the relay is no
// amplifier for forged addresses: rate a second, and a burst, for each IPv4
// address and each IPv6 /64. Shared by all workers.
//
// Each slot is a generic cell rate algorithm's theoretical arrival time: one
// word, one compare-and-swap.
type budget struct {
	*spending
	interval allocation.Duration // between two answers at the steady rate; 0: no limit
	burst    allocation.Duration // how far the arrival time may run ahead
}

// spending is what sources have had of their budget so far, which stays when rate and
// burst change.
type spending struct {
	seed  maphash.Seed
	slots [budgetSlots]atomic.Int64
}

func newBudget(rate, burst int) budget {
	return budget{spending: newSpending()}.at(rate, burst)
}

func newSpending() *spending { return &spending{seed: maphash.MakeSeed()} }

// at is the same budget with another rate and burst.
func (b budget) at(rate, burst int) budget {
	b.interval, b.burst = 0, 0
	if rate > 0 {
		b.interval = allocation.Second / allocation.Duration(rate)
		b.burst = b.interval * allocation.Duration(burst)
	}
	return b
}

// spend takes one answer from the budget of source, and says whether it was there.
func (b budget) spend(source netip.Addr, now allocation.Time) bool {
	if b.interval == 0 {
		return true
	}
	slot := &b.slots[b.slot(source)]
	for {
		old := slot.Load()
		if old > int64(now)+int64(b.burst) { // spent under a lower rate, before a reload
			slot.CompareAndSwap(old, int64(now)+int64(b.burst))
			continue
		}
		arrival := max(old, int64(now)) + int64(b.interval)
		if arrival-int64(now) > int64(b.burst) {
			return false
		}
		if slot.CompareAndSwap(old, arrival) {
			return true
		}
	}
}

func (s *spending) slot(source netip.Addr) uint64 {
	var key [8]byte
	if source.Is4() {
		v4 := source.As4()
		copy(key[:], v4[:])
	} else {
		v6 := source.As16()
		copy(key[:], v6[:8]) // a /64 is one source
	}
	return maphash.Bytes(s.seed, key[:]) % budgetSlots
}

// spent is how many slots have nothing left: as many sources, or a few more that share them.
func (b budget) spent(now allocation.Time) (n int) {
	limit := int64(now) + int64(b.burst) - int64(b.interval)
	for i := range b.slots {
		if b.interval > 0 && b.slots[i].Load() > limit {
			n++
		}
	}
	return n
}
