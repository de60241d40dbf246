package relay

import (
	"net/netip"
	"testing"

	"turnout/allocation"
)

// TestBucket takes as fast as it can for a minute: ten seconds' worth at once, then so many a second.
func TestBucket(t *testing.T) {
	t.Parallel()
	for _, perSecond := range []int{1, 7, 1000} {
		var b bucket
		taken := 0
		for i := range 60 * 2000 {
			if b.take(perSecond, allocation.Time(5+i*500_000)) {
				taken++
			}
		}
		if want := perSecond * 70; taken < want-perSecond/100-1 || taken > want+perSecond/100+1 {
			t.Errorf("%d a second: %d in a minute, want %d", perSecond, taken, want)
		}
	}
}

// A peer is known for five minutes after something was last sent to it, and forgotten after ten.
func TestAcquaintances(t *testing.T) {
	t.Parallel()
	const minute = allocation.Time(60 * allocation.Second)
	peer, other := netip.MustParseAddrPort("192.0.2.1:1"), netip.MustParseAddrPort("192.0.2.1:2")
	k := acquaintances{met: map[netip.AddrPort]struct{}{}, began: minute}
	meet := func(p netip.AddrPort) { k.met[p], k.passing = struct{}{}, p }
	if k.knows(peer, minute) {
		t.Fatal("knows a stranger")
	}
	meet(peer)
	meet(other)
	for now := minute; now < 60*minute; now += 4 * minute {
		if !k.knows(peer, now) {
			t.Fatalf("forgotten after %d minutes, though it was sent to 4 minutes ago", now/minute)
		}
	}
	if k.knows(other, 60*minute) {
		t.Error("known after an hour of silence")
	}
	if k.knows(peer, 71*minute) || len(k.met)+len(k.before) != 0 {
		t.Errorf("known after more than ten minutes, or %d still in memory", len(k.met)+len(k.before))
	}
}

// Data to a peer that is known costs no allocation where new peers are limited, and an allocation that never sends by
// indication has no memory for it.
func TestRelayToKnownPeers(t *testing.T) {
	b := newBench(t, func(c *Config) { c.NewPeers = 1 })
	for _, w := range b.ways(t, 160) {
		b.deliver(w.socket, w.packet)
		if len(b.poller.outs) != 1 {
			t.Errorf("%v: not relayed", w)
		}
		if n := testing.AllocsPerRun(200, func() { b.deliver(w.socket, w.packet) }); n > 0 && !raceEnabled {
			t.Errorf("%v: %v allocations", w, n)
		}
	}
}

// TestScan looks for open ports of one address by Send indications: most attempts go nowhere, and what is remembered of
// them is bounded by what the limit let through.
func TestScan(t *testing.T) {
	t.Parallel()
	const perSecond, ports = 5, 20000
	b := newBench(t, derivedUsers, func(c *Config) { c.NewPeers = perSecond })
	b.become(t, "mallory")
	client := benchClient(1)
	b.allocate(t, client)
	b.permit(t, client, benchPeer)
	sent := 0
	for port := range uint16(ports) {
		b.fromClient(client, sendIndication(netip.AddrPortFrom(benchPeer.Addr(), 1+port), 1))
		sent += len(b.poller.outs)
	}
	l := b.w.links[0]
	if sent < 10*perSecond || sent > ports/10 {
		t.Errorf("%d of %d ports were reached", sent, ports)
	}
	if known := len(l.limits.peersMet.met); known != sent {
		t.Errorf("%d peers are remembered, %d were reached", known, sent)
	}
	if got := b.Stats().Limited(LimitNewPeers); got != uint64(ports-sent) {
		t.Errorf("the limit was reached %d times, want %d", got, ports-sent)
	}
}
