package allocation

import (
	"errors"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"sync"
	"testing"
)

// Several workers share ports and ledger. No port is ever two allocations', and nothing is lost. The race detector sees
// the rest.
func TestWorkersShare(t *testing.T) {
	t.Parallel()
	const workers, steps = 4, 1500
	ports := mustPorts(t, []RelayAddress{{Bind: ipv4Bind, External: ipv4External}, {Bind: ipv6Relay}}, 50000, 50063)
	ledger := NewLedger(90)
	var owners sync.Map // relayed address → worker, while an allocation has it
	tables := make([]*Table, workers)
	var group sync.WaitGroup
	for w := range tables {
		tables[w] = NewTable(Config{Worker: w, Ports: ports, Ledger: ledger})
		group.Go(func() { work(t, tables[w], &owners, steps) })
	}
	stop := make(chan struct{})
	var watcher sync.WaitGroup
	watcher.Go(func() { // what everyone else may ask at any time
		for {
			select {
			case <-stop:
				return
			default:
			}
			ports.Live(netip.AddrPortFrom(ipv4External, 50007))
			if n := ports.InUse(); n > ports.Size() {
				t.Errorf("%d ports in use", n)
			}
			if n := ledger.Total(); n > 90 {
				t.Errorf("%d allocations", n)
			}
		}
	})
	group.Wait()
	close(stop)
	watcher.Wait()
	live, families := 0, 0
	for _, table := range tables {
		must(t, table.Check())
		live += table.Len()
		families += table.byRelayed.len()
	}
	if ledger.Total() != live || ports.InUse() != families+len(ports.reservations.byToken) {
		t.Errorf("%d allocations of %d, %d ports for %d families", ledger.Total(), live, ports.InUse(), families)
	}
	for _, table := range tables {
		for a := range table.All() {
			table.Delete(a)
		}
	}
	ports.Expire(start.add(1e6 * Second))
	ports.Expire(start.add(2e6 * Second))
	if ledger.Total() != 0 || ports.InUse() != 0 || ports.pools[0].freeLen() != 64 || ports.pools[1].freeLen() != 64 {
		t.Errorf("left behind: %d allocations, %d ports", ledger.Total(), ports.InUse())
	}
}

// work makes and ends allocations on one table.
func work(t *testing.T, table *Table, owners *sync.Map, steps int) {
	random := rand.New(rand.NewPCG(uint64(table.worker), 1))
	own := func(a *Allocation) {
		for _, ipv6 := range []bool{false, true} {
			if other, taken := owners.LoadOrStore(a.Relayed(ipv6), table.worker); a.Has(ipv6) && taken {
				t.Errorf("%v is worker %v's and worker %d's", a.Relayed(ipv6), other, table.worker)
			}
		}
		owners.Delete(netip.AddrPort{})
	}
	disown := func(a *Allocation) {
		owners.Delete(a.Relayed(false))
		owners.Delete(a.Relayed(true))
	}
	now := start
	for range steps {
		now = now.add(Duration(random.Int64N(int64(Second))))
		ft := tuple(random.IntN(40))
		a := table.Lookup(ft)
		switch {
		case a == nil:
			r := dual()
			r.User, r.MaxPerUser = "user "+strconv.Itoa(random.IntN(5)), 30
			r.EvenPort = random.IntN(4) == 0
			if random.IntN(8) == 0 {
				r.IPv6, r.ReserveNext = false, true
			}
			if a, err := table.Create(ft, r, now); err == nil {
				own(a)
			} else if err != ErrQuota && !errors.Is(err, ErrCapacity) { // of ports, or in total
				t.Errorf("create: %v", err)
			}
		case random.IntN(4) == 0:
			disown(a)
			if err := table.Rebind(a, false, now); err != nil && err != ErrCapacity && err != ErrFamily {
				t.Errorf("rebind: %v", err)
			}
			own(a)
		case random.IntN(2) == 0:
			disown(a)
			table.Delete(a)
		default:
			table.Expire(now, func(a *Allocation, _, _ bool) { disown(a) })
			table.ports.Expire(now)
		}
		if at := netip.AddrPortFrom(ipv6Relay, uint16(50000+random.IntN(64))); table.LookupRelayed(at) != nil && !table.ports.Live(at) {
			t.Errorf("%v is ours and not live", at)
		}
	}
}
