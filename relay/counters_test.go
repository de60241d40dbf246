package relay

import (
	"net/netip"
	"testing"

	"turnout/internal/netio"
)

// TestCountersUndo takes a packet that was not sent off the counters of its family.
func TestCountersUndo(t *testing.T) {
	t.Parallel()
	var c counters
	for _, a := range []string{"192.0.2.1", "2001:db8::1"} {
		i := trafficCounter(counterToPeers, netip.MustParseAddr(a))
		c.traffic(i, 100)
		c.traffic(i, 60)
		c.untraffic(i, 100)
	}
	c.publish(new(fakePoller))
	var s Stats
	for i := range s.counts {
		s.counts[i] = c.published[i].Load()
	}
	seen := map[string]Traffic{}
	s.EachTraffic(func(direction, family string, t Traffic) { seen[direction+" "+family] = t })
	for name, t1 := range seen {
		want := Traffic{}
		if name == "to_peer ipv4" || name == "to_peer ipv6" {
			want = Traffic{1, 60}
		}
		if t1 != want {
			t.Errorf("%s: %+v, want %+v", name, t1, want)
		}
	}
	if len(seen) != 8 {
		t.Errorf("%d series", len(seen))
	}
}

// BenchmarkCount counts a round that relays one packet, as most do where many clients talk: what arrived, what left, and the
// read; and publishes what such rounds publish.
func BenchmarkCount(b *testing.B) {
	var c counters
	var poller netio.Poller = new(fakePoller)
	from, to := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")
	b.ReportAllocs()
	for b.Loop() {
		c.observe(distributionReads, 1)
		c.traffic(trafficCounter(counterFromClients, from), 160)
		c.traffic(trafficCounter(counterToPeers, to), 160)
		c.publish(poller)
	}
}
