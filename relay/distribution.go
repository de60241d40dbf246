package relay

import (
	"math/bits"
	"slices"
	"sync/atomic"
	"time"
)

// Distributions that a worker counts, by index of their scale.
const (
	distributionDuration        = iota // of allocations that ended
	distributionBytes                  // that they relayed
	distributionReads                  // datagrams that a read brought
	distributionLatencyToPeer          // nanoseconds from arrival to departure
	distributionLatencyToClient        // likewise
	numDistributions
)

// scales are those of the distributions: nanoseconds are counted for seconds.
var scales = [numDistributions]*scale{
	distributionDuration: newScale(1, -3, 20, 1e9, // to 12 days
		1, 5, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 28800, 86400, 604800),
	distributionBytes:           newScale(1, 6, 44, 1, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12),
	distributionReads:           newScale(0, -1, 9, 1, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512),
	distributionLatencyToPeer:   latencyScale,
	distributionLatencyToClient: latencyScale,
}

// latencyScale begins below what a packet can take, and ends where nobody talks any more.
var latencyScale = newScale(2, -20, 2, 1e9,
	5e-6, 10e-6, 25e-6, 50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 50e-3, 100e-3, 250e-3, 1)

// A distribution is one worker's part of a histogram. The worker adds to plain numbers and publishes those that changed: see
// counters.publish.
type distribution struct {
	// owned by the worker
	counts  [maxBounds + 1]uint64
	sum     uint64
	changed [maxBounds/64 + 1]uint64 // a bit for each of counts

	published    [maxBounds + 1]atomic.Uint64
	publishedSum atomic.Uint64
}

// observe counts a value.
func (d *distribution) observe(s *scale, v uint64) {
	i, _ := slices.BinarySearch(s.bounds, v) // the first that is not below v
	d.counts[i]++
	d.sum += v
	d.changed[i/64] |= 1 << (i % 64)
}

// publish makes what was counted visible to scrapes.
func (d *distribution) publish() {
	for k, word := range d.changed {
		for ; word != 0; word &= word - 1 {
			i := k*64 + bits.TrailingZeros64(word)
			d.published[i].Store(d.counts[i])
		}
		d.changed[k] = 0
	}
	d.publishedSum.Store(d.sum)
}

// observe counts a value of a distribution.
func (c *counters) observe(i int, v uint64) { c.distributions[i].observe(scales[i], v) }

// histogram sums a distribution over the workers.
func (s *Server) histogram(i int) Histogram {
	var counts [maxBounds + 1]uint64
	sum := uint64(0)
	for _, w := range s.workers {
		d := &w.counters.distributions[i]
		for k := range counts {
			counts[k] += d.published[k].Load()
		}
		sum += d.publishedSum.Load()
	}
	return scales[i].histogram(counts[:], sum)
}

// fillDistributions sets what is not a sum of counters.
func (s *Server) fillDistributions(st *Stats) {
	st.AllocationSeconds, st.AllocationBytes = s.histogram(distributionDuration), s.histogram(distributionBytes)
	st.Reads = s.histogram(distributionReads)
	st.LatencyToPeers, st.LatencyToClients = s.histogram(distributionLatencyToPeer), s.histogram(distributionLatencyToClient)
	for _, w := range s.workers {
		t := w.cpu.Load()
		if t == 0 { // not surveyed yet, or the system does not tell
			st.WorkersCPU = nil
			return
		}
		st.WorkersCPU = append(st.WorkersCPU, time.Duration(t))
	}
}
