package allocation

import (
	"math"
	"testing"
)

type ending struct {
	id         ID
	ipv4, ipv6 bool
}

func expire(table *Table, now Time) (all []ending) {
	table.Expire(now, func(a *Allocation, ipv4, ipv6 bool) { all = append(all, ending{a.ID(), ipv4, ipv6}) })
	return all
}

func TestExpireWhole(t *testing.T) {
	t.Parallel()
	table := newTable(t, 50000, 50009)
	r := dual()
	r.User, r.Subject = "alice", "alice"
	a := mustCreate(t, table, 1, r, start)
	id, at := a.ID(), a.Relayed(false)
	must(t, table.Permit(a, peer4.Addr(), false, start))
	must(t, table.BindChannel(a, 0x4000, peer6, false, start))
	end := start.add(600 * Second)
	if got := expire(table, end-1); got != nil || table.Len() != 1 {
		t.Fatalf("ended early: %v", got)
	}
	next := table.Next()
	if next < end || next > end.add(Tick) {
		t.Errorf("next %d, want %d and at most a tick more", next, end)
	}
	called := false
	table.Expire(next, func(a *Allocation, ipv4, ipv6 bool) {
		called = true
		if !ipv4 || !ipv6 || a.ID() != id || table.LookupRelayed(at) != a || !table.ports.Live(at) || table.Subject(a) != "alice" {
			t.Errorf("ended %v %v, or something is gone already", ipv4, ipv6)
		}
	})
	if !called || table.Len() != 0 || table.Lookup(tuple(1)) != nil || table.LookupRelayed(at) != nil || table.ports.Live(at) {
		t.Errorf("called %v, %d left", called, table.Len())
	}
	if table.ledger.Total() != 0 || table.permissions.len() != 0 || table.channels.len() != 0 || table.Next() != 0 {
		t.Error("something is left behind")
	}
}

func TestExpireWithoutCallback(t *testing.T) {
	t.Parallel()
	table := newTable(t, 50000, 50009)
	mustCreate(t, table, 1, single(), start)
	table.Expire(start.add(601*Second), nil)
	if table.Len() != 0 {
		t.Error("did not end")
	}
}

// RFC 8656 §8.1: each relayed address of a dual allocation has its own time to expiry.
func TestRefreshOneFamily(t *testing.T) {
	t.Parallel()
	table := newTable(t, 50000, 50009)
	a := mustCreate(t, table, 1, dual(), start)
	must(t, table.Permit(a, peer4.Addr(), false, start.add(590*Second)))
	must(t, table.BindChannel(a, 0x4001, peer6, false, start.add(590*Second)))
	table.Refresh(a, false, true, 900*Second, start)
	if a.Expires(false) != start.add(600*Second) || a.Expires(true) != start.add(900*Second) {
		t.Errorf("expires %d and %d", a.Expires(false), a.Expires(true))
	}
	now := start.add(601 * Second)
	if ok, _ := table.Permitted(a, peer4.Addr(), now); ok {
		t.Error("a permission works in a family that has expired")
	}
	old := a.Relayed(false)
	if got := expire(table, now); len(got) != 1 || got[0] != (ending{a.ID(), true, false}) {
		t.Fatalf("ended %v", got)
	}
	if a.Has(false) || !a.Has(true) || table.LookupRelayed(old) != nil || table.ports.Live(old) || table.Lookup(tuple(1)) != a {
		t.Error("IPv4 did not end alone")
	}
	if _, permitted, ok := table.Peer(a, 0x4001, now); !ok || !permitted {
		t.Error("IPv6 did not survive")
	}
	if err := table.Permit(a, peer4.Addr(), false, now); err != ErrPeerFamily {
		t.Errorf("permit in the family that ended: %v", err)
	}
	if got := expire(table, start.add(901*Second)); len(got) != 1 || got[0] != (ending{got[0].id, false, true}) || table.Len() != 0 {
		t.Errorf("ended %v, %d left", got, table.Len())
	}
}

