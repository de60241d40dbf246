package allocation

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
)

// A driver turns bytes into operations on a table and its model. When the bytes run out, all zeros follow.
type driver struct {
	t     testing.TB
	bytes []byte
	table *Table    // the one of the present operation
	all   [2]*Table // of two workers, which share ports and ledger
	model *model
	total int
	now   Time
	log   []string
}

var (
	modelTuples = tuples(6)
	modelPeers  = []netip.Addr{
		netip.MustParseAddr("203.0.113.1"), netip.MustParseAddr("203.0.113.2"), netip.MustParseAddr("203.0.113.3"),
		netip.MustParseAddr("2001:db8:9::1"), netip.MustParseAddr("2001:db8:9::2"), netip.MustParseAddr("::ffff:203.0.113.1"),
	}
	modelSteps = []Duration{0, 1, 5e6, Tick, Second, 29 * Second, 30 * Second, 59 * Second, 61 * Second, 150 * Second, 299 * Second, 300 * Second, 601 * Second, 86400 * Second, 40 * 86400 * Second}
)

func tuples(n int) (all []FiveTuple) {
	for i := range n {
		all = append(all, FiveTuple{
			Client:    netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 51, 100, byte(i / 2)}), uint16(1000+i%2)),
			Server:    netip.MustParseAddrPort("192.0.2.1:3478"),
			Transport: [...]Transport{UDP, TCP}[i%3%2],
		})
	}
	return all
}

func newDriver(t testing.TB, bytes []byte) *driver {
	d := &driver{t: t, bytes: bytes}
	addresses := []RelayAddress{
		{Bind: netip.MustParseAddr("10.0.0.4"), External: netip.MustParseAddr("192.0.2.1")},
		{Bind: netip.MustParseAddr("192.0.2.2")},
		{Bind: netip.MustParseAddr("2001:db8::1")},
	}
	switch d.below(4) { // servers of one family
	case 0:
		addresses = addresses[:2]
	case 1:
		addresses = addresses[2:]
	}
	min := uint16(50000 + d.below(2))
	ports, err := NewPorts(addresses, min, min+uint16(d.below(6)))
	if err != nil {
		t.Fatal(err)
	}
	ports.ServeTCP()
	seed := [32]byte{byte(d.below(256))}
	ports.entropy.read = rand.NewChaCha8(seed).Read
	d.total = d.below(8)
	d.now = []Time{1, -3600e9, 86400e9 * 365}[d.below(3)]
	ledger := NewLedger(d.total)
	for i := range d.all {
		d.all[i] = NewTable(Config{Worker: 5 + i, Ports: ports, Ledger: ledger, MaxPermissions: 3, MaxChannels: 2})
	}
	d.table = d.all[0]
	d.model = &model{ports: ports, allocations: make(map[FiveTuple]*modelAllocation), reservations: make(map[[8]byte]modelReservation), refused: make(map[modelPort]Time)}
	return d
}

func (d *driver) below(n int) int {
	var b [2]byte
	d.bytes = d.bytes[copy(b[:], d.bytes):]
	return int(binary.LittleEndian.Uint16(b[:])) % n
}

func (d *driver) failf(format string, args ...any) {
	d.t.Helper()
	for _, line := range d.log[max(0, len(d.log)-60):] {
		d.t.Log(line)
	}
	d.t.Fatalf(format, args...)
}

