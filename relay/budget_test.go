package relay

import (
	"net/netip"
	"testing"

	"turnout/allocation"
)

func TestBudget(t *testing.T) {
	t.Parallel()
	b := newBudget(100, 1000)
	source, other := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	now := allocation.Time(5 * allocation.Second)
	spent := func(a netip.Addr, n int) (granted int) {
		for range n {
			if b.spend(a, now) {
				granted++
			}
		}
		return granted
	}
	if got := spent(source, 5000); got != 1000 {
		t.Errorf("burst granted %d, want 1000", got)
	}
	if got := spent(other, 10); got != 10 && b.slot(source) != b.slot(other) {
		t.Errorf("another source was granted %d of 10", got)
	}
	now += allocation.Time(allocation.Second)
	if got := spent(source, 5000); got != 100 {
		t.Errorf("a second later %d were granted, want 100", got)
	}
	now += allocation.Time(1000 * allocation.Second)
	if got := spent(source, 5000); got != 1000 {
		t.Errorf("after a long pause %d were granted, want the burst of 1000", got)
	}
}

func TestBudgetOfIPv6IsThePrefix(t *testing.T) {
	t.Parallel()
	b := newBudget(1, 1)
	if !b.spend(netip.MustParseAddr("2001:db8:1:2::1"), 0) {
		t.Fatal("first answer refused")
	}
	if b.spend(netip.MustParseAddr("2001:db8:1:2:ffff::9"), 0) {
		t.Error("another address of the /64 has a budget of its own")
	}
}

func TestBudgetWithoutLimit(t *testing.T) {
	t.Parallel()
	b := newBudget(-1, 1)
	for range 10000 {
		if !b.spend(netip.MustParseAddr("192.0.2.1"), 0) {
			t.Fatal("refused")
		}
	}
}

func BenchmarkBudget(b *testing.B) {
	budget := newBudget(100, 1000)
	source := netip.MustParseAddr("192.0.2.1")
	for now := allocation.Time(0); b.Loop(); now += 1000 {
		budget.spend(source, now)
	}
}

// A rate that was next to nothing is mended by a reload: nobody waits for as long as answers took under it.
func TestBudgetIsMended(t *testing.T) {
	t.Parallel()
	b := newBudget(1, 1000)
	source, now := netip.MustParseAddr("192.0.2.1"), allocation.Time(5*allocation.Second)
	for b.spend(source, now) {
	}
	mended := b.at(100, 10)
	if mended.spend(source, now) {
		t.Error("who had spent everything has something")
	}
	granted := 0
	for range 100 {
		now += allocation.Time(allocation.Second / 100)
		if mended.spend(source, now) {
			granted++
		}
	}
	if granted != 100 {
		t.Errorf("%d answers in the second after, want 100", granted)
	}
}
