package allocation

// A reservation is a port that EVEN-PORT with the R bit keeps for a later Allocate (RFC 8656 §7.2).
type reservation struct {
	at    place
	owner [16]byte
	until Time
	hold  hold
}

// A hold is who is charged for a reservation; the zero hold is nobody.
type hold struct {
	ledger *Ledger
	user   uint32
}

// release says that the reservation has ended.
func (h hold) release() {
	if h.user != 0 {
		h.ledger.releaseReservation(h.user)
	}
}

// reservations are all that have not been taken; guarded by Ports.mu.
type reservations struct {
	byToken map[[8]byte]reservation
	queue   []reservationDue // in the order they end; those that were taken are skipped
}

type reservationDue struct {
	token [8]byte
	until Time
}

// reserveLocked keeps the port after at under a new token, which nobody can guess.
func (p *Ports) reserveLocked(at place, owner [16]byte, h hold, now Time) (token [8]byte) {
	for token == [8]byte{} || p.reservations.byToken[token] != (reservation{}) {
		p.entropy.fill(token[:])
	}
	p.reserveAsLocked(token, at, owner, h, now)
	return token
}

func (p *Ports) reserveAsLocked(token [8]byte, at place, owner [16]byte, h hold, now Time) {
	at.port++ // at is even, so that the next is on the same address
	p.pools[at.pool].reserve(at.port)
	until := now.add(ReservationHold)
	p.reservations.byToken[token] = reservation{at: at, owner: owner, until: until, hold: h}
	p.reservations.queue = append(p.reservations.queue, reservationDue{token, until})
}

// claimLocked gives a reserved port to an allocation of the owner who made the reservation. Another owner's attempt
// leaves the reservation as it is.
func (p *Ports) claimLocked(token [8]byte, owner [16]byte, now Time) (place, error) {
	r, ok := p.reservations.byToken[token]
	if !ok || r.owner != owner || r.until <= now {
		return place{}, ErrReservation
	}
	delete(p.reservations.byToken, token)
	r.hold.release()
	p.pools[r.at.pool].hold(r.at.port)
	return r.at, nil
}

// cancel frees the port that token reserves, if it still does.
func (p *Ports) cancel(token [8]byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, ok := p.reservations.byToken[token]; ok {
		p.cancelLocked(token).release()
	}
}

// cancelLocked frees the port that token reserves. Who was charged for it is so still.
func (p *Ports) cancelLocked(token [8]byte) hold {
	r := p.reservations.byToken[token]
	delete(p.reservations.byToken, token)
	p.pools[r.at.pool].unreserve(r.at.port)
	return r.hold
}

func (p *Ports) expireReservationsLocked(now Time) {
	s := &p.reservations
	for len(s.queue) > 0 && s.queue[0].until <= now {
		d := s.queue[0]
		s.queue = s.queue[1:]
		// One that was moved to another port (Rebind) is in the queue again, with a later time.
		if r, ok := s.byToken[d.token]; ok && r.until <= now {
			delete(s.byToken, d.token)
			r.hold.release()
			p.pools[r.at.pool].unreserve(r.at.port)
		}
	}
	if len(s.queue) == 0 {
		s.queue = nil // the array behind it may once have been large
	}
}
