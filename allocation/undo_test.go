package allocation

import "testing"

// What was never told to a client is free at once: the ports, the one reserved beside, the user's quota.
func TestUndo(t *testing.T) {
	t.Parallel()
	table := newTable(t, 50000, 50001)
	r := reserving()
	r.User, r.MaxPerUser = "alice", 2 // with the reserved port
	for n := range 3 {
		a := mustCreate(t, table, n, r, start)
		token, _ := table.Token(a)
		table.Undo(a)
		if q := table.ports.pools[0]; q.freeLen() != 2 || table.ports.InUse() != 0 {
			t.Fatalf("%d free, %d in use", q.freeLen(), table.ports.InUse())
		}
		if _, err := table.Create(tuple(9), claiming(token), start); err != ErrReservation {
			t.Errorf("the reservation is still good: %v", err)
		}
		if err := table.Check(); err != nil {
			t.Fatal(err)
		}
		table.Undo(a) // the second time nothing is there to undo
	}
}

// A port that the operating system refused stays out all the same, and a reservation that another allocation has taken
// is its own.
func TestUndoKeepsWhatIsNotItsOwn(t *testing.T) {
	t.Parallel()
	table := newTable(t, 50000, 50001)
	a := mustCreate(t, table, 1, reserving(), start)
	token, _ := table.Token(a)
	b := mustCreate(t, table, 2, claiming(token), start)
	if err := table.Rebind(a, false, start); err != ErrCapacity {
		t.Fatal(err)
	}
	table.Undo(a)
	if b.Relayed(false).Port() != 50001 || table.ports.InUse() != 1 {
		t.Errorf("%v, %d in use", b.Relayed(false), table.ports.InUse())
	}
	if _, err := table.Create(tuple(3), single(), start); err != ErrCapacity {
		t.Errorf("the refused port was given away: %v", err)
	}
	if err := table.Check(); err != nil {
		t.Error(err)
	}
}

// Of a dual allocation the family that could not be opened gives its port back at once.
func TestDropOfWhatWasNotOpened(t *testing.T) {
	t.Parallel()
	table := newTable(t, 50000, 50000)
	a := mustCreate(t, table, 1, dual(), start)
	table.Drop(a, true, 508)
	if q := table.ports.pools[a.relayed[0].place.pool]; q.freeLen() != 0 {
		t.Error("the other family's port is free")
	}
	for _, q := range table.ports.pools {
		if q.family == familyIPv6 && q.freeLen() != 1 {
			t.Errorf("%d free", q.freeLen())
		}
	}
}
