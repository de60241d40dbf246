package relay

import (
	"testing"

	"turnout/allocation"
)

// TestMeter sends at twice each bandwidth for ten seconds: a second's worth passes at
// once, then as much as the bandwidth carries.
func TestMeter(t *testing.T) {
	t.Parallel()
	for _, bitsPerSecond := range []int64{8_000, 64_000, 1_000_000, 50_000_000, 10_000_000_000, 400_000_000_000} {
		for _, size := range []int{1, 160, 1200, 65507} {
			var m meter
			r, relayed := rateOf(bitsPerSecond), int64(0)
			interval := float64(size) * 8 * 1e9 / float64(2*bitsPerSecond)
			if interval < 1 || interval > 1e9 {
				continue // faster than the clock, or slower than the burst
			}
			count := min(int(10e9/interval), 1_000_000)
			for i := range count {
				if m.admits(size, r, 5+allocation.Time(float64(i)*interval)) {
					relayed += int64(size)
				}
			}
			seconds := float64(count) * interval / 1e9
			want := min(float64(bitsPerSecond)/8*(seconds+1), float64(count*size))
			if got := float64(relayed); got < want*0.98-float64(size) || got > want*1.02+2*float64(size) {
				t.Errorf("%d bits/s, %d bytes: %.0f bytes in %.3f s, want %.0f", bitsPerSecond, size, got, seconds, want)
			}
		}
	}
}

func TestMeterWithoutLimit(t *testing.T) {
	t.Parallel()
	var m meter
	for range 100 {
		if !m.admits(65507, rateOf(0), 1) {
			t.Fatal("limited")
		}
	}
	if m != 0 {
		t.Error("counted for nothing")
	}
}

// What an allocation's own bandwidth refuses, its user is not charged for.
func TestBandwidthRefusedIsNotCharged(t *testing.T) {
	t.Parallel()
	b := newBench(t, derivedUsers, func(c *Config) { c.UserBandwidth, c.AllocationBandwidth = 1e6, 800 })
	b.become(t, "carol")
	b.allocate(t, benchClient(1))
	b.bind(t, benchClient(1), 0x4000, benchPeer)
	b.fromClient(benchClient(1), channelData(0x4000, 1000)) // ten seconds' worth
	charged := b.w.allowances.byName["carol"].paid.Load()
	for range 4 {
		b.fromClient(benchClient(1), channelData(0x4000, 1000))
	}
	stats := b.Stats()
	if charged == 0 || b.w.allowances.byName["carol"].paid.Load() != charged {
		t.Error("the user pays for what was not relayed")
	}
	if stats.Dropped(DropBandwidth) != 4 || stats.Limited(LimitAllocationBandwidth) != 4 || stats.ToPeers.Packets != 1 {
		t.Errorf("%d relayed, %d dropped, %d noted; want 1, 4 and 4", stats.ToPeers.Packets, stats.Dropped(DropBandwidth), stats.Limited(LimitAllocationBandwidth))
	}
}
