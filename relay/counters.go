package relay

import (
	"net/netip"
	"sync/atomic"

	"turnout/internal/netio"
)

// counters are one worker's. The worker adds to plain numbers and publishes what
// changed once a round; scrapes read the published ones.
type counters struct {
	// owned by the worker
	local [numCounters]uint64
	ended bool // an allocation has: publish distributions
	rare  bool // something besides traffic changed: look at every counter

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

// publish makes the round's counts visible to scrapes.
func (c *counters) publish(io netio.Counts) {
	c.local[counterRecvCalls], c.local[counterRecvCalls+1] = io.RecvCalls, io.RecvDatagrams
	c.local[counterRecvCalls+2], c.local[counterRecvCalls+3] = io.SendCalls, io.SendDatagrams
	c.local[counterGSOMessages], c.local[counterGSOMessages+1] = io.GSOMessages, io.GSOSegments
	c.local[counterGSOMessages+2], c.local[counterGSOMessages+3] = io.GROMessages, io.GROSegments
	if t := &c.local[counterDrops+int(DropTruncated)]; *t != io.Truncated {
		*t, c.rare = io.Truncated, true
	}
	first := counterFromClients
	if c.rare {
		first, c.rare = 0, false
	}
	for i := first; i < numCounters; i++ {
		if v := c.local[i]; v != c.published[i].Load() {
			c.published[i].Store(v)
		}
	}
	if c.ended {
		c.publishDistributions()
	}
}
