package allocation

import (
	"net/netip"
	"testing"
)

// Review removes the permissions of peers that are no longer allowed and leaves the others, restricted as it is told.
func TestReview(t *testing.T) {
	t.Parallel()
	table := newTable(t, 50000, 50009)
	now := start
	a := mustCreate(t, table, 1, dual(), now)
	good, bad, bad6 := netip.MustParseAddr("8.8.8.8"), netip.MustParseAddr("8.8.4.4"), netip.MustParseAddr("2600::1")
	for _, peer := range []netip.Addr{good, bad, bad6} {
		if err := table.Permit(a, peer, false, now); err != nil {
			t.Fatal(err)
		}
	}
	if err := table.BindChannel(a, 0x4000, netip.AddrPortFrom(bad, 9), false, now); err != nil {
		t.Fatal(err)
	}
	if n := table.Review(a, func(peer netip.Addr) (ok, restricted bool) { return peer == good, true }); n != 2 {
		t.Errorf("%d were removed, want 2", n)
	}
	if ok, restricted := table.Permitted(a, good, now); !ok || !restricted {
		t.Errorf("the good peer: permitted %v, restricted %v", ok, restricted)
	}
	for _, peer := range []netip.Addr{bad, bad6} {
		if ok, _ := table.Permitted(a, peer, now); ok {
			t.Errorf("%s has its permission still", peer)
		}
	}
	if peer, permitted, ok := table.Peer(a, 0x4000, now); !ok || permitted || peer.Addr() != bad {
		t.Errorf("the channel leads to %v: bound %v, permitted %v", peer, ok, permitted)
	}
	if err := table.Check(); err != nil {
		t.Error(err)
	}
}

// A lower limit refuses what is new, and leaves what there is and its refreshes; zero is the default.
func TestSetLimits(t *testing.T) {
	t.Parallel()
	table := newTable(t, 50000, 50009)
	now := start
	a := mustCreate(t, table, 1, dual(), now)
	first, second, third := netip.MustParseAddr("8.8.8.1"), netip.MustParseAddr("8.8.8.2"), netip.MustParseAddr("8.8.8.3")
	for n, peer := range []netip.Addr{first, second} {
		if err := table.BindChannel(a, 0x4000+ChannelNumber(n), netip.AddrPortFrom(peer, 9), false, now); err != nil {
			t.Fatal(err)
		}
	}
	table.SetLimits(1, 1)
	if err := table.Permit(a, third, false, now); err != ErrTooMany {
		t.Errorf("one more permission: %v", err)
	}
	if err := table.BindChannel(a, 0x4001, netip.AddrPortFrom(second, 9), false, now); err != nil {
		t.Errorf("a refresh: %v", err)
	}
	if err := table.BindChannel(a, 0x4002, netip.AddrPortFrom(second, 10), false, now); err != ErrTooMany {
		t.Errorf("one more channel: %v", err)
	}
	if err := table.Check(); err != nil {
		t.Error(err)
	}
	table.SetLimits(0, 0)
	if err := table.BindChannel(a, 0x4002, netip.AddrPortFrom(third, 9), false, now); err != nil {
		t.Errorf("without the limit: %v", err)
	}
}
