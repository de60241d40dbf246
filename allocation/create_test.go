package allocation

import (
	"net/netip"
	"testing"
)

// Whatever Create fails by, nothing may be left behind: neither ports nor quota nor a slot.
func TestCreateLeavesNothingBehindOnError(t *testing.T) {
	t.Parallel()
	owner := [16]byte{9}
	for _, tt := range []struct {
		name string
		make func(t *testing.T, table *Table) Request
		want error
	}{
		{"5-tuple in use", func(t *testing.T, table *Table) Request {
			mustCreate(t, table, 0, single(), start)
			return dual()
		}, ErrInUse},
		{"quota of the user", func(t *testing.T, table *Table) Request {
			r := single()
			r.User, r.MaxPerUser = "alice", 1
			mustCreate(t, table, 1, r, start)
			return r
		}, ErrQuota},
		{"total", func(t *testing.T, table *Table) Request {
			mustCreate(t, table, 1, single(), start)
			table.ledger.SetTotal(1)
			return single()
		}, ErrTotal},
		{"no port", func(t *testing.T, table *Table) Request {
			for n := range 4 {
				mustCreate(t, table, n+1, single(), start)
			}
			return single()
		}, ErrCapacity},
		{"no even port", func(t *testing.T, table *Table) Request {
			r := single()
			r.EvenPort = true
			mustCreate(t, table, 1, r, start)
			mustCreate(t, table, 2, r, start)
			return r
		}, ErrCapacity},
		{"no pair", func(t *testing.T, table *Table) Request {
			r := single()
			r.EvenPort = true
			mustCreate(t, table, 1, r, start)
			mustCreate(t, table, 2, r, start)
			r.ReserveNext = true
			return r
		}, ErrCapacity},
		{"one of two families without Additional", func(t *testing.T, table *Table) Request {
			r := single()
			r.IPv4, r.IPv6 = false, true
			for n := range 4 {
				mustCreate(t, table, n+1, r, start)
			}
			r.IPv4 = true
			return r
		}, ErrCapacity},
		{"neither family", func(t *testing.T, table *Table) Request {
			for n := range 4 {
				mustCreate(t, table, n+1, dual(), start)
			}
			return dual()
		}, ErrCapacity},
		{"no family asked for", func(t *testing.T, table *Table) Request { return Request{} }, ErrFamily},
		{"unknown token", func(t *testing.T, table *Table) Request {
			return Request{UseReservation: true, Reservation: [8]byte{1}}
		}, ErrReservation},
		{"another owner's token", func(t *testing.T, table *Table) Request {
			r := single()
			r.Owner, r.ReserveNext = owner, true
			token, _ := table.Token(mustCreate(t, table, 1, r, start))
			return Request{UseReservation: true, Reservation: token, Owner: [16]byte{8}}
		}, ErrReservation},
		{"own token and quota reached", func(t *testing.T, table *Table) Request {
			r := single()
			r.Owner, r.ReserveNext, r.User, r.MaxPerUser = owner, true, "alice", 2
			token, _ := table.Token(mustCreate(t, table, 1, r, start))
			return Request{UseReservation: true, Reservation: token, Owner: owner, User: "alice", MaxPerUser: 1}
		}, ErrQuota},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			table := newTable(t, 50000, 50003)
			r := tt.make(t, table)
			r.Subject = "nobody else's"
			inUse, total, names, next := table.ports.InUse(), table.ledger.Total(), table.ledger.index.len(), table.Next()
			if a, err := table.Create(tuple(0), r, start); err != tt.want || a != nil {
				t.Fatalf("%v, want %v", err, tt.want)
			}
			if table.ports.InUse() != inUse || table.ledger.Total() != total || table.ledger.index.len() != names || table.Next() != next {
				t.Errorf("in use %d → %d, total %d → %d, names %d → %d", inUse, table.ports.InUse(), total, table.ledger.Total(), names, table.ledger.index.len())
			}
			if free := table.ports.pools[0].coolingLen + table.ports.pools[1].coolingLen; free != 0 {
				t.Errorf("%d ports cool that nobody used", free)
			}
		})
	}
}

