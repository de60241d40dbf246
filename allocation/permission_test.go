package allocation

import (
	"net/netip"
	"testing"
)

func addr(n int) netip.Addr { return netip.AddrFrom4([4]byte{203, 0, byte(n >> 8), byte(n)}) }

// RFC 8656 §9: 300 seconds, exactly.
func TestPermissionLifetime(t *testing.T) {
	t.Parallel()
	table := newTable(t, 50000, 50009)
	a := mustCreate(t, table, 1, single(), start)
	must(t, table.Permit(a, peer4.Addr(), false, start))
	for _, tt := range []struct {
		at   Duration
		want bool
	}{{0, true}, {300*Second - 1, true}, {300 * Second, false}, {301 * Second, false}} {
		if ok, _ := table.Permitted(a, peer4.Addr(), start.add(tt.at)); ok != tt.want {
			t.Errorf("after %d: %v", tt.at, ok)
		}
	}
	must(t, table.Permit(a, peer4.Addr(), false, start.add(200*Second)))
	table.Expire(start.add(400*Second), nil)
	if ok, _ := table.Permitted(a, peer4.Addr(), start.add(499*Second)); !ok {
		t.Error("the refresh did not count")
	}
	table.Expire(start.add(501*Second), nil)
	if table.permissions.len() != 0 || table.Len() != 1 {
		t.Errorf("%d permissions left", table.permissions.len())
	}
}

// RFC 8656 §9: addresses are compared exactly, ports and allocations of others do not matter.
func TestPermittedPeers(t *testing.T) {
	t.Parallel()
	table := newTable(t, 50000, 50009)
	a := mustCreate(t, table, 1, dual(), start)
	b := mustCreate(t, table, 2, dual(), start)
	must(t, table.Permit(a, peer4.Addr(), false, start))
	must(t, table.Permit(a, peer6.Addr(), true, start))
	for _, tt := range []struct {
		a              *Allocation
		peer           netip.Addr
		ok, restricted bool
	}{
		{a, peer4.Addr(), true, false},
		{a, peer6.Addr(), true, true},
		{b, peer4.Addr(), false, false},
		{a, netip.MustParseAddr("203.0.113.8"), false, false},
		{a, netip.AddrFrom16(peer4.Addr().As16()), false, false}, // another spelling is another address: callers unmap
		{a, netip.Addr{}, false, false},
	} {
		if ok, restricted := table.Permitted(tt.a, tt.peer, start); ok != tt.ok || restricted != tt.restricted {
			t.Errorf("%v: %v %v", tt.peer, ok, restricted)
		}
	}
	must(t, table.Permit(a, peer6.Addr(), false, start))
	if _, restricted := table.Permitted(a, peer6.Addr(), start); restricted {
		t.Error("the latest install does not win")
	}
	must(t, table.BindChannel(a, 0x4000, peer6, true, start))
	if _, restricted := table.Permitted(a, peer6.Addr(), start); !restricted {
		t.Error("the latest install, by a channel, does not win")
	}
}

func TestPermitFamily(t *testing.T) {
	t.Parallel()
	table := newTable(t, 50000, 50009)
	a := mustCreate(t, table, 1, single(), start)
	for _, peer := range []netip.Addr{peer6.Addr(), {}, netip.AddrFrom16(peer4.Addr().As16())} {
		if err := table.Permit(a, peer, false, start); err != ErrPeerFamily {
			t.Errorf("%v: %v", peer, err)
		}
		if table.CanPermit(a, []netip.Addr{peer4.Addr(), peer}, start) {
			t.Errorf("%v can be permitted", peer)
		}
	}
}

func TestPermissionLimit(t *testing.T) {
	t.Parallel()
	table := newTable(t, 50000, 50009)
	a := mustCreate(t, table, 1, dual(), start)
	for n := range defaultPermissions - 1 {
		must(t, table.Permit(a, addr(n), false, start))
	}
	must(t, table.Permit(a, peer6.Addr(), false, start.add(Second)))
	if err := table.Permit(a, peer4.Addr(), false, start.add(Second)); err != ErrTooMany {
		t.Errorf("one more than the limit: %v", err)
	}
	if err := table.BindChannel(a, 0x4000, peer4, false, start.add(Second)); err != ErrTooMany {
		t.Errorf("a channel with one permission more: %v", err)
	}
	if _, ok := table.Channel(a, peer4, start.add(Second)); ok || table.channels.len() != 0 {
		t.Error("the channel was bound without its permission")
	}
	must(t, table.Permit(a, addr(5), false, start.add(Second))) // a refresh is not one more
	must(t, table.BindChannel(a, 0x4000, netip.AddrPortFrom(addr(6), 1), false, start.add(Second)))
	// What has expired does not count, though nobody has called Expire.
	later := start.add(300 * Second)
	must(t, table.Permit(a, peer4.Addr(), false, later))
	if got := table.permissions.len(); got != 4 {
		t.Errorf("%d permissions, want the three refreshed and the new one", got)
	}
}

// RFC 8656 §10.2: a CreatePermission is carried out for all peers or for none.
func TestCanPermit(t *testing.T) {
	t.Parallel()
	table := newTable(t, 50000, 50009)
	table.maxPermissions = 4
	a := mustCreate(t, table, 1, dual(), start)
	must(t, table.Permit(a, addr(1), false, start))
	must(t, table.Permit(a, addr(2), false, start))
	for _, tt := range []struct {
		name  string
		peers []netip.Addr
		now   Time
		want  bool
	}{
		{"none", nil, start, true},
		{"two more", []netip.Addr{addr(3), addr(4)}, start, true},
		{"one and one again", []netip.Addr{addr(3), peer6.Addr(), addr(3), addr(3), addr(1)}, start, true},
		{"three more", []netip.Addr{addr(3), addr(4), peer6.Addr()}, start, false},
		{"those that are there", []netip.Addr{addr(1), addr(2), addr(1)}, start, true},
		{"four in place of those that expired", []netip.Addr{addr(1), addr(4), addr(5), peer6.Addr()}, start.add(300 * Second), true},
		{"five in place of those that expired", []netip.Addr{addr(1), addr(4), addr(5), addr(6), peer6.Addr()}, start.add(300 * Second), false},
	} {
		if got := table.CanPermit(a, tt.peers, tt.now); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}

func TestPermissionSlotsRunOut(t *testing.T) {
	t.Parallel()
	table := newTable(t, 50000, 50009)
	a := mustCreate(t, table, 1, single(), start)
	permissions, channels := table.permissions, table.channels
	table.permissions = slab[permission]{used: maxRef}
	if err := table.Permit(a, peer4.Addr(), false, start); err != ErrTooMany {
		t.Errorf("permission: %v", err)
	}
	table.permissions, table.channels = permissions, slab[channel]{used: maxRef}
	if err := table.BindChannel(a, 0x4000, peer4, false, start); err != ErrTooMany {
		t.Errorf("channel: %v", err)
	}
	table.channels = channels
}
