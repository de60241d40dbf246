package allocation

import (
	"net/netip"
	"testing"
)

// RFC 8656 §12: a binding lasts 600 seconds, its permission 300: then data is not relayed on it.
func TestChannelLifetime(t *testing.T) {
	t.Parallel()
	table := newTable(t, 50000, 50009)
	r := single()
	r.Lifetime = 3600 * Second
	a := mustCreate(t, table, 1, r, start)
	must(t, table.BindChannel(a, 0x4001, peer4, false, start))
	for _, tt := range []struct {
		at            Duration
		permitted, ok bool
	}{
		{0, true, true}, {300*Second - 1, true, true}, {300 * Second, false, true}, {600*Second - 1, false, true}, {600 * Second, false, false},
	} {
		now := start.add(tt.at)
		peer, permitted, ok := table.Peer(a, 0x4001, now)
		if permitted != tt.permitted || ok != tt.ok || ok && peer != peer4 {
			t.Errorf("after %d: %v %v %v", tt.at, peer, permitted, ok)
		}
		if n, ok := table.Channel(a, peer4, now); ok != tt.ok || ok && n != 0x4001 {
			t.Errorf("after %d: channel %#x %v", tt.at, n, ok)
		}
	}
	must(t, table.BindChannel(a, 0x4001, peer4, false, start.add(500*Second)))
	table.Expire(start.add(700*Second), nil)
	if _, permitted, ok := table.Peer(a, 0x4001, start.add(799*Second)); !permitted || !ok {
		t.Error("the refresh did not count")
	}
	table.Expire(start.add(1101*Second), nil)
	if table.channels.len() != 0 || table.permissions.len() != 0 {
		t.Errorf("%d channels left", table.channels.len())
	}
}

// RFC 8656 §12.2: neither a number nor a peer is bound twice.
func TestChannelInUse(t *testing.T) {
	t.Parallel()
	table := newTable(t, 50000, 50009)
	a := mustCreate(t, table, 1, single(), start)
	b := mustCreate(t, table, 2, single(), start)
	otherPort := netip.AddrPortFrom(peer4.Addr(), 7001)
	must(t, table.BindChannel(a, 0x4000, peer4, false, start))
	must(t, table.BindChannel(a, 0x4001, otherPort, false, start))
	for _, tt := range []struct {
		n    ChannelNumber
		peer netip.AddrPort
		want error
	}{
		{0x4000, otherPort, ErrChannelInUse},
		{0x4001, peer4, ErrChannelInUse},
		{0x4002, peer4, ErrChannelInUse},
		{0x4000, netip.AddrPortFrom(addr(1), 1), ErrChannelInUse},
		{0x4000, peer6, ErrChannelInUse},
		{0x4002, peer6, ErrPeerFamily},
		{0x4002, netip.AddrPort{}, ErrPeerFamily},
		{0x3FFF, netip.AddrPortFrom(addr(1), 1), ErrChannelNumber},
		{0x8000, netip.AddrPortFrom(addr(1), 1), ErrChannelNumber},
		{0x4000, peer4, nil},
	} {
		if err := table.BindChannel(a, tt.n, tt.peer, false, start.add(Second)); err != tt.want {
			t.Errorf("%#x to %v: %v, want %v", tt.n, tt.peer, err, tt.want)
		}
	}
	if ok, _ := table.Permitted(a, addr(1), start.add(Second)); ok || table.channels.len() != 2 || table.permissions.len() != 1 {
		t.Error("a refused binding has left something")
	}
	must(t, table.BindChannel(b, 0x4001, peer4, false, start)) // another allocation's bindings do not matter
	must(t, table.BindChannel(a, maxChannel, netip.AddrPortFrom(addr(1), 1), false, start))
}

// RFC 8656 §12: an expired binding leaves its number and its peer free, each for another.
func TestExpiredChannelIsUnbound(t *testing.T) {
	t.Parallel()
	table := newTable(t, 50000, 50009)
	r := single()
	r.Lifetime = 3600 * Second
	a := mustCreate(t, table, 1, r, start)
	other := netip.AddrPortFrom(addr(1), 1)
	must(t, table.BindChannel(a, 0x4000, peer4, false, start))
	must(t, table.BindChannel(a, 0x4001, other, false, start))
	now := start.add(600 * Second)
	must(t, table.BindChannel(a, 0x4000, other, false, now))
	if n, ok := table.Channel(a, other, now); !ok || n != 0x4000 {
		t.Errorf("channel %#x %v", n, ok)
	}
	if _, _, ok := table.Peer(a, 0x4001, now); ok {
		t.Error("the old number is bound")
	}
	must(t, table.BindChannel(a, 0x4001, peer4, false, now))
	if table.channels.len() != 2 {
		t.Errorf("%d channels", table.channels.len())
	}
}

func TestChannelLimit(t *testing.T) {
	t.Parallel()
	table := newTable(t, 50000, 50009)
	table.maxChannels = 3
	r := dual()
	r.Lifetime = 3600 * Second
	a := mustCreate(t, table, 1, r, start)
	must(t, table.BindChannel(a, 0x4000, peer6, false, start))
	for n := range 2 {
		must(t, table.BindChannel(a, 0x4001+ChannelNumber(n), netip.AddrPortFrom(addr(n), 1), false, start.add(Second)))
	}
	if err := table.BindChannel(a, 0x4003, peer4, false, start.add(Second)); err != ErrTooMany {
		t.Errorf("one more than the limit: %v", err)
	}
	if ok, _ := table.Permitted(a, peer4.Addr(), start.add(Second)); ok {
		t.Error("the refused channel left a permission")
	}
	must(t, table.BindChannel(a, 0x4002, netip.AddrPortFrom(addr(1), 1), false, start.add(2*Second)))
	must(t, table.BindChannel(a, 0x4003, peer4, false, start.add(600*Second))) // one has expired, in the other family
	if table.channels.len() != 3 {
		t.Errorf("%d channels", table.channels.len())
	}
}
