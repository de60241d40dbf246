package allocation

import "testing"

func TestQuota(t *testing.T) {
	t.Parallel()
	table := newTable(t, 50000, 50099)
	other := NewTable(Config{Worker: 4, Ports: table.ports, Ledger: table.ledger})
	r := single()
	r.User, r.Subject, r.MaxPerUser = "alice", "alice", 2
	a := mustCreate(t, table, 1, r, start)
	mustCreate(t, other, 1, r, start) // users are counted over all workers
	if _, err := table.Create(tuple(2), r, start); err != ErrQuota {
		t.Errorf("third of two: %v", err)
	}
	r.MaxPerUser = 3 // another class of the same user
	mustCreate(t, table, 2, r, start)
	r.MaxPerUser = 0
	mustCreate(t, table, 3, r, start)
	r.MaxPerUser = 4
	if _, err := table.Create(tuple(4), r, start); err != ErrQuota {
		t.Errorf("fifth of four: %v", err)
	}
	table.Delete(a)
	mustCreate(t, table, 4, r, start)
	r.User, r.MaxPerUser = "", 1
	for n := range 5 {
		mustCreate(t, table, 10+n, r, start) // nobody's are not limited
	}
	if table.ledger.Total() != 9 {
		t.Errorf("total %d", table.ledger.Total())
	}
	must(t, other.Check())
}

func TestTotal(t *testing.T) {
	t.Parallel()
	table := newTable(t, 50000, 50099)
	table.ledger.SetTotal(2)
	a := mustCreate(t, table, 1, dual(), start)
	mustCreate(t, table, 2, single(), start)
	if _, err := table.Create(tuple(3), single(), start); err != ErrTotal {
		t.Errorf("third of two: %v", err)
	}
	table.Drop(a, true, 0) // half an allocation is one
	if _, err := table.Create(tuple(3), single(), start); err != ErrTotal {
		t.Errorf("third of two: %v", err)
	}
	table.ledger.SetTotal(1)
	table.Delete(a)
	if _, err := table.Create(tuple(3), single(), start); err != ErrTotal {
		t.Errorf("second of one: %v", err)
	}
	table.ledger.SetTotal(0)
	mustCreate(t, table, 3, single(), start)
}

// Every way an allocation ends gives its user's place back.
func TestQuotaIsReturnedOnEveryClosePath(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(table *Table, a *Allocation){
		"Delete": func(table *Table, a *Allocation) { table.Delete(a) },
		"Expire": func(table *Table, a *Allocation) { table.Expire(start.add(601*Second), nil) },
		"Refresh to nothing": func(table *Table, a *Allocation) {
			table.Refresh(a, true, true, 0, start)
			table.Expire(start.add(Tick), nil)
		},
		"Drop and Delete": func(table *Table, a *Allocation) {
			table.Drop(a, false, 0)
			table.Delete(a)
		},
		"Drop both and Delete": func(table *Table, a *Allocation) {
			table.Drop(a, false, 0)
			table.Drop(a, true, 0)
			table.Delete(a)
		},
		"Drop and Expire": func(table *Table, a *Allocation) {
			table.Drop(a, true, 0)
			table.Expire(start.add(601*Second), nil)
		},
		"one family after the other": func(table *Table, a *Allocation) {
			table.Refresh(a, false, true, 900*Second, start)
			table.Expire(start.add(601*Second), nil)
			table.Expire(start.add(901*Second), nil)
		},
		"failed Rebind and Delete": func(table *Table, a *Allocation) {
			for table.Rebind(a, false, start) == nil {
			}
			table.Delete(a)
		},
	} {
		table := newTable(t, 50000, 50003)
		r := dual()
		r.User, r.Subject, r.MaxPerUser = "alice", "8:acs:alice", 1
		end(table, mustCreate(t, table, 1, r, start))
		if l := table.ledger; l.Total() != 0 || l.index.len() != 0 || table.ports.InUse() != 0 || table.Next() != 0 {
			t.Errorf("%s: total %d, %d names, %d ports, next %d", name, l.Total(), l.index.len(), table.ports.InUse(), table.Next())
		}
		mustCreate(t, table, 1, r, start.add(1000*Second))
	}
}