// step does one operation and compares.
func (d *driver) step() {
	d.t.Helper()
	ft := modelTuples[d.below(len(modelTuples))]
	ft, m := d.model.find(ft)
	if m == nil {
		m = d.model.allocations[ft] // nil too, or detached
	}
	which := d.below(2)
	if m != nil {
		which = m.table
	}
	d.table = d.all[which]
	a := d.table.Lookup(ft)
	if m != nil && m.detached {
		a = d.table.LookupID(m.id)
	}
	if (a == nil) != (m == nil) {
		d.failf("%v: table has %v, model %v", ft, a, m)
	}
	switch op := d.below(14); {
	case op == 0 && m != nil && !m.detached:
		d.create(ft, which)
	case op == 2:
		d.advance()
	case op == 3:
		d.expire()
	case m == nil:
		d.create(ft, which)
	case op == 12:
		d.move(ft, a, m)
	case op == 13:
		d.handOver(ft, a, m)
	case op == 4:
		d.delete(ft, a)
	case op == 5:
		d.refresh(a, m)
	case op == 6:
		d.drop(ft, a, m)
	case op == 7:
		d.rebind(a, m)
	case op == 8:
		d.canPermit(a, m)
	case op == 9:
		d.permit(a, m)
	default:
		d.bind(a, m)
	}
	d.compare()
}

func (d *driver) create(ft FiveTuple, which int) {
	r := Request{
		Owner: [16]byte{byte(d.below(2))}, Key: []byte("0123456789abcdef"), User: []string{"", "alice", "bob"}[d.below(3)], MaxPerUser: d.below(4),
		IPv4: d.below(3) != 0, IPv6: d.below(2) == 0, Additional: d.below(2) == 0, EvenPort: d.below(3) == 0,
		Lifetime: Duration(d.below(3)) * 300 * Second, Prefer: netip.MustParseAddr("192.0.2.2"),
	}
	r.Subject = r.User + "+"
	if d.below(4) == 0 {
		r.TCP, r.EvenPort = true, false
	}
	r.ReserveNext = r.EvenPort && d.below(2) == 0 && !(r.IPv4 && r.IPv6)
	if d.below(3) == 0 && !r.EvenPort && !r.TCP {
		r.UseReservation = true
		for _, token := range slices.SortedFunc(maps.Keys(d.model.reservations), func(a, b [8]byte) int { return slices.Compare(a[:], b[:]) }) {
			if r.Reservation = token; d.below(2) == 0 {
				break
			}
		}
	}
	missing, want := d.model.create(ft, &r, d.total, d.now)
	a, err := d.table.Create(ft, r, d.now)
	d.log = append(d.log, fmt.Sprintf("%d create %v %+v: %v", d.now, ft, r, err))
	if err != want {
		d.failf("create: %v, want %v", err, want)
	}
	if err != nil {
		return
	}
	m := &modelAllocation{Request: r, id: a.ID(), table: which, permissions: make(map[netip.Addr]modelPermission), channels: make(map[ChannelNumber]modelChannel)}
	if r.UseReservation {
		at := d.model.reservations[r.Reservation].at
		delete(d.model.reservations, r.Reservation)
		missing = [2]bool{at.Addr().Is6(), at.Addr().Is4()}
		m.IPv4, m.IPv6 = at.Addr().Is4(), at.Addr().Is6()
	}
	for i, wanted := range [2]bool{m.IPv4, m.IPv6} {
		if wanted && !missing[i] {
			d.adopt(a, m, i)
			m.expires[i] = d.now.add(r.Lifetime)
		}
		if ipv6, _, ok := a.FamilyError(); ok != (r.Additional && missing != [2]bool{} && !r.UseReservation) || ok && missing[i] && ipv6 != (i == 1) {
			d.failf("family error: %v %v, missing %v", ipv6, ok, missing)
		}
	}
	d.model.allocations[ft] = m
	d.reserved(a, m)
}

// adopt takes over the relayed address that the table has chosen, if it was free to choose it.
func (d *driver) adopt(a *Allocation, m *modelAllocation, i int) {
	at := a.Relayed(i == 1)
	if d.model.taken(at, m.TCP, d.now) || (m.EvenPort && at.Port()%2 != 0) || at.Addr().Is6() != (i == 1) {
		d.failf("relayed address %v is not to be had", at)
	}
	m.relayed[i] = at
}

