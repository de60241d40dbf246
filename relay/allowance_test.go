package relay

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"turnout/allocation"
	"turnout/internal/netio"
	"turnout/stun"
)

// TestAllowance has the allocations of a user on several workers relay together more than its bandwidth, in rounds that
// begin at the same time: a second's worth passes at once, then as much as the bandwidth carries.
func TestAllowance(t *testing.T) {
	t.Parallel()
	for _, workers := range []int{1, 2, 8} {
		for _, bitsPerSecond := range []int64{64_000, 1_000_000, 50_000_000, 10_000_000_000} {
			s := newAllowances(workers, newQuotas(Config{UserBandwidth: bitsPerSecond}))
			a := s.join("carol", grant{}, 1, 1, true)
			all := make([]worker, workers)
			for i := range all {
				all[i].index = i
				all[i].view(a)
			}
			const seconds, size = 20, 1200
			offered := int(bitsPerSecond/8/size)*3/1000/workers + 1 // a round, and 1,000 rounds a second
			relayed := 0
			for i := range seconds * 1000 {
				now := allocation.Time(1 + i*1_000_000)
				for k := range all {
					all[k].now = now
					for range offered {
						if l := all[k].lease(a); l.room() {
							l.spend(size)
							relayed += size
						}
					}
				}
				for k := range all {
					all[k].settleLeases()
				}
			}
			want := float64(bitsPerSecond) / 8 * (seconds + 1)
			slack := want*0.01 + float64((workers*offered+1)*size) // one round of everybody's
			if got := float64(relayed); got < want-slack || got > want+slack {
				t.Errorf("%d workers, %d bits/s: %.0f bytes in %d s, want %.0f ± %.0f", workers, bitsPerSecond, got, seconds, want, slack)
			}
		}
	}
}

// Whatever is charged at the same time is paid for.
func TestAllowanceIsChargedTogether(t *testing.T) {
	t.Parallel()
	var a allowance
	var all sync.WaitGroup
	const goroutines, times, cost = 8, 10_000, 1000
	for range goroutines {
		all.Go(func() {
			for range times {
				a.charge(cost, 5)
			}
		})
	}
	all.Wait()
	if got := a.paid.Load(); got != 5+goroutines*times*cost {
		t.Errorf("paid until %d, want %d", got, 5+goroutines*times*cost)
	}
}

// A user without allocations is forgotten once nothing is owed, and not before.
func TestAllowanceIsForgotten(t *testing.T) {
	t.Parallel()
	s := newAllowances(1, newQuotas(Config{UserBandwidth: 8000}))
	carol, dave := s.join("carol", grant{}, 1, 1, true), s.join("dave", grant{}, 1, 1, true)
	if s.join("carol", grant{}, 1, 1, true) != carol || dave == carol {
		t.Fatal("an allowance is not a user's")
	}
	carol.charge(allocation.Second/2, 1)
	s.leave(carol, 2)
	if n := s.len(); n != 2 {
		t.Errorf("%d users, want 2: one allocation is left", n)
	}
	s.leave(carol, 3)
	s.leave(dave, 3)
	if s.join("carol", grant{}, 4, 4, true) != carol {
		t.Error("forgotten while something was owed: making allocations anew is a way around the limit")
	}
	s.leave(carol, 4)
	for i := range 1000 { // ever again, while something is owed
		s.leave(s.join("carol", grant{}, 4, allocation.Time(5+i), true), allocation.Time(5+i))
	}
	if len(s.waiting) > 2 {
		t.Errorf("%d entries wait for two users", len(s.waiting))
	}
	erin := s.join("erin", grant{}, 1, allocation.Time(allocation.Second), true)
	if s.len() != 1 || len(s.waiting) != 0 {
		t.Errorf("%d users, want one; %d wait", s.len(), len(s.waiting))
	}
	s.leave(erin, allocation.Time(allocation.Second))
	if s.len() != 0 {
		t.Error("a user without allocation and debt is remembered")
	}
}

