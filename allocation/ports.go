package allocation

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
)

// A RelayAddress is one address relayed ports are taken from.
type RelayAddress struct {
	Bind     netip.Addr // What sockets bind. The unspecified address only with an External one.
	External netip.Addr // What clients and peers are told, of the same family. If zero, Bind: no NAT is between.
}

// Ports is the pool of relayed ports of all relay addresses, and their reservations. It is shared by all workers and
// touched when allocations are made and ended only; Live and Bound may be asked for every packet.
//
// A port is taken uniformly at random among the free ones (RFC 8656 §7.2, RFC 6056). After use it cools down for
// [PortCooldown] before it is free again; where no port is free, the one that has cooled for longest is taken.
type Ports struct {
	// Immutable after NewPorts.
	pools   []*pool
	byAddr  map[netip.Addr]*pool // by external and by bound address
	serves  [2]bool              // IPv4, IPv6
	maximum int                  // all ports of all addresses

	// Guarded by mu, as are the pools' own guarded fields.
	mu           sync.Mutex
	entropy      entropy
	candidates   []*pool // scratch of chooseLocked
	reservations reservations
}

// A place is a relayed transport address by the number of its relay address and its port.
type place struct{ pool, port uint16 }

// maxAddresses leaves a place's 16 bits room for two pools of each address.
const maxAddresses = 1 << 15

// NewPorts makes a pool of the UDP ports min to max, both included, of every address. An address is external or bound for
// one entry only, since peers must be able to tell allocations apart by it (RFC 8656 §6).
func NewPorts(addresses []RelayAddress, min, max uint16) (*Ports, error) {
	if min == 0 || min > max {
		return nil, fmt.Errorf("relayed ports %d to %d: not a range of ports", min, max)
	}
	if len(addresses) == 0 {
		return nil, errors.New("no relay address")
	}
	if len(addresses) > maxAddresses {
		return nil, errors.New("more than 32,768 relay addresses")
	}
	p := &Ports{byAddr: make(map[netip.Addr]*pool), entropy: newEntropy()}
	p.reservations.byToken = make(map[[8]byte]reservation)
	for i, a := range addresses {
		if !a.External.IsValid() {
			a.External = a.Bind
		}
		if err := p.admit(a); err != nil {
			return nil, fmt.Errorf("relay address %v: %w", a.Bind, err)
		}
		q := newPool(a, uint16(i), min, max)
		p.pools = append(p.pools, q)
		p.byAddr[a.External] = q
		if !a.Bind.IsUnspecified() {
			p.byAddr[a.Bind] = q
		}
		p.serves[q.family.index()] = true
		p.maximum += len(q.ports)
	}
	return p, nil
}

// ServeTCP adds the TCP ports of every address, of the same numbers, for TCP allocations. It is called once at most, and
// before the first table is made.
func (p *Ports) ServeTCP() {
	for _, q := range p.pools {
		q.twin = newPool(q.address, uint16(len(p.pools)), q.min, q.max)
		q.twin.tcp = true
		p.pools = append(p.pools, q.twin)
	}
}

// admit says what is wrong with an address, given those already in the pool.
func (p *Ports) admit(a RelayAddress) error {
	switch {
	case !a.Bind.IsValid():
		return errors.New("missing")
	case a.Bind.Is4In6() || a.External.Is4In6():
		return errors.New("an IPv4 address mapped into IPv6")
	case a.Bind.Zone() != "" || a.External.Zone() != "":
		return errors.New("an address with a zone cannot be told to peers")
	case a.External.IsUnspecified():
		return errors.New("the unspecified address needs an external one")
	case a.Bind.Is4() != a.External.Is4():
		return fmt.Errorf("external address %v is of another family", a.External)
	case p.byAddr[a.Bind] != nil || p.byAddr[a.External] != nil:
		return errors.New("given twice")
	}
	for _, q := range p.pools {
		if q.address.Bind == a.Bind {
			return errors.New("given twice")
		}
	}
	return nil
}

