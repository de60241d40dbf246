package allocation

import (
	"encoding/binary"
	"net/netip"
	"testing"
)

var (
	ipv4External = netip.MustParseAddr("192.0.2.1")
	ipv4Bind     = netip.MustParseAddr("10.0.0.4")
	ipv4Other    = netip.MustParseAddr("192.0.2.2")
	ipv6Relay    = netip.MustParseAddr("2001:db8::1")

	peer4 = netip.MustParseAddrPort("203.0.113.7:7000")
	peer6 = netip.MustParseAddrPort("[2001:db8:9::7]:7000")
)

// start is not 0, since a clock that starts anywhere must do.
const start = Time(1000 * Second)

func mustPorts(t testing.TB, addresses []RelayAddress, min, max uint16) *Ports {
	t.Helper()
	p, err := NewPorts(addresses, min, max)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// newTable makes a table with one IPv4 relay address behind a NAT and one IPv6 relay address. Check runs at the test's end.
func newTable(t testing.TB, min, max uint16) *Table {
	t.Helper()
	ports := mustPorts(t, []RelayAddress{{Bind: ipv4Bind, External: ipv4External}, {Bind: ipv6Relay}}, min, max)
	table := NewTable(Config{Worker: 3, Ports: ports, Ledger: NewLedger(0)})
	t.Cleanup(func() {
		if err := table.Check(); err != nil {
			t.Error(err)
		}
	})
	return table
}

// tuple is the nth of as many 5-tuples as wanted.
func tuple(n int) FiveTuple {
	var ip [4]byte
	binary.BigEndian.PutUint32(ip[:], 0xC6120000+uint32(n))
	return FiveTuple{Client: netip.AddrPortFrom(netip.AddrFrom4(ip), 4000), Server: netip.MustParseAddrPort("192.0.2.1:3478"), Transport: UDP}
}

func single() Request { return Request{IPv4: true, Lifetime: 600 * Second} }

func dual() Request { return Request{IPv4: true, IPv6: true, Additional: true, Lifetime: 600 * Second} }

func mustCreate(t testing.TB, table *Table, n int, r Request, now Time) *Allocation {
	t.Helper()
	a, err := table.Create(tuple(n), r, now)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestLookup(t *testing.T) {
	t.Parallel()
	table := newTable(t, 50000, 50009)
	r := dual()
	r.Transaction, r.Owner, r.Key = [12]byte{1, 2}, [16]byte{3}, []byte("a key of sixteen")
	r.Subject, r.Expires = "8:acs:alice", 1234
	a := mustCreate(t, table, 1, r, start)
	mustCreate(t, table, 2, single(), start)
	if table.Lookup(tuple(1)) != a || table.LookupID(a.ID()) != a || table.Len() != 2 {
		t.Error("not found")
	}
	tcp := tuple(1)
	tcp.Transport = TCP
	other := tuple(1)
	other.Server = netip.MustParseAddrPort("192.0.2.1:3479")
	mapped := tuple(1)
	mapped.Client = netip.AddrPortFrom(netip.AddrFrom16(mapped.Client.Addr().As16()), 4000)
	for _, ft := range []FiveTuple{tcp, other, mapped, {}} {
		if table.Lookup(ft) != nil {
			t.Errorf("%v is another 5-tuple and was found", ft)
		}
	}
	for _, ipv6 := range []bool{false, true} {
		if at := a.Relayed(ipv6); table.LookupRelayed(at) != a || !table.ports.Live(at) {
			t.Errorf("not found by %v", at)
		}
		if bound, ok := table.ports.Bound(a.Relayed(ipv6)); !ok || bound != a.Bound(ipv6) {
			t.Errorf("bound %v, want %v", bound, a.Bound(ipv6))
		}
	}
	if a.Relayed(false).Addr() != ipv4External || a.Bound(false).Addr() != ipv4Bind || a.Bound(false).Port() != a.Relayed(false).Port() {
		t.Errorf("relayed %v, bound %v", a.Relayed(false), a.Bound(false))
	}
	for _, at := range []string{"192.0.2.1:9", "192.0.2.77:50000", "[::1]:50000"} {
		if table.LookupRelayed(netip.MustParseAddrPort(at)) != nil {
			t.Errorf("%s is found", at)
		}
	}
	if a.FiveTuple() != tuple(1) || a.Transaction() != r.Transaction || a.Owner() != r.Owner || string(a.Key()) != string(r.Key) ||
		a.Created() != start || a.CredentialExpires() != 1234 || table.Subject(a) != "8:acs:alice" {
		t.Errorf("%+v does not have what it was made with", *a)
	}
	if _, ok := table.Token(a); ok {
		t.Error("has a token")
	}
	a.Traffic().BytesIn += 5
	if table.Lookup(tuple(1)).Traffic().BytesIn != 5 {
		t.Error("traffic is not counted in place")
	}
}

func TestIDOfEndedAllocationFindsNothing(t *testing.T) {
	t.Parallel()
	table := newTable(t, 50000, 50009)
	a := mustCreate(t, table, 1, single(), start)
	id, key := a.ID(), a.Key()
	table.Delete(a)
	table.Delete(a)
	if table.LookupID(id) != nil || table.LookupID(0) != nil || table.LookupID(1<<40) != nil {
		t.Error("found")
	}
	for _, b := range key {
		if b != 0 {
			t.Error("the key stays in memory")
		}
	}
	b := mustCreate(t, table, 1, single(), start)
	if b != a || b.ID() == id || b.ID().Index() != id.Index() || b.ID().Generation() == id.Generation() || table.LookupID(id) != nil {
		t.Errorf("slot is used again with ID %#x after %#x", b.ID(), id)
	}
	if b.ID().Worker() != 3 {
		t.Errorf("worker %d", b.ID().Worker())
	}
	b.generation = 1<<32 - 1
	b.id = makeID(3, b.id.Index(), b.generation)
	table.Delete(b)
	if c := mustCreate(t, table, 1, single(), start); c.ID().Generation() != 1 {
		t.Errorf("generation %d after the last one: an ID of 0 names nothing", c.ID().Generation())
	}
}

func TestIDParts(t *testing.T) {
	t.Parallel()
	id := makeID(MaxWorkers-1, maxAllocations-1, 1<<32-1)
	if id != 1<<64-1 || id.Worker() != 1023 || id.Index() != maxAllocations-1 || id.Generation() != 1<<32-1 {
		t.Errorf("%#x: %d %d %d", id, id.Worker(), id.Index(), id.Generation())
	}
}

func TestAllToleratesDelete(t *testing.T) {
	t.Parallel()
	table := newTable(t, 50000, 50999)
	for n := range 200 {
		mustCreate(t, table, n, single(), start)
	}
	n := 0
	for a := range table.All() {
		table.Delete(a)
		n++
	}
	if n != 200 || table.Len() != 0 {
		t.Errorf("yielded %d, left %d", n, table.Len())
	}
	mustCreate(t, table, 1, single(), start)
	mustCreate(t, table, 2, single(), start)
	for range table.All() {
		n++
		break
	}
	if n != 201 {
		t.Error("goes on after break")
	}
}

func TestNewTableRefusesNonsense(t *testing.T) {
	t.Parallel()
	p := mustPorts(t, []RelayAddress{{Bind: ipv4Other}}, 50000, 50000)
	for name, c := range map[string]Config{
		"worker": {Worker: MaxWorkers, Ports: p, Ledger: NewLedger(0)},
		"below":  {Worker: -1, Ports: p, Ledger: NewLedger(0)},
		"ports":  {Ledger: NewLedger(0)},
		"ledger": {Ports: p},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: accepted", name)
				}
			}()
			NewTable(c)
		}()
	}
}