// RFC 8656 §8.1: dropping a family destroys its permissions and channels and no others.
func TestDrop(t *testing.T) {
	t.Parallel()
	for _, ipv6 := range []bool{false, true} {
		table := newTable(t, 50000, 50009)
		a := mustCreate(t, table, 1, dual(), start)
		must(t, table.BindChannel(a, 0x4000, peer4, false, start))
		must(t, table.BindChannel(a, 0x4001, peer6, false, start))
		table.Drop(a, ipv6, 508)
		for _, p := range []struct {
			ipv6 bool
			n    ChannelNumber
		}{{false, 0x4000}, {true, 0x4001}} {
			peer := peer4
			if p.ipv6 {
				peer = peer6
			}
			_, _, bound := table.Peer(a, p.n, start)
			_, named := table.Channel(a, peer, start)
			permitted, _ := table.Permitted(a, peer.Addr(), start)
			if want := p.ipv6 != ipv6; bound != want || named != want || permitted != want || a.Has(p.ipv6) != want {
				t.Errorf("dropped %v: bound %v, named %v, permitted %v", ipv6, bound, named, permitted)
			}
		}
		if f, code, ok := a.FamilyError(); f != ipv6 || code != 508 || !ok {
			t.Errorf("family error %v %d %v", f, code, ok)
		}
		table.Drop(a, ipv6, 0)
		if table.ports.InUse() != 1 {
			t.Errorf("%d ports in use", table.ports.InUse())
		}
	}
}

func TestDropLast(t *testing.T) {
	t.Parallel()
	for _, forgotten := range []bool{false, true} {
		table := newTable(t, 50000, 50009)
		a := mustCreate(t, table, 1, dual(), start)
		table.Drop(a, false, 0)
		table.Drop(a, true, 0)
		must(t, table.Check())
		if _, _, ok := a.FamilyError(); ok {
			t.Error("a family that was given up is an error")
		}
		if forgotten {
			if got := expire(table, start.add(601*Second)); len(got) != 1 || got[0].ipv4 || got[0].ipv6 {
				t.Errorf("ended %v", got)
			}
		} else {
			table.Delete(a)
		}
		if table.Len() != 0 || table.Next() != 0 || table.ports.InUse() != 0 || table.ledger.Total() != 0 {
			t.Errorf("forgotten %v: something is left behind", forgotten)
		}
	}
}

func TestRefreshShortens(t *testing.T) {
	t.Parallel()
	table := newTable(t, 50000, 50009)
	a := mustCreate(t, table, 1, single(), start)
	table.Refresh(a, true, true, 3600*Second, start)
	table.Refresh(a, true, true, 10*Second, start)
	if got := expire(table, start.add(10*Second+Tick)); len(got) != 1 || table.Len() != 0 {
		t.Errorf("ended %v", got)
	}
}

func TestLifetimeWithoutEnd(t *testing.T) {
	t.Parallel()
	table := newTable(t, 50000, 50009)
	r := single()
	r.Lifetime = math.MaxInt64
	a := mustCreate(t, table, 1, r, start)
	if a.Expires(false) != math.MaxInt64 {
		t.Errorf("expires %d", a.Expires(false))
	}
	if got := expire(table, math.MaxInt64-1); got != nil || table.Next() != math.MaxInt64 {
		t.Errorf("ended %v, next %d", got, table.Next())
	}
	table.Delete(a)
}

// Nothing is reported twice or lost when a great many end at once.
func TestExpireMany(t *testing.T) {
	t.Parallel()
	table := newTable(t, 20000, 29999)
	seen := make(map[ID]bool)
	for n := range 5000 {
		r := dual()
		r.Lifetime = Duration(n%7) * 100 * Second
		a := mustCreate(t, table, n, r, start)
		must(t, table.BindChannel(a, 0x4000, peer4, false, start))
	}
	for now := start; table.Len() > 0; now = now.add(50 * Second) {
		for _, e := range expire(table, now) {
			if seen[e.id] || !e.ipv4 || !e.ipv6 {
				t.Fatalf("%v is told of twice or in parts", e)
			}
			seen[e.id] = true
		}
	}
	if len(seen) != 5000 || table.Next() != 0 {
		t.Errorf("%d ended", len(seen))
	}
}

// 0 says that there is nothing to do, so that something at time 0 is told as 1.
func TestNextAtTimeZero(t *testing.T) {
	t.Parallel()
	table := newTable(t, 50000, 50009)
	mustCreate(t, table, 1, single(), Time(-600*Second))
	table.Expire(-1, nil)
	if next := table.Next(); next != 1 || table.Len() != 1 {
		t.Errorf("next %d, %d allocations", next, table.Len())
	}
	table.Expire(1, nil)
	if table.Next() != 0 || table.Len() != 0 {
		t.Errorf("next %d, %d allocations", table.Next(), table.Len())
	}
}
