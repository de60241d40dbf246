package allocation

import (
	"net/netip"
	"testing"
)

var alice, bob = [16]byte{'a'}, [16]byte{'b'}

func reserving() Request {
	r := single()
	r.EvenPort, r.ReserveNext, r.Owner = true, true, alice
	return r
}

func claiming(token [8]byte) Request {
	return Request{UseReservation: true, Reservation: token, Owner: alice, Lifetime: 600 * Second}
}

// RFC 8656 §7.2: a reservation is good on any 5-tuple, so on another worker's table too, once.
func TestReservation(t *testing.T) {
	t.Parallel()
	table := newTable(t, 50000, 50009)
	other := NewTable(Config{Worker: 4, Ports: table.ports, Ledger: table.ledger})
	a := mustCreate(t, table, 1, reserving(), start)
	token, ok := table.Token(a)
	if !ok || token == [8]byte{} {
		t.Fatalf("token %x %v", token, ok)
	}
	next := netip.AddrPortFrom(ipv4External, a.Relayed(false).Port()+1)
	if table.ports.InUse() != 2 || table.ports.Live(next) {
		t.Errorf("%d in use, the reserved address is live: %v", table.ports.InUse(), table.ports.Live(next))
	}
	table.Delete(a) // the reservation does not depend on it
	almost := start.add(ReservationHold - 1)
	r := claiming(token)
	r.Owner = bob
	if _, err := other.Create(tuple(2), r, almost); err != ErrReservation {
		t.Errorf("another owner: %v", err)
	}
	b := mustCreate(t, other, 2, claiming(token), almost)
	if b.Relayed(false) != next || b.Has(true) || !table.ports.Live(next) {
		t.Errorf("relayed %v, want %v", b.Relayed(false), next)
	}
	if _, ok := table.Token(b); ok {
		t.Error("the claiming allocation has a token")
	}
	if _, err := table.Create(tuple(3), claiming(token), almost); err != ErrReservation {
		t.Errorf("a second time: %v", err)
	}
	must(t, other.Check())
}

func TestReservationOfIPv6(t *testing.T) {
	t.Parallel()
	table := newTable(t, 50000, 50001)
	r := reserving()
	r.IPv4, r.IPv6 = false, true
	token, _ := table.Token(mustCreate(t, table, 1, r, start))
	if b := mustCreate(t, table, 2, claiming(token), start); b.Relayed(true) != netip.AddrPortFrom(ipv6Relay, 50001) || b.Has(false) {
		t.Errorf("relayed %v", b.Relayed(true))
	}
}

// The server holds a reservation for at least 30 seconds; then the port is free, also where nobody calls Expire.
func TestReservationEnds(t *testing.T) {
	t.Parallel()
	for _, told := range []bool{false, true} {
		table := newTable(t, 50000, 50001)
		token, _ := table.Token(mustCreate(t, table, 1, reserving(), start))
		if _, err := table.Create(tuple(2), single(), start.add(ReservationHold-1)); err != ErrCapacity {
			t.Errorf("the reserved port was given away: %v", err)
		}
		end := start.add(ReservationHold)
		if told {
			table.ports.Expire(end)
			if table.ports.InUse() != 1 {
				t.Errorf("%d ports in use", table.ports.InUse())
			}
		}
		if _, err := table.Create(tuple(2), claiming(token), end); err != ErrReservation {
			t.Errorf("claimed after its end: %v", err)
		}
		if at := mustCreate(t, table, 2, single(), end).Relayed(false); at.Port() != 50001 {
			t.Errorf("%v", at)
		}
	}
}

func TestTokensDiffer(t *testing.T) {
	t.Parallel()
	table := newTable(t, 40000, 50001)
	seen := make(map[[8]byte]bool)
	for n := range 2000 {
		token, _ := table.Token(mustCreate(t, table, n, reserving(), start))
		if seen[token] {
			t.Fatalf("token %x twice", token)
		}
		seen[token] = true
	}
}
