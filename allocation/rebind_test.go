package allocation

import (
	"net/netip"
	"testing"
)

func TestRebind(t *testing.T) {
	t.Parallel()
	table := newTable(t, 50000, 50003)
	a := mustCreate(t, table, 1, dual(), start)
	must(t, table.BindChannel(a, 0x4000, peer4, false, start))
	seen := map[uint16]bool{a.Relayed(false).Port(): true}
	ipv6 := a.Relayed(true)
	for range 3 {
		old := a.Relayed(false)
		must(t, table.Rebind(a, false, start))
		at := a.Relayed(false)
		if seen[at.Port()] || table.LookupRelayed(old) != nil || table.LookupRelayed(at) != a || table.ports.Live(old) || !table.ports.Live(at) {
			t.Errorf("%v in place of %v", at, old)
		}
		if at.Addr() != ipv4External || a.Bound(false) != netip.AddrPortFrom(ipv4Bind, at.Port()) || a.Relayed(true) != ipv6 {
			t.Errorf("relayed %v, bound %v", at, a.Bound(false))
		}
		seen[at.Port()] = true
	}
	last := a.Relayed(false)
	if err := table.Rebind(a, false, start); err != ErrCapacity || a.Relayed(false) != last || table.LookupRelayed(last) != a {
		t.Errorf("no port is left: %v, relayed %v", err, a.Relayed(false))
	}
	if _, permitted, ok := table.Peer(a, 0x4000, start); !permitted || !ok {
		t.Error("the channel is gone")
	}
	table.Delete(a)
	// Refused ports are no fallback, the one that could not be replaced neither.
	almost := start.add(PortRefusal - 1)
	if _, err := table.Create(tuple(2), single(), start); err != ErrCapacity {
		t.Errorf("a refused port is handed out: %v", err)
	}
	if _, err := table.Create(tuple(2), single(), almost); err != ErrCapacity {
		t.Errorf("a refused port is handed out: %v", err)
	}
	mustCreate(t, table, 2, single(), start.add(PortRefusal))
}

func TestRebindErrors(t *testing.T) {
	t.Parallel()
	table := newTable(t, 50000, 50009)
	a := mustCreate(t, table, 1, reserving(), start)
	if err := table.Rebind(a, true, start); err != ErrFamily {
		t.Errorf("a family it does not have: %v", err)
	}
	token, _ := table.Token(a)
	b := mustCreate(t, table, 2, claiming(token), start)
	at := b.Relayed(false)
	if err := table.Rebind(b, false, start); err != ErrReservation || b.Relayed(false) != at {
		t.Errorf("a reserved port: %v", err)
	}
	table.Delete(b)
	if table.ports.state(place{0, at.Port()}) != portRefused {
		t.Error("the refused port cools only")
	}
}

// EVEN-PORT and a reservation are kept: the reservation moves to the port after the new one, under the same token.
func TestRebindKeepsReservation(t *testing.T) {
	t.Parallel()
	table := newTable(t, 50000, 50005)
	a := mustCreate(t, table, 1, reserving(), start)
	token, _ := table.Token(a)
	first := a.Relayed(false).Port()
	must(t, table.Rebind(a, false, start.add(10*Second)))
	port := a.Relayed(false).Port()
	if again, ok := table.Token(a); port == first || port%2 != 0 || !ok || again != token || table.ports.InUse() != 2 {
		t.Errorf("port %d after %d, token %x after %x, %d in use", port, first, again, token, table.ports.InUse())
	}
	if state := table.ports.state(place{0, first + 1}); state != portFree {
		t.Errorf("the port after the refused one has state %d", state)
	}
	table.ports.Expire(start.add(ReservationHold)) // the first hold would end here
	if b := mustCreate(t, table, 2, claiming(token), start.add(39*Second)); b.Relayed(false).Port() != port+1 {
		t.Errorf("reserved %v, want the port after %d", b.Relayed(false), port)
	}
	// With the reservation taken, an even port is all that can be kept.
	must(t, table.Rebind(a, false, start.add(39*Second)))
	if again := a.Relayed(false).Port(); again%2 != 0 || again == port || again == first || table.ports.InUse() != 2 {
		t.Errorf("port %d, %d in use", again, table.ports.InUse())
	}
}

func TestRebindOfPairFails(t *testing.T) {
	t.Parallel()
	table := newTable(t, 50000, 50003)
	other := single()
	a := mustCreate(t, table, 1, reserving(), start)
	mustCreate(t, table, 2, other, start)
	token, _ := table.Token(a)
	at := a.Relayed(false)
	if err := table.Rebind(a, false, start); err != ErrCapacity {
		t.Errorf("one port is free, a pair is needed: %v", err)
	}
	if b := mustCreate(t, table, 3, claiming(token), start); a.Relayed(false) != at || b.Relayed(false).Port() != at.Port()+1 {
		t.Error("the error changed something")
	}
}
