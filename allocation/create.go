package allocation

import "net/netip"

// A Request is what an Allocate asks for, after all checks of form (RFC 8656 §7.2).
type Request struct {
	Transaction    [12]byte
	Owner          [16]byte   // Who made it: later requests must match (441).
	Key            []byte     // Long-term key, at most 32 bytes; copied.
	User           string     // Charged in the ledger; "" is never limited.
	Subject        string     // For logs and lists.
	MaxPerUser     int        // Allocations of User at a time, and reserved ports. 0: no limit.
	IPv4, IPv6     bool       // Families wanted. Both without Additional: both or none.
	Additional     bool       // IPv6 was ADDITIONAL-ADDRESS-FAMILY: one of the two may fail (see FamilyError).
	EvenPort       bool       // EVEN-PORT; every family's port is even then.
	ReserveNext    bool       // R bit: an even port, and the next one is kept for ReservationHold under Token. With one family only (400 otherwise, §7.2).
	Reservation    [8]byte    // RESERVATION-TOKEN, when UseReservation.
	TCP            bool       // A TCP allocation: TCP ports. Without EvenPort, ReserveNext and UseReservation, which are UDP's (400, RFC 6062 §5.1).
	UseReservation bool       // The reserved address is taken, whatever its family; IPv4, IPv6, EvenPort and Prefer do not count.
	Lifetime       Duration   // Time to expiry, as the server decided it.
	Expires        int64      // Unix seconds when the credential ends; 0: never.
	Prefer         netip.Addr // Take the relay address equal to this one (the address the client reached), if there is one with a free port.
}

// Create makes an allocation. It reserves quota and ports in one step: on error nothing is left behind.
//
// Errors: ErrInUse (also for an allocation that has expired but that Expire has not told of), ErrFamily, ErrQuota,
// ErrReservation, ErrTotal, ErrCapacity (also for a TCP allocation where Ports has no TCP ports). It panics if the key is longer
// than 32 bytes.
func (t *Table) Create(ft FiveTuple, r Request, now Time) (*Allocation, error) {
	if len(r.Key) > maxKey {
		panic("allocation: long-term key of more than 32 bytes")
	}
	k := ft.key()
	if t.byTuple.at(k) != 0 {
		return nil, ErrInUse // RFC 8656 §7.2: 437
	}
	if t.allocations.len() == maxAllocations {
		return nil, ErrCapacity
	}
	user, subject, err := t.charge(&r, now)
	if err != nil {
		return nil, err
	}
	got, err := t.ports.take(&r, hold{t.ledger, user}, now)
	if err != nil {
		t.ledger.release(user, subject)
		if r.ReserveNext {
			t.ledger.releaseReservation(user)
		}
		return nil, err
	}
	// Nothing fails from here on.
	n := t.allocations.take()
	a := t.allocations.at(n)
	generation := max(a.generation, 1)
	*a = Allocation{
		id:          makeID(t.worker, int(n)-1, generation),
		generation:  generation,
		user:        user,
		subject:     subject,
		tuple:       k,
		transaction: r.Transaction,
		owner:       r.Owner,
		keyLen:      uint8(len(r.Key)),
		evenPort:    r.EvenPort || r.ReserveNext,
		hasToken:    got.hasToken,
		claimed:     r.UseReservation,
		tcp:         r.TCP,
		created:     now,
		credential:  r.Expires,
		missing:     got.missing,
		missingCode: got.missingCode,
	}
	copy(a.key[:], r.Key)
	if got.hasToken {
		t.tokens[n] = got.token
	}
	t.byTuple.put(k, n)
	for _, f := range [...]family{familyIPv4, familyIPv6} {
		if got.has[f.index()] {
			a.relayed[f.index()].has = true
			t.setPlace(a, f, got.at[f.index()])
			t.wheel.set(familyNode(a, f), now.add(r.Lifetime), now)
		}
	}
	return a, nil
}

// charge charges r to its user. A reservation that has run out may still be counted: nobody has looked.
func (t *Table) charge(r *Request, now Time) (user, subject uint32, err error) {
	user, subject, err = t.ledger.charge(r)
	if err == ErrQuota {
		t.ports.Expire(now)
		user, subject, err = t.ledger.charge(r)
	}
	return user, subject, err
}

// setPlace makes at the family's relayed transport address.
func (t *Table) setPlace(a *Allocation, f family, at place) {
	r := &a.relayed[f.index()]
	address := &t.ports.pools[at.pool].address
	r.place = at
	r.external = endpointOf(address.External, at.port)
	r.bound = endpointOf(address.Bind, at.port)
	t.byRelayed.put(at, a.ref())
}