func TestNamesAreKeptOnce(t *testing.T) {
	t.Parallel()
	l := NewLedger(0)
	buffer := []byte("alice")
	u1, s1, _ := l.charge(&Request{User: string(buffer), Subject: "alice"})
	u2, s2, _ := l.charge(&Request{User: "alice", Subject: "bob"})
	if u1 != s1 || u1 != u2 || s2 == u2 || l.index.len() != 2 || l.name(u1) != "alice" || l.name(s2) != "bob" || l.name(0) != "" {
		t.Errorf("numbers %d %d %d %d, %d names", u1, s1, u2, s2, l.index.len())
	}
	l.release(u1, s1)
	must(t, l.check())
	if l.name(u2) != "alice" {
		t.Error("a name went that is still used")
	}
	l.release(u2, s2)
	must(t, l.check())
	if u3, _, _ := l.charge(&Request{User: "carol"}); l.name(u3) != "carol" || len(l.entries) != 3 {
		t.Errorf("%d entries", len(l.entries))
	}
}

// A reserved port counts until it is taken, has run out, or is given up.
func TestReservationsCount(t *testing.T) {
	t.Parallel()
	table := newTable(t, 50000, 50099)
	r := single()
	r.User, r.Subject, r.MaxPerUser = "alice", "8:acs:alice", 2
	reserving := r
	reserving.EvenPort, reserving.ReserveNext = true, true
	refused := func(what string, n int, r Request, now Time) {
		t.Helper()
		if _, err := table.Create(tuple(n), r, now); err != ErrQuota {
			t.Errorf("%s: %v, want the quota to be reached", what, err)
		}
		must(t, table.Check())
	}
	one := reserving
	one.MaxPerUser = 1
	refused("an allocation and a reservation of one", 1, one, start)
	a := mustCreate(t, table, 1, reserving, start)
	refused("the third of two", 2, r, start)
	token, _ := table.Token(a)
	table.Delete(a)
	refused("two more beside the reserved one", 2, reserving, start)
	taking := r
	taking.UseReservation = true
	if _, err := table.Create(tuple(2), taking, start); err != ErrReservation {
		t.Errorf("a token that nobody was given: %v", err)
	}
	mustCreate(t, table, 2, r, start)
	refused("an allocation beside the reserved port and another", 3, r, start)
	taking.Reservation = token
	b := mustCreate(t, table, 3, taking, start) // the reserved port becomes an allocation's: no third one
	refused("the third of two", 4, r, start)
	table.Delete(b)
	mustCreate(t, table, 4, r, start)
	must(t, table.Check())
}

// Every way a reservation ends gives its user's place back.
func TestQuotaOfAReservationIsReturned(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(table *Table, a *Allocation) (now Time){
		"its time": func(table *Table, a *Allocation) Time {
			table.Delete(a)
			return start.add(ReservationHold) // which nobody has told the ports
		},
		"its time, seen": func(table *Table, a *Allocation) Time {
			table.ports.Expire(start.add(ReservationHold))
			table.Delete(a)
			return start
		},
		"Undo": func(table *Table, a *Allocation) Time {
			table.Undo(a)
			return start
		},
		"taken": func(table *Table, a *Allocation) Time {
			r := single()
			r.UseReservation, r.Owner, r.User = true, a.Owner(), "alice"
			r.Reservation, _ = table.Token(a)
			b, err := table.Create(tuple(9), r, start)
			if err != nil {
				t.Fatal(err)
			}
			table.Delete(b)
			table.Delete(a)
			return start
		},
		"Rebind and Undo": func(table *Table, a *Allocation) Time {
			if err := table.Rebind(a, false, start); err != nil {
				t.Fatal(err)
			}
			table.Undo(a)
			return start
		},
		"no port": func(table *Table, a *Allocation) Time {
			r := single()
			r.User, r.EvenPort, r.ReserveNext = "alice", true, true
			for n := 1; ; n++ {
				if _, err := table.Create(tuple(n), r, start); err == ErrCapacity {
					break
				} else if err != nil {
					t.Fatal(err)
				}
			}
			for a := range table.All() {
				table.Undo(a)
			}
			return start
		},
	} {
		table := newTable(t, 50000, 50007)
		r := single()
		r.User, r.Subject, r.MaxPerUser, r.EvenPort, r.ReserveNext = "alice", "8:acs:alice", 2, true, true
		now := end(table, mustCreate(t, table, 0, r, start))
		must(t, table.Check())
		if _, err := table.Create(tuple(10), r, now); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		must(t, table.Check())
	}
}
