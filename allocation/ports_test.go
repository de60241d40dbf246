package allocation

import (
	"math"
	"net/netip"
	"strings"
	"testing"
)

func TestNewPortsRefusesNonsense(t *testing.T) {
	t.Parallel()
	a := netip.MustParseAddr
	for _, tt := range []struct {
		name      string
		addresses []RelayAddress
		min, max  uint16
		want      string
	}{
		{"port 0", []RelayAddress{{Bind: ipv4Other}}, 0, 9, "not a range"},
		{"backwards", []RelayAddress{{Bind: ipv4Other}}, 10, 9, "not a range"},
		{"none", nil, 1, 9, "no relay address"},
		{"missing", []RelayAddress{{}}, 1, 9, "missing"},
		{"twice", []RelayAddress{{Bind: ipv4Other}, {Bind: ipv4Other}}, 1, 9, "twice"},
		{"external twice", []RelayAddress{{Bind: a("10.0.0.1"), External: ipv4Other}, {Bind: a("10.0.0.2"), External: ipv4Other}}, 1, 9, "twice"},
		{"external is another's bound", []RelayAddress{{Bind: ipv4Other}, {Bind: a("10.0.0.2"), External: ipv4Other}}, 1, 9, "twice"},
		{"wildcard twice", []RelayAddress{{Bind: a("0.0.0.0"), External: a("192.0.2.7")}, {Bind: a("0.0.0.0"), External: a("192.0.2.8")}}, 1, 9, "twice"},
		{"wildcard alone", []RelayAddress{{Bind: a("0.0.0.0")}}, 1, 9, "needs an external"},
		{"mixed", []RelayAddress{{Bind: ipv4Other, External: ipv6Relay}}, 1, 9, "family"},
		{"mapped", []RelayAddress{{Bind: a("::ffff:192.0.2.1")}}, 1, 9, "mapped into IPv6"},
		{"zone", []RelayAddress{{Bind: a("fe80::1%eth0")}}, 1, 9, "zone"},
		{"many", make([]RelayAddress, 1<<15+1), 1, 9, "32,768"},
	} {
		if p, err := NewPorts(tt.addresses, tt.min, tt.max); err == nil || p != nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func TestWildcardBind(t *testing.T) {
	t.Parallel()
	p := mustPorts(t, []RelayAddress{{Bind: netip.IPv4Unspecified(), External: ipv4External}}, 50000, 50000)
	table := NewTable(Config{Ports: p, Ledger: NewLedger(0)})
	a := mustCreate(t, table, 1, single(), start)
	if a.Relayed(false).Addr() != ipv4External || a.Bound(false).Addr() != netip.IPv4Unspecified() {
		t.Errorf("relayed %v, bound %v", a.Relayed(false), a.Bound(false))
	}
	if p.Live(a.Bound(false)) || !p.Live(a.Relayed(false)) {
		t.Error("the wildcard is no address that anyone sends to")
	}
}

// Every port of a range is handed out once before any is twice, whatever the range.
func TestRanges(t *testing.T) {
	t.Parallel()
	for _, r := range [][2]uint16{{1, 1}, {2, 2}, {1, 2}, {49999, 50010}, {50000, 50063}, {65535, 65535}, {65534, 65535}, {65471, 65535}, {1, 200}} {
		p := mustPorts(t, []RelayAddress{{Bind: ipv4Other}}, r[0], r[1])
		table := NewTable(Config{Ports: p, Ledger: NewLedger(0)})
		size := int(r[1]) - int(r[0]) + 1
		seen := make(map[uint16]bool)
		for n := range size {
			port := mustCreate(t, table, n, single(), start).Relayed(false).Port()
			if seen[port] || port < r[0] || port > r[1] {
				t.Fatalf("%d-%d: port %d", r[0], r[1], port)
			}
			seen[port] = true
		}
		if p.Size() != size || p.InUse() != size {
			t.Errorf("%d-%d: size %d, in use %d", r[0], r[1], p.Size(), p.InUse())
		}
		if _, err := table.Create(tuple(size), single(), start); err != ErrCapacity {
			t.Errorf("%d-%d: %v", r[0], r[1], err)
		}
		must(t, table.Check())
		for a := range table.All() {
			table.Delete(a)
		}
		must(t, table.Check())
	}
}

func TestPairsAtTheEdges(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		min, max    uint16
		evens, pair int
	}{
		{1, 1, 0, 0}, {2, 2, 1, 0}, {1, 2, 1, 0}, {2, 3, 1, 1}, {3, 4, 1, 0}, {3, 6, 2, 1}, {65534, 65535, 1, 1}, {65533, 65535, 1, 1}, {50063, 50064, 1, 0}, {50001, 50200, 100, 99},
	} {
		for _, reserve := range []bool{false, true} {
			table := NewTable(Config{Ports: mustPorts(t, []RelayAddress{{Bind: ipv4Other}}, tt.min, tt.max), Ledger: NewLedger(0)})
			r := single()
			r.EvenPort, r.ReserveNext = true, reserve
			n := 0
			for ; ; n++ {
				a, err := table.Create(tuple(n), r, start)
				if err != nil {
					break
				}
				if a.Relayed(false).Port()%2 != 0 {
					t.Errorf("%d-%d: odd port %d", tt.min, tt.max, a.Relayed(false).Port())
				}
				if _, ok := table.Token(a); ok != reserve {
					t.Errorf("token: %v", ok)
				}
			}
			if want := [2]int{tt.evens, tt.pair}[index(reserve)]; n != want {
				t.Errorf("%d-%d, reserve %v: %d allocations, want %d", tt.min, tt.max, reserve, n, want)
			}
			must(t, table.Check())
		}
	}
}

// RFC 6056 wants ports that cannot be foretold. Among 8 free ports each comes equally often: chi-squared with 7 degrees
// of freedom is above 40 once in a million runs.
func TestPortsAreUniform(t *testing.T) {
	t.Parallel()
	for name, n := range map[string]need{"any": {family: familyIPv4}, "even": {family: familyIPv4, even: true}, "pair": {family: familyIPv4, even: true, pair: true}} {
		p := mustPorts(t, []RelayAddress{{Bind: ipv4Other}}, 50001, 50016)
		q := p.pools[0]
		for number := range uint16(8) {
			if name == "any" {
				q.hold(50001 + number)
			}
		}
		count := make(map[uint16]int)
		const rounds = 8000
		for range rounds {
			number, ok := q.choose(n, false, &p.entropy)
			if !ok {
				t.Fatal("no port")
			}
			count[number]++
		}
		wantPorts := map[string]int{"any": 8, "even": 8, "pair": 7}[name]
		expected, chi := rounds/float64(wantPorts), 0.0
		for _, c := range count {
			chi += math.Pow(float64(c)-expected, 2) / expected
		}
		if len(count) != wantPorts || chi > 40 {
			t.Errorf("%s: %d ports, chi-squared %.1f: %v", name, len(count), chi, count)
		}
	}
}

// EVEN-PORT finds the last pair also where random tries miss it.
func TestLastPairIsFound(t *testing.T) {
	t.Parallel()
	for range 50 {
		p := mustPorts(t, []RelayAddress{{Bind: ipv4Other}}, 40000, 49999)
		q := p.pools[0]
		for number := uint16(40001); number < 50000; number += 2 {
			if number != 44445 {
				q.hold(number)
			}
		}
		if number, ok := q.choose(need{pair: true}, false, &p.entropy); !ok || number != 44444 {
			t.Fatalf("%d %v", number, ok)
		}
	}
}

// A port that was used is not handed out again while there are others, for PortCooldown.
func TestCooldown(t *testing.T) {
	t.Parallel()
	table := newTable(t, 50000, 50003)
	a := mustCreate(t, table, 0, single(), start)
	used := a.Relayed(false).Port()
	table.Delete(a)
	// Delete does not know the time. The pool is told 100 seconds later, and counts from there.
	now := start.add(100 * Second)
	for n := range 3 {
		if at := mustCreate(t, table, n+1, single(), now).Relayed(false); at.Port() == used {
			t.Fatalf("%v is handed out again at once", at)
		}
	}
	table.ports.Expire(now.add(PortCooldown - 1))
	if q := table.ports.pools[0]; q.freeLen() != 0 {
		t.Error("free too early")
	}
	table.ports.Expire(now.add(PortCooldown))
	if q := table.ports.pools[0]; q.freeLen() != 1 {
		t.Error("not free after the cool-down")
	}
}

// Where nothing else is free, the port that has cooled for longest is taken.
func TestOldestCoolingPortIsTheFallback(t *testing.T) {
	t.Parallel()
	table := newTable(t, 50000, 50007)
	var all []*Allocation
	for n := range 8 {
		all = append(all, mustCreate(t, table, n, single(), start))
	}
	var order []uint16
	now := start
	for _, i := range []int{3, 1, 4, 0, 5, 2, 7, 6} {
		order = append(order, all[i].Relayed(false).Port())
		table.Delete(all[i])
		now = now.add(Second)
		table.ports.Expire(now)
	}
	even := single()
	even.EvenPort = true
	want := uint16(0)
	for _, port := range order {
		if port%2 == 0 {
			want = port
			break
		}
	}
	if got := mustCreate(t, table, 20, even, now).Relayed(false).Port(); got != want {
		t.Errorf("even port %d, want %d", got, want)
	}
	for n, port := range order {
		if port == want {
			continue
		}
		if got := mustCreate(t, table, n, single(), now).Relayed(false).Port(); got != port {
			t.Errorf("port %d, want %d", got, port)
		}
	}
}

func TestPairFromCoolingPorts(t *testing.T) {
	t.Parallel()
	table := newTable(t, 50001, 50005)
	for n := range 5 {
		mustCreate(t, table, n, single(), start)
	}
	for n := range 5 {
		table.Delete(table.Lookup(tuple(n)))
	}
	r := single()
	r.ReserveNext = true
	for n := range 2 {
		mustCreate(t, table, n, r, start)
	}
	if _, err := table.Create(tuple(9), r, start); err != ErrCapacity {
		t.Errorf("a third pair of 50001 to 50005: %v", err)
	}
}

func TestPrefer(t *testing.T) {
	t.Parallel()
	third := netip.MustParseAddr("192.0.2.3")
	p := mustPorts(t, []RelayAddress{{Bind: ipv4Bind, External: ipv4External}, {Bind: ipv4Other}, {Bind: third}, {Bind: ipv6Relay}}, 50000, 50003)
	table := NewTable(Config{Ports: p, Ledger: NewLedger(0)})
	n := 0
	create := func(prefer netip.Addr) netip.Addr {
		r := single()
		r.Prefer = prefer
		n++
		return mustCreate(t, table, n, r, start).Relayed(false).Addr()
	}
	for _, prefer := range []netip.Addr{ipv4External, ipv4Bind, ipv4External} {
		if got := create(prefer); got != ipv4External {
			t.Errorf("prefer %v: %v", prefer, got)
		}
	}
	for range 3 {
		create(ipv4Other)
	}
	// One port is left of the first two, four of the third: without a wish, it is the one with most.
	for _, prefer := range []netip.Addr{{}, netip.MustParseAddr("198.51.100.1"), ipv6Relay} {
		if got := create(prefer); got != third {
			t.Errorf("prefer %v: %v", prefer, got)
		}
	}
	create(ipv4External)
	if got := create(ipv4External); got == ipv4External {
		t.Error("the preferred address has no port left")
	}
	// A free port elsewhere comes before a cooling one of the preferred address.
	for a := range table.All() {
		if a.Relayed(false).Addr() == ipv4External {
			table.Delete(a)
		}
	}
	if got := create(ipv4External); got == ipv4External {
		t.Error("a cooling port is taken while another is free")
	}
	if got := create(ipv4External); got != ipv4External {
		t.Errorf("nothing else is free: %v", got)
	}
}

func TestBoundAndLive(t *testing.T) {
	t.Parallel()
	table := newTable(t, 50000, 50009)
	for at, want := range map[string]string{
		"192.0.2.1:50003":        "10.0.0.4:50003",
		"10.0.0.4:50003":         "10.0.0.4:50003",
		"[2001:db8::1]:50009":    "[2001:db8::1]:50009",
		"192.0.2.1:49999":        "",
		"192.0.2.1:50010":        "",
		"192.0.2.9:50003":        "",
		"[::ffff:10.0.0.4]:5000": "",
	} {
		got, ok := table.ports.Bound(netip.MustParseAddrPort(at))
		if ok != (want != "") || ok && got.String() != want {
			t.Errorf("%s: %v %v", at, got, ok)
		}
		if table.ports.Live(netip.MustParseAddrPort(at)) {
			t.Errorf("%s is live", at)
		}
	}
	if _, ok := table.ports.Bound(netip.AddrPort{}); ok || table.ports.Live(netip.AddrPort{}) {
		t.Error("nothing is ours")
	}
	a := mustCreate(t, table, 1, single(), start)
	if !table.ports.Live(a.Relayed(false)) || !table.ports.Live(a.Bound(false)) {
		t.Error("not live")
	}
	table.Delete(a)
	if table.ports.Live(netip.AddrPortFrom(ipv4External, 50000)) {
		t.Error("live after Delete")
	}
}