func (d *driver) reserved(a *Allocation, m *modelAllocation) {
	token, ok := d.table.Token(a)
	if ok != m.ReserveNext {
		d.failf("token: %v", ok)
	}
	if ok {
		at := m.relayed[index(m.IPv6)]
		next := netip.AddrPortFrom(at.Addr(), at.Port()+1)
		if d.model.taken(next, false, d.now) {
			d.failf("reserved address %v is not to be had", next)
		}
		d.model.reservations[token] = modelReservation{m.Owner, m.User, next, d.now.add(ReservationHold)}
	}
}

// advance lets time pass. The pool is told the time first: what was released cools from then on.
func (d *driver) advance() {
	d.table.ports.Expire(d.now)
	d.now = d.now.add(modelSteps[d.below(len(modelSteps))])
	d.log = append(d.log, fmt.Sprintf("%d now", d.now))
}

func (d *driver) expire() {
	for _, d.table = range d.all {
		d.expireTable()
	}
	for ft, m := range d.model.allocations {
		for i, at := range m.relayed {
			if at.IsValid() && m.expires[i].add(Tick) <= d.now {
				d.failf("%v: family %d has not ended", ft, i)
			}
		}
	}
}

func (d *driver) expireTable() {
	d.log = append(d.log, fmt.Sprintf("%d expire", d.now))
	next := d.table.Next()
	d.table.Expire(d.now, func(a *Allocation, ipv4, ipv6 bool) {
		m := d.model.allocations[a.FiveTuple()]
		d.log = append(d.log, fmt.Sprintf("  %v %v %v", a.FiveTuple(), ipv4, ipv6))
		if next == 0 || next > d.now {
			d.failf("something ended before Next, %d", next)
		}
		for i, over := range [2]bool{ipv4, ipv6} {
			if over != (m.relayed[i].IsValid() && m.expires[i] <= d.now) {
				d.failf("family %d ended: %v", i, over)
			}
			if over {
				m.drop(i)
			}
		}
		if m.relayed == [2]netip.AddrPort{} {
			delete(d.model.allocations, a.FiveTuple())
		}
	})
	if next := d.table.Next(); next != 0 && next <= d.now {
		d.failf("next is %d after Expire", next)
	}
}

func (d *driver) delete(ft FiveTuple, a *Allocation) {
	undo := d.below(3) == 0
	d.log = append(d.log, fmt.Sprintf("%d delete %v, undo %v", d.now, ft, undo))
	id, detached := a.ID(), a.Detached() // whose 5-tuple may lead to another that is moving there
	if token, ok := d.table.Token(a); ok && undo {
		delete(d.model.reservations, token)
	}
	if undo {
		d.table.Undo(a)
	} else {
		d.table.Delete(a)
	}
	delete(d.model.allocations, ft)
	if d.table.LookupID(id) != nil || !detached && d.table.Lookup(ft) != nil {
		d.failf("deleted and found")
	}
}

func (d *driver) refresh(a *Allocation, m *modelAllocation) {
	named, lifetime := [2]bool{d.below(2) == 0, d.below(2) == 0}, Duration(d.below(4))*200*Second
	d.log = append(d.log, fmt.Sprintf("%d refresh %v %v %d", d.now, a.FiveTuple(), named, lifetime))
	d.table.Refresh(a, named[0], named[1], lifetime, d.now)
	for i := range named {
		if named[i] {
			m.expires[i] = d.now.add(lifetime)
		}
	}
}

func (d *driver) drop(ft FiveTuple, a *Allocation, m *modelAllocation) {
	ipv6 := d.below(2) == 0
	if !a.Has(!ipv6) {
		return
	}
	d.log = append(d.log, fmt.Sprintf("%d drop %v %v", d.now, ft, ipv6))
	d.table.Drop(a, ipv6, 508)
	m.drop(index(ipv6))
}

