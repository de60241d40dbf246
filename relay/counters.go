package relay

import (
	"net/netip"
	"sync/atomic"

	"turnout/internal/netio"
)

// counters are one worker's. The worker adds to plain numbers and publishes what
// changed at the end of a round; scrapes read the published ones.
type counters struct {
	// owned by the worker
	local [numCounters]uint64
	rare  bool // something besides traffic changed, or was not published for a second: publish everything

	published [numCounters]atomic.Uint64

	distributions [numDistributions]distribution
}

func (c *counters) drop(d Drop) {
	c.local[counterDrops+int(d)]++
	c.rare = true
}

func (c *counters) authentication(a Authentication) {
	c.local[counterAuthentications+int(a)]++
	c.rare = true
}

func (c *counters) add(i int, n uint64) {
	c.local[i] += n
	c.rare = true
}

// traffic adds one packet of n bytes to a pair of counters.
func (c *counters) traffic(i, n int) {
	c.local[i]++
	c.local[i+1] += uint64(n)
}

// trafficCounter is the pair of counters for one family of the addresses that packets come from or go to, in a block of
// two that begins at first.
func trafficCounter(first int, a netip.Addr) int {
	if a.Is4() {
		return first
	}
	return first + 2
}

// untraffic takes back what traffic added in this round, since it was not sent.
func (c *counters) untraffic(i, n int) {
	c.local[i]--
	c.local[i+1] -= uint64(n)
}

// publish makes the round's counts visible to scrapes: traffic, and where anything else has changed, that and all the rest.
// A store that others can see costs more than counting does, so that the rounds which only relay make few of them.
func (c *counters) publish(p netio.Poller) {
	c.show(counterFromClients, counterRecvCalls)
	if !c.rare {
		return
	}
	c.rare = false
	c.show(0, counterFromClients)
	c.show(counterGSO, numCounters)
	c.publishMonotone(p.Counts())
}

// publishMonotone makes visible what is never taken back, at any time of a round: what the kernel was asked, and distributions.
func (c *counters) publishMonotone(io netio.Counts) {
	c.local[counterRecvCalls], c.local[counterRecvCalls+1] = io.RecvCalls, io.RecvDatagrams
	c.local[counterRecvCalls+2], c.local[counterRecvCalls+3] = io.SendCalls, io.SendDatagrams
	c.local[counterGSOMessages], c.local[counterGSOMessages+1] = io.GSOMessages, io.GSOSegments
	c.local[counterGSOMessages+2], c.local[counterGSOMessages+3] = io.GROMessages, io.GROSegments
	c.show(counterRecvCalls, counterGSO)
	truncated := counterDrops + int(DropTruncated)
	c.local[truncated] = io.Truncated
	c.show(truncated, truncated+1)
	for i := range c.distributions {
		c.distributions[i].publish()
	}
}

// show publishes the counters from first up to end that have changed.
func (c *counters) show(first, end int) {
	for i := first; i < end; i++ {
		if v := c.local[i]; v != c.published[i].Load() {
			c.published[i].Store(v)
		}
	}
}
