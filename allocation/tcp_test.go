package allocation

import (
	"net/netip"
	"testing"
)

func tcpOf(r Request) Request {
	r.TCP = true
	return r
}

// UDP and TCP ports are separate number spaces: each transport has every port once.
func TestTCPPortsAreApart(t *testing.T) {
	t.Parallel()
	const size = 4
	p := mustPorts(t, []RelayAddress{{Bind: ipv4Other}}, 50000, 50000+size-1)
	p.ServeTCP()
	table := NewTable(Config{Ports: p, Ledger: NewLedger(0)})
	seen := map[uint16]int{}
	for n := range 2 * size {
		r := single()
		r.TCP = n%2 == 1
		a := mustCreate(t, table, n, r, start)
		at := a.Relayed(false)
		seen[at.Port()]++
		if a.TCP() != r.TCP || !r.TCP && !p.Live(at) || r.TCP && !p.LiveTCP(at) {
			t.Errorf("allocation %d at %v: TCP %v, live %v, live by TCP %v", n, at, a.TCP(), p.Live(at), p.LiveTCP(at))
		}
		if found := table.LookupRelayed(at); r.TCP && found == a || !r.TCP && found != a {
			t.Errorf("allocation %d: LookupRelayed finds %v", n, found)
		}
	}
	for port, n := range seen {
		if n != 2 {
			t.Errorf("port %d is given %d times, want once by each transport", port, n)
		}
	}
	if p.Size() != size || p.SizeTCP() != size || p.InUse() != size || p.InUseTCP() != size {
		t.Errorf("sizes %d and %d, in use %d and %d", p.Size(), p.SizeTCP(), p.InUse(), p.InUseTCP())
	}
	if _, err := table.Create(tuple(9), tcpOf(single()), start); err != ErrCapacity {
		t.Errorf("one more: %v", err)
	}
	must(t, table.Check())
	for a := range table.All() {
		table.Delete(a)
	}
	if p.InUse() != 0 || p.InUseTCP() != 0 {
		t.Errorf("%d and %d ports are left behind", p.InUse(), p.InUseTCP())
	}
	must(t, table.Check())
}

// A TCP allocation takes its port of the preferred address, and another TCP port when the first one is refused.
func TestTCPPrefersAndRebinds(t *testing.T) {
	t.Parallel()
	p := mustPorts(t, []RelayAddress{{Bind: netip.MustParseAddr("192.0.2.7")}, {Bind: ipv4Other}}, 50000, 50001)
	p.ServeTCP()
	table := NewTable(Config{Ports: p, Ledger: NewLedger(0)})
	r := tcpOf(single())
	r.Prefer = ipv4Other
	a := mustCreate(t, table, 1, r, start)
	first := a.Relayed(false)
	if first.Addr() != ipv4Other {
		t.Errorf("%v, want it of %v", first, ipv4Other)
	}
	must(t, table.Rebind(a, false, start))
	if again := a.Relayed(false); again == first || p.LiveTCP(first) || !p.LiveTCP(again) || p.InUse() != 0 {
		t.Errorf("%v after %v: live %v and %v, %d UDP ports", again, first, p.LiveTCP(again), p.LiveTCP(first), p.InUse())
	}
	must(t, table.Check())
}

// Without ServeTCP there is nothing to be had, and nothing is live.
func TestNoTCPPorts(t *testing.T) {
	t.Parallel()
	p := mustPorts(t, []RelayAddress{{Bind: ipv4Other}}, 50000, 50001)
	table := NewTable(Config{Ports: p, Ledger: NewLedger(0)})
	if _, err := table.Create(tuple(1), tcpOf(single()), start); err != ErrCapacity || p.SizeTCP() != 0 {
		t.Errorf("%v, size %d", err, p.SizeTCP())
	}
	both := tcpOf(single())
	both.IPv6, both.Additional = true, true
	if _, err := table.Create(tuple(1), both, start); err != ErrCapacity {
		t.Errorf("both families: %v", err)
	}
	a := mustCreate(t, table, 1, single(), start)
	if p.LiveTCP(a.Relayed(false)) {
		t.Error("a UDP allocation's address is live by TCP")
	}
	must(t, table.Check())
}
