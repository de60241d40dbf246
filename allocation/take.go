package allocation

// taken is what Ports.take got for an allocation.
type taken struct {
	at          [2]place // IPv4, IPv6
	has         [2]bool
	missing     family // of two families, the one that was not to be had
	missingCode uint16
	token       [8]byte
	hasToken    bool
}

// take takes all that the request asks for, or nothing (RFC 8656 §7.2). A reservation is h's.
func (p *Ports) take(r *Request, h hold, now Time) (taken, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.expireLocked(now)
	switch {
	case r.UseReservation:
		return p.takeReservedLocked(r, now)
	case r.IPv4 && r.IPv6:
		return p.takeBothLocked(r)
	case r.IPv4:
		return p.takeOneLocked(r, familyIPv4, h, now)
	case r.IPv6:
		return p.takeOneLocked(r, familyIPv6, h, now)
	}
	return taken{}, ErrFamily
}

func (p *Ports) takeReservedLocked(r *Request, now Time) (t taken, err error) {
	at, err := p.claimLocked(r.Reservation, r.Owner, now)
	if err != nil {
		return t, err
	}
	t.put(p.pools[at.pool].family, at)
	return t, nil
}

func (p *Ports) takeOneLocked(r *Request, f family, h hold, now Time) (t taken, err error) {
	if !p.serves[f.index()] {
		return t, ErrFamily
	}
	at, ok := p.chooseLocked(need{family: f, tcp: r.TCP, prefer: r.Prefer, even: r.EvenPort || r.ReserveNext, pair: r.ReserveNext})
	if !ok {
		return t, ErrCapacity
	}
	t.put(f, at)
	if r.ReserveNext {
		t.token, t.hasToken = p.reserveLocked(at, r.Owner, h, now), true
	}
	return t, nil
}

// takeBothLocked takes a port of each family. What is to be had is known before anything is taken, so that nothing is
// ever given back.
func (p *Ports) takeBothLocked(r *Request) (t taken, err error) {
	var codes [2]uint16
	for i := range codes {
		switch {
		case !p.serves[i]:
			codes[i] = codeFamilyNotSupported
		case !p.hasLocked(r.need(i)):
			codes[i] = codeInsufficientCapacity
		}
	}
	missing := codes[0] != 0 || codes[1] != 0
	if missing && (!r.Additional || codes[0] != 0 && codes[1] != 0) {
		// Where a family is only short of ports, trying again later may help: 508 tells that.
		if codes[0] == codeInsufficientCapacity || codes[1] == codeInsufficientCapacity {
			return t, ErrCapacity
		}
		return t, ErrFamily
	}
	for i, code := range codes {
		f := family(i + 1)
		if code != 0 {
			t.missing, t.missingCode = f, code // RFC 8656 §7.2: ADDRESS-ERROR-CODE in the success response
			continue
		}
		at, _ := p.chooseLocked(r.need(i))
		t.put(f, at)
	}
	return t, nil
}

// need is what the request wants of the family's port when it asks for two families.
func (r *Request) need(index int) need {
	return need{family: family(index + 1), tcp: r.TCP, prefer: r.Prefer, even: r.EvenPort}
}

func (t *taken) put(f family, at place) { t.at[f.index()], t.has[f.index()] = at, true }
