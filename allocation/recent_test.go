package allocation

import (
	"net/netip"
	"testing"
)

// What was found last is not found for another that was asked for, nor after its end, nor for one that has its slot.
func TestRecentlyFound(t *testing.T) {
	t.Parallel()
	table := newTable(t, 50000, 50100)
	a, b := mustCreate(t, table, 0, single(), start), mustCreate(t, table, 1, single(), start)
	for i, want := range []*Allocation{a, b, nil, b, a, a, nil, a} {
		n := map[*Allocation]int{a: 0, b: 1, nil: 2}[want]
		if got := table.Lookup(tuple(n)); got != want {
			t.Errorf("look-up %d: 5-tuple %d found %v", i, n, got)
		}
	}

	peers := []netip.AddrPort{netip.AddrPortFrom(addr(0), 7000), netip.AddrPortFrom(addr(0), 7001), netip.AddrPortFrom(addr(1), 7000)}
	expect := func(o *Allocation, n ChannelNumber, peer netip.AddrPort, bound, permitted bool) {
		t.Helper()
		got, allowed, ok := table.Peer(o, n, start)
		if ok != bound || ok && (got != peer || allowed != permitted) {
			t.Errorf("channel %#x: %v, permitted %v, bound %v", n, got, allowed, ok)
		}
		number, ok := table.Channel(o, peer, start)
		if ok != bound || ok && number != n {
			t.Errorf("peer %v: channel %#x, bound %v", peer, number, ok)
		}
		if ok, _ := table.Permitted(o, peer.Addr(), start); ok != permitted {
			t.Errorf("peer %v: permitted %v", peer, ok)
		}
	}
	for i, peer := range peers {
		must(t, table.BindChannel(a, 0x4000+ChannelNumber(i), peer, false, start))
	}
	for range 2 {
		for i, peer := range peers {
			expect(a, 0x4000+ChannelNumber(i), peer, true, true)
			expect(b, 0x4000+ChannelNumber(i), peer, false, false)
		}
	}

	// The last slots given back are the first taken: b now has what a's last look-ups found.
	a.recent.channel, a.recent.permission = table.channelByPeer.at(peerKey{endpointOf(peers[0].Addr(), 7000), a.ref()}), table.permissionByPeer.at(peerKey{endpointOf(peers[0].Addr(), 0), a.ref()})
	channel, permission := a.recent.channel, a.recent.permission
	table.removeChannel(channel)
	table.removePermission(permission)
	must(t, table.BindChannel(b, 0x4000, peers[0], false, start))
	expect(a, 0x4000, peers[0], false, false)
	expect(b, 0x4000, peers[0], true, true)
	if b.recent.channel != channel || b.recent.permission != permission {
		t.Errorf("slots %+v, want %d and %d again", b.recent, channel, permission)
	}

	// So does another client: the 5-tuple's allocation is gone, and its slot is in use.
	table.Lookup(tuple(0))
	table.Delete(a)
	if table.Lookup(tuple(0)) != nil {
		t.Error("a deleted allocation was found")
	}
	c := mustCreate(t, table, 2, single(), start)
	if c != a || table.Lookup(tuple(0)) != nil || table.Lookup(tuple(2)) != c {
		t.Error("the slot's former client was found")
	}
	for i, peer := range peers {
		expect(c, 0x4000+ChannelNumber(i), peer, false, false)
	}
}
