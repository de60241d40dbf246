package relay

import (
	"testing"
	"time"

	"turnout/allocation"
	"turnout/internal/netio"
	"turnout/stun"
)

// TestLatency measures every packet both ways, and with the sample switched off none.
func TestLatency(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		sample int
		want   uint64
	}{{1, 50}, {-1, 0}} {
		s := serveReal(t, func(config *Config) { config.Workers, config.LatencySample = 1, c.sample })
		if _, ok := s.workers[0].listeners[0].(netio.Stamper); !ok {
			t.Skip("this network does not tell when datagrams arrive")
		}
		client := dialReal(t, s, allocation.UDP)
		client.allocate()
		client.bind(0x4000, echoPeer(t))
		began := time.Now()
		for i := range 50 {
			echo(t, client, i, 160)
		}
		// What was sent is measured afterwards: the client may have the last packet before its time of departure is read. A
		// packet to the same side is served when the one before has been measured, so that all of them together take no
		// longer than has passed when the last one is counted.
		stats := observed(t, s, began, func(s Stats) bool {
			return s.Reads.Sum >= 103 && min(s.LatencyToPeers.Count, s.LatencyToClients.Count) >= c.want // with the requests: two, and one for the nonce
		})
		took := time.Since(began)
		for direction, h := range map[string]Histogram{"peers": stats.LatencyToPeers, "clients": stats.LatencyToClients} {
			if h.Count != c.want || (h.Sum > 0) != (c.want > 0) || h.Sum > took.Seconds() {
				t.Errorf("sample %d, to %s: %d packets in %g s, want %d in less than %v", c.sample, direction, h.Count, h.Sum, c.want, took)
			}
		}
	}
}

// observed surveys until everything has been counted that is waited for, or began is 10 s ago: then the test tells what is
// missing.
func observed(t *testing.T, s *Server, began time.Time, all func(Stats) bool) Stats {
	t.Helper()
	stats := surveyed(t, s)
	for !all(stats) && time.Since(began) < 10*time.Second {
		stats = surveyed(t, s)
	}
	return stats
}

// TestLatencyOfRelaySockets measures at the sockets of the sample alone: one of two.
func TestLatencyOfRelaySockets(t *testing.T) {
	t.Parallel()
	s := serveReal(t, func(c *Config) { c.Workers, c.LatencySample = 1, 2 })
	if _, ok := s.workers[0].listeners[0].(netio.Stamper); !ok {
		t.Skip("this network does not tell when datagrams arrive")
	}
	peer, began := echoPeer(t), time.Now()
	for i := range 3 {
		client := dialReal(t, s, allocation.UDP)
		client.allocate()
		client.bind(0x4000, peer)
		for range 10 {
			echo(t, client, i, 160)
		}
	}
	stats := observed(t, s, began, func(s Stats) bool { return s.LatencyToClients.Count >= 20 })
	if n := stats.LatencyToClients.Count; n != 20 {
		t.Errorf("%d packets to clients measured, want the 20 of the first and the third", n)
	}
}

// TestLatencySample measures half of each second at a listener.
func TestLatencySample(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	w := b.w
	w.latencySample = 2
	second := allocation.Time(allocation.Second)
	for _, c := range []struct {
		at   allocation.Time
		want bool
	}{{w.tidied + second, true}, {w.tidied + second + second/4, true}, {w.tidied + 3*second/2, false}, {w.tidied + 19*second/10, false}, {w.tidied + 2*second, true}} {
		w.now = c.at
		w.expire()
		if w.sampling != c.want {
			t.Errorf("at %v: measuring %t, want %t", time.Duration(c.at), w.sampling, c.want)
		}
	}
}

// TestLatencyOfSetClock counts a time before 0, as a clock that is set back makes it, as 0.
func TestLatencyOfSetClock(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.w.received = time.Now().Add(time.Hour).UnixNano()
	b.w.sampleLatency(distributionLatencyToPeer)
	b.w.observeLatency()
	if d := &b.w.counters.distributions[distributionLatencyToPeer]; d.counts[0] != 1 || d.sum != 0 || len(b.w.stamped) != 0 {
		t.Errorf("%d values of 0, sum %d, %d left", d.counts[0], d.sum, len(b.w.stamped))
	}
}

// TestEndedHistograms has an allocation's length and bytes counted when it ends, once.
func TestEndedHistograms(t *testing.T) {
	t.Parallel()
	s := serveReal(t, func(c *Config) { c.Workers = 1 })
	client := dialReal(t, s, allocation.UDP)
	client.allocate()
	client.bind(0x4000, echoPeer(t))
	began := time.Now()
	echo(t, client, 1, 1000)
	if stats := s.Stats(); stats.AllocationBytes.Count != 0 || stats.AllocationSeconds.Count != 0 {
		t.Error("an allocation that lives is counted among those that ended")
	}
	client.request(stun.MethodRefresh, func(b *stun.Builder) { b.AddUint32(stun.AttrLifetime, 0) })
	stats := s.Stats()
	for stats.AllocationBytes.Count == 0 || stats.AllocationSeconds.Count == 0 { // the answer may be here before the round is over
		stats = s.Stats()
	}
	if h := stats.AllocationBytes; h.Count != 1 || h.Sum != 2000 {
		t.Errorf("%d allocations with %g bytes, want 1 with 2000", h.Count, h.Sum)
	}
	if h := stats.AllocationSeconds; h.Count != 1 || h.Sum <= 0 || h.Sum > time.Since(began).Seconds()+1 {
		t.Errorf("%d allocations of %g s, want 1 of less than %v", h.Count, h.Sum, time.Since(began)+time.Second)
	}
}