// Live says whether a is the external or the bound relayed address of a live UDP allocation. It takes no lock: the peer
// policy asks for every packet. IPv4 addresses mapped into IPv6 are not recognised: unmap them first.
func (p *Ports) Live(a netip.AddrPort) bool {
	q := p.byAddr[a.Addr()]
	return q != nil && q.live.has(a.Port())
}

// LiveTCP is Live for TCP allocations.
func (p *Ports) LiveTCP(a netip.AddrPort) bool {
	q := p.byAddr[a.Addr()]
	return q != nil && q.twin != nil && q.twin.live.has(a.Port())
}

// Bound translates an external relayed address to the one its socket binds, whether or not the port is in use; a bound
// one is returned as it is. UDP and TCP ports have the same numbers. False: not an address and port of this pool. It takes no lock.
func (p *Ports) Bound(a netip.AddrPort) (netip.AddrPort, bool) {
	q := p.byAddr[a.Addr()]
	if q == nil || !q.spans(a.Port()) {
		return netip.AddrPort{}, false
	}
	return netip.AddrPortFrom(q.address.Bind, a.Port()), true
}

// Serves says whether there is a relay address of the family.
func (p *Ports) Serves(ipv6 bool) bool { return p.serves[index(ipv6)] }

// Size is how many UDP ports there are, over all relay addresses.
func (p *Ports) Size() int { return p.maximum }

// SizeTCP is how many TCP ports there are: none without ServeTCP.
func (p *Ports) SizeTCP() int {
	if p.pools[0].twin == nil {
		return 0
	}
	return p.maximum
}

// InUse is how many UDP ports allocations and reservations hold.
func (p *Ports) InUse() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.reservations.byToken) + p.heldLocked(false)
}

// InUseTCP is how many TCP ports allocations hold.
func (p *Ports) InUseTCP() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.heldLocked(true)
}

func (p *Ports) heldLocked(tcp bool) (n int) {
	for _, q := range p.pools {
		if q.tcp == tcp {
			n += q.held
		}
	}
	return n
}

// Expire returns the ports whose reservation, cool-down or refusal has ended. Taking a port does so too; workers call it
// once in a while (a second is often enough) so that a server where nobody allocates shows the right numbers.
func (p *Ports) Expire(now Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.expireLocked(now)
}

func (p *Ports) expireLocked(now Time) {
	for _, q := range p.pools {
		q.expire(now)
	}
	p.expireReservationsLocked(now)
}

// A need is what a port must be like.
type need struct {
	family family
	tcp    bool
	prefer netip.Addr // an address of the family to take it from if possible, external or bound
	even   bool
	pair   bool // even, and the next port is to be had too
}

// chooseLocked finds a port and takes it: from the preferred relay address if it has one, else from the one with most
// free ports. Ports that cool down come last.
func (p *Ports) chooseLocked(n need) (place, bool) {
	c := p.candidates[:0]
	for _, q := range p.pools {
		if q.family == n.family && q.tcp == n.tcp {
			c = append(c, q)
		}
	}
	p.candidates = c
	preferred := p.byAddr[n.prefer]
	if preferred != nil && n.tcp {
		preferred = preferred.twin
	}
	slices.SortStableFunc(c, func(a, b *pool) int {
		if (a == preferred) != (b == preferred) {
			if a == preferred {
				return -1
			}
			return 1
		}
		return cmp.Compare(b.freeLen(), a.freeLen())
	})
	for _, cooling := range [2]bool{false, true} {
		for _, q := range c {
			if port, ok := q.choose(n, cooling, &p.entropy); ok {
				q.hold(port)
				return place{q.number, port}, true
			}
		}
	}
	return place{}, false
}

// hasLocked says whether chooseLocked would find a port, for a need without pair.
func (p *Ports) hasLocked(n need) bool {
	for _, q := range p.pools {
		if q.family == n.family && q.tcp == n.tcp && q.has(n) {
			return true
		}
	}
	return false
}

// release takes back the port of an allocation. If it was used it cools down; that begins when the pool is next told the
// time, so that it is never cut short.
func (p *Ports) release(at place, used bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pools[at.pool].release(at.port, used)
}
