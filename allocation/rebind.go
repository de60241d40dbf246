package allocation

// Rebind takes another port for a family after the operating system refused the first one (another process holds it).
// The refused port stays out of the pool for [PortRefusal]. A port asked for with EVEN-PORT is even again, and a
// reservation that is still open moves to the port after the new one under the same token. Permissions and channels stay.
//
// Errors, which leave the allocation as it was: ErrCapacity; ErrFamily if the allocation does not have the family;
// ErrReservation if the port was taken by RESERVATION-TOKEN, since another port is not what the client asked for.
func (t *Table) Rebind(a *Allocation, ipv6 bool, now Time) error {
	f := family(index(ipv6) + 1)
	if !a.has(f) {
		return ErrFamily
	}
	old := a.relayed[f.index()].place
	if a.claimed {
		t.ports.refuse(old)
		return ErrReservation
	}
	at, err := t.ports.retake(old, a.evenPort, t.tokens[a.ref()], a.owner, now)
	if err != nil {
		return err
	}
	t.byRelayed.remove(old, a.ref())
	t.setPlace(a, f, at)
	return nil
}

// retake takes a port in place of old, of the same relay address if it has one. If token still reserves the port after
// old, it reserves the one after the new port from then on. On error everything is as before, but old will stay out
// of the pool after its release.
func (p *Ports) retake(old place, even bool, token [8]byte, owner [16]byte, now Time) (at place, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.expireLocked(now)
	q := p.pools[old.pool]
	q.at(old.port).refuse = true
	r, pair := p.reservations.byToken[token]
	pair = pair && r.at == (place{old.pool, old.port + 1})
	at, ok := p.chooseLocked(need{family: q.family, tcp: q.tcp, prefer: q.address.External, even: even, pair: pair})
	if !ok {
		return old, ErrCapacity
	}
	if pair {
		p.reserveAsLocked(token, at, owner, p.cancelLocked(token), now)
	}
	q.release(old.port, false)
	return at, nil
}

// refuse keeps the port of an allocation out of the pool after its release.
func (p *Ports) refuse(at place) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pools[at.pool].at(at.port).refuse = true
}