func TestFamilies(t *testing.T) {
	t.Parallel()
	only := func(a netip.Addr) *Table {
		return NewTable(Config{Ports: mustPorts(t, []RelayAddress{{Bind: a}}, 50000, 50001), Ledger: NewLedger(0)})
	}
	for _, ipv6 := range []bool{false, true} {
		table := only([]netip.Addr{ipv4Other, ipv6Relay}[index(ipv6)])
		if table.ports.Serves(!ipv6) || !table.ports.Serves(ipv6) {
			t.Error("serves another family")
		}
		// RFC 8656 §7.2: a family that is not supported is 440.
		if _, err := table.Create(tuple(0), Request{IPv4: ipv6, IPv6: !ipv6}, start); err != ErrFamily {
			t.Errorf("only the family that is not served: %v", err)
		}
		if _, err := table.Create(tuple(0), Request{IPv4: true, IPv6: true}, start); err != ErrFamily {
			t.Errorf("both families and no less: %v", err)
		}
		a := mustCreate(t, table, 0, dual(), start)
		if missing, code, ok := a.FamilyError(); a.Has(!ipv6) || !a.Has(ipv6) || !ok || code != 440 || missing == ipv6 {
			t.Errorf("has %v %v, family error %v %d %v", a.Has(false), a.Has(true), missing, code, ok)
		}
		must(t, table.Check())
	}
}

// RFC 8656 §7.2: with ADDITIONAL-ADDRESS-FAMILY, one family without a port is told by ADDRESS-ERROR-CODE 508.
func TestAdditionalFamilyWithoutPort(t *testing.T) {
	t.Parallel()
	for _, ipv6 := range []bool{false, true} {
		table := newTable(t, 50000, 50000)
		mustCreate(t, table, 1, Request{IPv4: !ipv6, IPv6: ipv6, Lifetime: Second}, start)
		a := mustCreate(t, table, 0, dual(), start)
		if missing, code, ok := a.FamilyError(); a.Has(ipv6) || !a.Has(!ipv6) || missing != ipv6 || code != 508 || !ok {
			t.Errorf("has %v %v, family error %v %d %v", a.Has(false), a.Has(true), missing, code, ok)
		}
		if a.Relayed(ipv6).IsValid() || a.Bound(ipv6).IsValid() || a.Expires(ipv6) != 0 {
			t.Error("the missing family has an address")
		}
	}
}

func TestKeyTooLong(t *testing.T) {
	t.Parallel()
	table := newTable(t, 50000, 50000)
	r := single()
	r.Key = make([]byte, 33)
	defer func() {
		if recover() == nil || table.ledger.Total() != 0 || table.ports.InUse() != 0 {
			t.Error("a key was cut silently, or something is left behind")
		}
	}()
	table.Create(tuple(0), r, start)
}

func TestKeyIsCopied(t *testing.T) {
	t.Parallel()
	table := newTable(t, 50000, 50000)
	r := single()
	r.Key = []byte("a key of sixteen")
	a := mustCreate(t, table, 0, r, start)
	r.Key[0] = 'x'
	if string(a.Key()) != "a key of sixteen" || cap(a.Key()) != 16 {
		t.Errorf("key %q, capacity %d", a.Key(), cap(a.Key()))
	}
}

func TestSlotsRunOut(t *testing.T) {
	t.Parallel()
	table := newTable(t, 50000, 50000)
	full := slab[Allocation]{used: maxAllocations}
	whole := table.allocations
	table.allocations = full
	_, err := table.Create(tuple(0), single(), start)
	table.allocations = whole
	if err != ErrCapacity || table.ledger.Total() != 0 || table.ports.InUse() != 0 {
		t.Errorf("%v, %d charged, %d ports", err, table.ledger.Total(), table.ports.InUse())
	}
}
