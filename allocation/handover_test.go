package allocation

import "testing"

// newTables makes the tables of two workers.
func newTables(t *testing.T) (from, to *Table) {
	from = newTable(t, 50000, 50009)
	to = NewTable(Config{Worker: 4, Ports: from.ports, Ledger: from.ledger})
	t.Cleanup(func() {
		if err := to.Check(); err != nil {
			t.Error(err)
		}
	})
	return from, to
}

// Everything moves, the time that is left of each thing included, and the user is charged once.
func TestHandover(t *testing.T) {
	t.Parallel()
	from, to := newTables(t)
	r := dual()
	r.User, r.Subject, r.MaxPerUser, r.Key = "alice", "alice", 1, []byte("a key of sixteen")
	a := mustCreate(t, from, 1, r, start)
	must(t, from.BindChannel(a, 0x4000, peer4, true, start))
	must(t, from.Permit(a, peer6.Addr(), false, start.add(100*Second)))
	a.Traffic().BytesIn = 77
	relayed, id := a.Relayed(true), a.ID()
	now := start.add(200 * Second)
	b, err := to.Adopt(from.Take(a), now)
	must(t, err)
	if from.Lookup(tuple(1)) != nil || from.LookupID(id) != nil || from.LookupRelayed(relayed) != nil || from.Len() != 0 || from.Next() != 0 {
		t.Error("the first table still knows it")
	}
	if to.Lookup(tuple(1)) != b || to.LookupID(b.ID()) != b || to.LookupRelayed(relayed) != b || b.ID().Worker() != 4 || b.Traffic().BytesIn != 77 {
		t.Error("the second table does not know it")
	}
	for _, q := range []*Table{from, to} {
		if _, err := q.Create(tuple(2), r, now); err != ErrQuota {
			t.Errorf("another allocation of the user: %v", err)
		}
	}
	if n, ok := to.Channel(b, peer4, start.add(600*Second-1)); !ok || n != 0x4000 {
		t.Error("the channel is gone")
	}
	if ok, restricted := to.Permitted(b, peer4.Addr(), start.add(300*Second-1)); !ok || !restricted {
		t.Error("the permission is gone")
	}
	if ok, _ := to.Permitted(b, peer4.Addr(), start.add(300*Second)); ok {
		t.Error("the permission lives longer")
	}
	if ok, restricted := to.Permitted(b, peer6.Addr(), start.add(400*Second-1)); !ok || restricted {
		t.Error("the other permission is gone")
	}
	to.Expire(start.add(601*Second), nil)
	if to.Len() != 0 || to.ledger.Total() != 0 || to.ports.InUse() != 0 {
		t.Error("it does not expire")
	}
}

// What cannot be adopted is as it was, and gives back all it holds.
func TestHandoverFails(t *testing.T) {
	t.Parallel()
	from, to := newTables(t)
	r := single()
	r.User = "alice"
	h := from.Take(mustCreate(t, from, 1, r, start))
	c := mustCreate(t, to, 1, single(), start)
	if _, err := to.Adopt(h, start); err != ErrInUse {
		t.Errorf("adopt: %v", err)
	}
	to.Delete(c)
	a, err := to.Adopt(h, start)
	must(t, err)
	h.Discard() // somebody else's now
	if to.Lookup(tuple(1)) != a || to.ledger.Total() != 1 {
		t.Error("discarded after it was adopted")
	}
	to.Take(a).Discard()
	if to.ledger.Total() != 0 || to.ports.InUse() != 0 {
		t.Errorf("left behind: %d allocations, %d ports", to.ledger.Total(), to.ports.InUse())
	}
	defer func() {
		if recover() == nil {
			t.Error("adopted by a table with other ports")
		}
	}()
	_, _ = newTable(t, 50000, 50009).Adopt(&Handover{}, start)
}