// The class of the youngest credential is the user's, and other quotas take effect at once.
func TestAllowanceOfAClass(t *testing.T) {
	t.Parallel()
	classes := map[string]Class{"gold": {Bandwidth: 2_000_000}}
	s := newAllowances(1, newQuotas(Config{UserBandwidth: 1_000_000, Classes: classes}))
	a := s.join("carol", grant{}, 1, 1, true)
	is := func(what string, bitsPerSecond int64) {
		t.Helper()
		if got, want := rate(a.rate.Load()), rateOf(bitsPerSecond); got != want {
			t.Errorf("%s: rate %d, want %d", what, got, want)
		}
	}
	is("no class", 1_000_000)
	s.join("carol", grant{class: "gold"}, 1, 1, true)
	is("gold", 2_000_000)
	s.join("carol", grant{class: "tin"}, 1, 1, true)
	is("a class that nobody knows", 1_000_000)
	s.join("carol", grant{class: "gold"}, 2, 2, true)
	s.join("carol", grant{bandwidth: 64_000}, 2, 3, false)
	is("an allocation of a credential that is no younger, which moves to another worker", 2_000_000)
	s.join("carol", grant{}, 1, 3, true)
	is("an allocation made with an older credential", 2_000_000)
	s.join("carol", grant{class: "gold", bandwidth: 64_000}, 3, 3, true)
	is("a credential's own", 64_000)
	s.replace(newQuotas(Config{UserBandwidth: 1_000_000}), 3)
	is("a credential's own, while others have another", 64_000)
	s.join("carol", grant{class: "gold"}, 4, 4, true)
	s.replace(newQuotas(Config{Classes: map[string]Class{"gold": {Bandwidth: 3_000_000}}}), 0)
	is("gold, replaced", 3_000_000)
	s.replace(newQuotas(Config{}), 0)
	is("no limit any more", 0)
}

// TestSetQuotas gives a limit to users whose allocations were made without one.
func TestSetQuotas(t *testing.T) {
	t.Parallel()
	b := newBench(t, derivedUsers)
	b.become(t, "carol")
	ways := b.ways(t, 100)
	relays := func(w way) bool {
		b.deliver(w.socket, w.packet)
		return len(b.poller.outs) == 1
	}
	if !relays(ways[0]) || !relays(ways[1]) {
		t.Fatal("nothing is relayed without a limit")
	}
	b.setQuotas(newQuotas(Config{UserBandwidth: 8 * 150}))
	b.w.round(nil) // what was posted
	for i, want := range []bool{true, true, false, false} {
		if got := relays(ways[i%2]); got != want {
			t.Errorf("datagram %d relayed: %v, want %v", i, got, want)
		}
	}
	b.setQuotas(newQuotas(Config{}))
	b.w.round(nil)
	if !relays(ways[0]) {
		t.Error("the limit is still there")
	}
	if b.Stats().Dropped(DropUserBandwidth) != 2 {
		t.Errorf("%d drops, want 2", b.Stats().Dropped(DropUserBandwidth))
	}
}

// Data and the end of the allocation in one round are paid for as any: whoever sends bursts of that kind gets no more.
func TestAllowanceOfAShortLife(t *testing.T) {
	t.Parallel()
	b := newBench(t, derivedUsers, func(c *Config) { c.UserBandwidth = 8 * 100 })
	b.become(t, "carol")
	client, began := benchClient(1), time.Now()
	relayed := 0
	for range 10 {
		b.allocate(t, client)
		b.bind(t, client, 0x4000, benchPeer)
		data, end := channelData(0x4000, 500), b.signed(client, stun.MethodRefresh, func(rs *stun.Builder) { rs.AddUint32(stun.AttrLifetime, 0) })
		b.poller.packets = b.poller.packets[:0]
		for _, payload := range [][]byte{data, data, data, data, end} {
			b.poller.packets = append(b.poller.packets, netio.Packet{Addr: client, Local: benchServer, Payload: payload})
		}
		b.poller.outs = b.poller.outs[:0]
		b.w.round([]netio.Event{{ID: b.poller.ids[b.w.listeners[0]], Readable: true}})
		relayed += len(b.poller.outs) - 1 // the last is the answer
		if n := b.w.table.Len(); n != 0 {
			t.Fatalf("%d allocations are left", n)
		}
	}
	// The first is more than a second's worth, and 4 seconds later there is room for another.
	if most := 1 + int(time.Since(began)/(4*time.Second)); relayed < 1 || relayed > most {
		t.Errorf("%d datagrams of 500 bytes were relayed at 100 bytes a second, want at most %d", relayed, most)
	}
}

