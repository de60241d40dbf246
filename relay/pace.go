package relay

import (
	"sync/atomic"
	"time"

	"turnout/allocation"
)

// What a connection of a TCP allocation (RFC 6062) moves cannot be dropped: it is a stream, in which nothing may be missing.
// So a connection that has moved more than a bandwidth admits waits until that is paid for, and reads nothing meanwhile,
// which TCP tells the sender. Two bandwidths count: the user's, which is for both ways and for all of its allocations, and
// the allocation's, for each way and for all of its connections.

// pacing is why connections wait; the limits are counted and told by it.
type pacing int

const (
	pacedByUser pacing = iota
	pacedByAllocation
	numPacings
)

// pacingLimits are the limits behind them.
var pacingLimits = [numPacings]Limit{pacedByUser: LimitUserBandwidth, pacedByAllocation: LimitAllocationBandwidth}

// pace is called when a connection has moved n bytes one way. It waits until they are paid for, or the connection ends.
func (c *connection) pace(way, n int) {
	now := allocation.Time(time.Since(c.worker.start))
	own, user := &c.accounts[way], c.allowance.Load()
	own.setRate(rate(c.all.bandwidth.Load()), now)
	var debts [numPacings]allocation.Duration
	debts[pacedByAllocation] = own.owe(n, now)
	if user != nil {
		debts[pacedByUser] = user.owe(n, now)
	}
	if debts == ([numPacings]allocation.Duration{}) {
		return
	}
	for why, debt := range debts {
		if debt > 0 {
			c.all.paced[why].Add(1)
			c.tellPaced(pacing(why), user, now)
		}
	}
	if user != nil {
		c.awaitPaid(debts[pacedByUser], &user.rate)
	}
	waited := allocation.Duration(allocation.Time(time.Since(c.worker.start)) - now)
	c.awaitPaid(debts[pacedByAllocation]-waited, &c.all.bandwidth)
	c.pauses.Add(1)
}

// paceStep is how soon a connection that waits sees that more may be relayed now.
const paceStep = allocation.Second

// awaitPaid waits until a debt is paid at a rate, which a reload may change meanwhile, or the connection ends.
func (c *connection) awaitPaid(debt allocation.Duration, current *atomic.Int64) {
	for r := rate(current.Load()); debt > 0; {
		step := min(debt, paceStep)
		wait := time.NewTimer(time.Duration(step))
		select {
		case <-wait.C:
		case <-c.over:
			wait.Stop()
			return
		}
		debt -= step
		if now := rate(current.Load()); now != r {
			debt, r = r.rescale(debt, now), now
		}
	}
}

// tellPaced has the log tell of it, which a second may do once.
func (c *connection) tellPaced(why pacing, user *allowance, now allocation.Time) {
	last := &c.toldPaced[why]
	told := last.Load()
	if told != 0 && int64(now) < told+int64(allocation.Second) || !last.CompareAndSwap(told, int64(now)) {
		return
	}
	who := culprit{source: c.control.Addr()}
	if user != nil {
		who = culprit{subject: user.name}
	}
	c.worker.inbox.put(post{do: func(w *worker) { w.tally(pacingLimits[why], who) }})
}
