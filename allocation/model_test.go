package allocation

import (
	"maps"
	"net/netip"
	"slices"
)

// A model is what a table should be, in plain maps and slices: no slab, no wheel, no index.
type model struct {
	ports        *Ports
	allocations  map[FiveTuple]*modelAllocation
	reservations map[[8]byte]modelReservation
	refused      map[modelPort]Time // → when it is back
}

// A modelPort is an external relayed address and which of the two number spaces its port is of.
type modelPort struct {
	at  netip.AddrPort
	tcp bool
}

type modelAllocation struct {
	Request
	id          ID
	table       int
	next        FiveTuple // while moving
	detached    bool
	relayed     [2]netip.AddrPort // external; the zero AddrPort where it has none
	expires     [2]Time
	permissions map[netip.Addr]modelPermission
	channels    map[ChannelNumber]modelChannel
}

type modelPermission struct {
	until      Time
	restricted bool
}

type modelChannel struct {
	until Time
	peer  netip.AddrPort
}

type modelReservation struct {
	owner [16]byte
	user  string // who is charged for it
	at    netip.AddrPort
	until Time
}

// find is the allocation that a 5-tuple leads to, and the one it is known by.
func (m *model) find(ft FiveTuple) (FiveTuple, *modelAllocation) {
	for key, a := range m.allocations {
		if key == ft && !a.detached || a.next == ft && ft != (FiveTuple{}) {
			return key, a
		}
	}
	return ft, nil
}

// taken says whether nobody may be given the port.
func (m *model) taken(at netip.AddrPort, tcp bool, now Time) bool {
	for _, a := range m.allocations {
		if a.TCP == tcp && slices.Contains(a.relayed[:], at) {
			return true
		}
	}
	for _, r := range m.reservations {
		if r.at == at && !tcp && now < r.until {
			return true
		}
	}
	until, ok := m.refused[modelPort{at, tcp}]
	return ok && now < until
}

func (m *model) leads(ft FiveTuple) bool {
	_, a := m.find(ft)
	return a != nil
}

// hasPort says whether a port is to be had: an even one, or an even one and the next.
func (m *model) hasPort(ipv6, tcp, even, pair bool, now Time) bool {
	for _, q := range m.ports.pools {
		if q.tcp {
			continue // the same numbers as its twin
		}
		for n := int(q.min); n <= int(q.max) && q.address.External.Is6() == ipv6; n++ {
			at := netip.AddrPortFrom(q.address.External, uint16(n))
			next := netip.AddrPortFrom(q.address.External, uint16(n+1))
			if m.taken(at, tcp, now) || (even || pair) && n%2 != 0 || pair && (n == int(q.max) || m.taken(next, tcp, now)) {
				continue
			}
			return true
		}
	}
	return false
}

// held is what counts as a user's: allocations and reserved ports.
func (m *model) held(user string, now Time) int {
	n := m.reserved(user, now)
	for _, a := range m.allocations {
		if a.User == user {
			n++
		}
	}
	return n
}

func (m *model) reserved(user string, now Time) (n int) {
	for _, r := range m.reservations {
		if r.user == user && now < r.until {
			n++
		}
	}
	return n
}

// create says what Create should answer, and which families it should leave out.
func (m *model) create(ft FiveTuple, r *Request, total int, now Time) (missing [2]bool, err error) {
	held := m.held(r.User, now)
	switch reserved := m.reserved(r.User, now); {
	case r.ReserveNext:
		held++
	case r.UseReservation && reserved > 0:
		held--
	}
	switch reserved, ok := m.reservations[r.Reservation]; {
	case m.leads(ft):
		return missing, ErrInUse
	case r.MaxPerUser > 0 && r.User != "" && held >= r.MaxPerUser:
		return missing, ErrQuota
	case total > 0 && len(m.allocations) >= total:
		return missing, ErrTotal
	case r.UseReservation && (!ok || reserved.owner != r.Owner || now >= reserved.until):
		return missing, ErrReservation
	case r.UseReservation:
		return missing, nil
	case !r.IPv4 && !r.IPv6:
		return missing, ErrFamily
	}
	var errs []error
	wanted := [2]bool{r.IPv4, r.IPv6}
	for i, want := range wanted {
		switch {
		case !want:
		case !m.ports.Serves(i == 1):
			errs, missing[i] = append(errs, ErrFamily), true
		case !m.hasPort(i == 1, r.TCP, r.EvenPort, r.ReserveNext && wanted[0] != wanted[1], now):
			errs, missing[i] = append(errs, ErrCapacity), true
		}
	}
	if len(errs) == 0 || len(errs) == 1 && r.Additional && r.IPv4 && r.IPv6 {
		return missing, nil
	}
	if slices.Contains(errs, ErrCapacity) {
		return missing, ErrCapacity
	}
	return missing, ErrFamily
}

func (a *modelAllocation) lives(peer netip.Addr, now Time) bool {
	return a.has(peer) && now < a.expires[index(peer.Is6())]
}

func (a *modelAllocation) has(peer netip.Addr) bool {
	return peer.IsValid() && a.relayed[index(peer.Is6())].IsValid()
}

func (a *modelAllocation) permitted(peer netip.Addr, now Time) (ok, restricted bool) {
	p, ok := a.permissions[peer]
	ok = ok && a.lives(peer, now) && now < p.until
	return ok, ok && p.restricted
}

// fits says whether the allocation may have permissions for more.
func (a *modelAllocation) fits(more []netip.Addr, limit int, now Time) bool {
	all := make(map[netip.Addr]bool)
	for peer, p := range a.permissions {
		if now < p.until {
			all[peer] = true
		}
	}
	for _, peer := range more {
		if !a.has(peer) {
			return false
		}
		all[peer] = true
	}
	return len(all) <= limit
}

func (a *modelAllocation) bind(n ChannelNumber, peer netip.AddrPort, limit, permissions int, now Time) error {
	live := 0
	_, again := a.channels[n]
	for other, c := range a.channels {
		if now >= c.until {
			continue
		}
		live++
		if (other == n) != (c.peer == peer) {
			return ErrChannelInUse
		}
	}
	again = again && now < a.channels[n].until
	switch {
	case !a.has(peer.Addr()):
		return ErrPeerFamily
	case !again && live >= limit, !a.fits([]netip.Addr{peer.Addr()}, permissions, now):
		return ErrTooMany
	}
	return nil
}

func (a *modelAllocation) drop(i int) {
	a.relayed[i] = netip.AddrPort{}
	maps.DeleteFunc(a.permissions, func(peer netip.Addr, _ modelPermission) bool { return peer.Is6() == (i == 1) })
	maps.DeleteFunc(a.channels, func(_ ChannelNumber, c modelChannel) bool { return c.peer.Addr().Is6() == (i == 1) })
}