// A datagram whose user has a bandwidth costs no allocation and no copy either.
func TestRelayWithinABandwidth(t *testing.T) {
	b := newBench(t, derivedUsers, func(c *Config) { c.UserBandwidth, c.AllocationBandwidth = 1e12, 1e12 })
	b.become(t, "carol")
	for _, w := range b.ways(t, 160) {
		b.deliver(w.socket, w.packet)
		if len(b.poller.outs) != 1 || unsafe.SliceData(b.poller.outs[0].Payload) != unsafe.SliceData(w.payload) {
			t.Errorf("%v: not relayed in place", w)
		}
		if n := testing.AllocsPerRun(200, func() { b.deliver(w.socket, w.packet) }); n > 0 && !raceEnabled {
			t.Errorf("%v: %v allocations", w, n)
		}
	}
	if b.w.allowances.len() != 1 || b.w.allowances.byName["carol"].paid.Load() == 0 {
		t.Error("nothing was counted as carol's")
	}
}

// BenchmarkRelayBatchWithinABandwidth is BenchmarkRelayBatch where the user has a bandwidth.
func BenchmarkRelayBatchWithinABandwidth(b *testing.B) {
	bench := newBench(b, derivedUsers, func(c *Config) { c.UserBandwidth = 1e12 })
	bench.become(b, "carol")
	benchmarkBatch(b, bench)
}

// A limit that was next to nothing by mistake is mended by a reload: who owes a quarter of an hour's worth of it owes little of
// a real one, users' allowances and allocations alike; and who raises and lowers it by class owes as much as before.
func TestRateIsMended(t *testing.T) {
	t.Parallel()
	now := allocation.Time(allocation.Second)
	s := newAllowances(1, newQuotas(Config{UserBandwidth: 1000, Classes: map[string]Class{"gold": {Bandwidth: 100_000}}}))
	a := s.join("carol", grant{}, 1, now, true)
	a.charge(rate(a.rate.Load()).of(125_000), now) // a thousand seconds' worth
	s.join("carol", grant{class: "gold"}, 1, now, true)
	if owed := -(a.free(now) - bandwidthBurst); owed < 9*allocation.Second || owed > 11*allocation.Second {
		t.Errorf("%d ns are owed at a hundred times the rate", owed)
	}
	s.join("carol", grant{}, 1, now, true)
	if owed := -(a.free(now) - bandwidthBurst); owed < 999*allocation.Second || owed > 1001*allocation.Second {
		t.Errorf("%d ns are owed at the first rate again", owed)
	}
	s.replace(newQuotas(Config{UserBandwidth: 1_000_000_000}), now)
	if a.free(now) < bandwidthBurst*9/10 {
		t.Errorf("%d ns may be relayed under the mended limit", a.free(now))
	}

	b := newBench(t, func(c *Config) { c.AllocationBandwidth = 1000 })
	b.allocate(t, benchClient(1))
	b.bind(t, benchClient(1), 0x4000, benchPeer)
	relays := func() bool {
		before := b.Stats().ToPeers.Packets
		b.fromClient(benchClient(1), channelData(0x4000, 1000))
		b.w.counters.publish(b.poller)
		return b.Stats().ToPeers.Packets > before
	}
	if !relays() || relays() {
		t.Fatal("a thousand bits a second are not the limit")
	}
	mended := *b.w.settings
	mended.bandwidth = rateOf(1_000_000_000)
	b.w.adoptSettings(&mended)
	if !relays() {
		t.Error("the allocation still pays for what it relayed under the limit before")
	}
}

// A connection that waits for its user's bandwidth waits no longer than the limit that is in use by then wants.
func TestPaceIsMended(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newAllowances(1, newQuotas(Config{UserBandwidth: 8}))
		a := s.join("carol", grant{}, 1, 1, true)
		c := &connection{over: make(chan struct{})}
		began := time.Now()
		done := make(chan struct{})
		go func() {
			defer close(done)
			c.awaitPaid(rate(a.rate.Load()).of(64<<10), &a.rate) // 18 hours
		}()
		time.Sleep(1500 * time.Millisecond)
		s.replace(newQuotas(Config{UserBandwidth: 1_000_000}), 1)
		<-done
		if waited := time.Since(began); waited > 3*time.Second {
			t.Errorf("waited for %v", waited)
		}
	})
}

// More allocations than a worker looks at in one go are limited, too.
func TestSetQuotasOfMany(t *testing.T) {
	t.Parallel()
	b := newBench(t, derivedUsers)
	b.become(t, "carol")
	for i := range 2*joinBatch + 1 {
		b.allocate(t, benchClient(i))
	}
	b.setQuotas(newQuotas(Config{UserBandwidth: 1000}))
	for range 3 { // batches
		b.w.round(nil)
	}
	for a := range b.w.table.All() {
		if b.w.links[a.ID().Index()].allowance == nil {
			t.Fatalf("allocation %v has no limit", a.ID())
		}
	}
}
