package allocation

import "testing"

// RFC 8016 §3.2.2: both 5-tuples lead to the allocation until the move ends.
func TestMove(t *testing.T) {
	t.Parallel()
	table := newTable(t, 50000, 50009)
	a := mustCreate(t, table, 1, single(), start)
	mustCreate(t, table, 2, single(), start)
	for _, n := range []int{1, 2} {
		if err := table.BeginMove(a, tuple(n)); err != ErrInUse {
			t.Errorf("move to a 5-tuple in use: %v", err)
		}
	}
	must(t, table.BeginMove(a, tuple(3)))
	must(t, table.BeginMove(a, tuple(4)))
	if table.Lookup(tuple(1)) != a || table.Lookup(tuple(3)) != nil || table.Lookup(tuple(4)) != a || !a.Moving() || table.MovesTo(a) != tuple(4) || a.FiveTuple() != tuple(1) {
		t.Error("the second move does not replace the first")
	}
	table.CancelMove(a)
	if table.Lookup(tuple(4)) != nil || a.Moving() {
		t.Error("a cancelled move goes on")
	}
	must(t, table.BeginMove(a, tuple(4)))
	table.EndMove(a)
	table.EndMove(a) // nothing to end
	if table.Lookup(tuple(1)) != nil || table.Lookup(tuple(4)) != a || a.Moving() || a.FiveTuple() != tuple(4) || table.MovesTo(a) != (FiveTuple{}) {
		t.Error("the move did not end")
	}
	must(t, table.BeginMove(a, tuple(5)))
	table.Delete(a)
	if table.Lookup(tuple(4)) != nil || table.Lookup(tuple(5)) != nil {
		t.Error("a 5-tuple survives its allocation")
	}
}

// An allocation whose connection has ended is found by no 5-tuple, and comes back by any, the old one too.
func TestDetach(t *testing.T) {
	t.Parallel()
	table := newTable(t, 50000, 50009)
	a := mustCreate(t, table, 1, single(), start)
	table.Detach(a)
	if table.Lookup(tuple(1)) != nil || !a.Detached() || a.FiveTuple() != tuple(1) {
		t.Error("found by the 5-tuple of a connection that has ended")
	}
	b := mustCreate(t, table, 1, single(), start)
	if err := table.BeginMove(a, tuple(1)); err != ErrInUse {
		t.Errorf("back on a 5-tuple that is another's now: %v", err)
	}
	table.Delete(b)
	must(t, table.BeginMove(a, tuple(1)))
	table.EndMove(a)
	if table.Lookup(tuple(1)) != a || a.Detached() {
		t.Error("not back")
	}
}

func TestRekey(t *testing.T) {
	t.Parallel()
	table := newTable(t, 50000, 50009)
	r := single()
	r.Key = []byte("a key of thirty-two bytes, so it")
	a := mustCreate(t, table, 1, r, start)
	a.Rekey([16]byte{7}, []byte("short"), 99)
	if string(a.Key()) != "short" || a.Owner() != [16]byte{7} || a.CredentialExpires() != 99 || a.key[5] != 0 {
		t.Errorf("key %q, owner %v, expires %d", a.Key(), a.Owner(), a.CredentialExpires())
	}
	defer func() {
		if recover() == nil {
			t.Error("a key of 33 bytes is taken")
		}
	}()
	a.Rekey([16]byte{}, make([]byte, 33), 0)
}