func (d *driver) rebind(a *Allocation, m *modelAllocation) {
	ipv6 := d.below(2) == 0
	old := m.relayed[index(ipv6)]
	token, _ := d.table.Token(a)
	held, pair := d.model.reservations[token]
	pair = pair && m.ReserveNext && d.now < held.until
	var want error
	switch {
	case !old.IsValid():
		want = ErrFamily
	case m.UseReservation:
		want = ErrReservation
	case !d.model.hasPort(ipv6, m.TCP, m.EvenPort, pair, d.now):
		want = ErrCapacity
	}
	err := d.table.Rebind(a, ipv6, d.now)
	d.log = append(d.log, fmt.Sprintf("%d rebind %v %v: %v", d.now, a.FiveTuple(), ipv6, err))
	if err != want {
		d.failf("rebind: %v, want %v", err, want)
	}
	if err != nil {
		// The port will be refused when it is released: the model does not follow that far.
		if old.IsValid() {
			d.table.ports.pools[a.relayed[index(ipv6)].place.pool].at(old.Port()).refuse = false
		}
		return
	}
	m.relayed[index(ipv6)] = netip.AddrPort{}
	d.model.refused[modelPort{old, m.TCP}] = d.now.add(PortRefusal)
	delete(d.model.reservations, token)
	d.adopt(a, m, index(ipv6))
	if pair {
		d.reserved(a, m)
	}
}

func (d *driver) peers(n int) (peers []netip.Addr) {
	for range n {
		peers = append(peers, modelPeers[d.below(len(modelPeers))])
	}
	return peers
}

func (d *driver) canPermit(a *Allocation, m *modelAllocation) {
	peers := d.peers(d.below(6))
	d.log = append(d.log, fmt.Sprintf("%d can permit %v %v", d.now, a.FiveTuple(), peers))
	want := m.fits(peers, 3, d.now)
	if got := d.table.CanPermit(a, peers, d.now); got != want {
		d.failf("can permit: %v", got)
	}
	for _, peer := range peers {
		if !want {
			return
		}
		if err := d.table.Permit(a, peer, true, d.now); err != nil {
			d.failf("permit after CanPermit: %v", err)
		}
		m.permissions[peer] = modelPermission{d.now.add(PermissionLifetime), true}
	}
}

func (d *driver) permit(a *Allocation, m *modelAllocation) {
	peer, restricted := d.peers(1)[0], d.below(2) == 0
	var want error
	if !m.has(peer) {
		want = ErrPeerFamily
	} else if !m.fits([]netip.Addr{peer}, 3, d.now) {
		want = ErrTooMany
	}
	err := d.table.Permit(a, peer, restricted, d.now)
	d.log = append(d.log, fmt.Sprintf("%d permit %v %v %v: %v", d.now, a.FiveTuple(), peer, restricted, err))
	if err != want {
		d.failf("permit: %v, want %v", err, want)
	}
	if err == nil {
		m.permissions[peer] = modelPermission{d.now.add(PermissionLifetime), restricted}
	}
}

func (d *driver) bind(a *Allocation, m *modelAllocation) {
	n, peer := minChannel+ChannelNumber(d.below(3)), netip.AddrPortFrom(d.peers(1)[0], uint16(d.below(2)))
	want := m.bind(n, peer, 2, 3, d.now)
	err := d.table.BindChannel(a, n, peer, false, d.now)
	d.log = append(d.log, fmt.Sprintf("%d bind %v %#x %v: %v", d.now, a.FiveTuple(), n, peer, err))
	if err != want {
		d.failf("bind: %v, want %v", err, want)
	}
	if err == nil {
		maps.DeleteFunc(m.channels, func(_ ChannelNumber, c modelChannel) bool { return c.peer == peer })
		m.channels[n] = modelChannel{d.now.add(ChannelLifetime), peer}
		m.permissions[peer.Addr()] = modelPermission{d.now.add(PermissionLifetime), false}
	}
}
