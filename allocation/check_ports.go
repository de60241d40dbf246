package allocation

import "fmt"

// check is the part of Table.Check that all tables share.
func (p *Ports) check() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	reserved := 0
	for _, q := range p.pools {
		n, err := q.check()
		if err != nil {
			return fmt.Errorf("ports of %v: %w", q.address.Bind, err)
		}
		reserved += n
	}
	if reserved != len(p.reservations.byToken) {
		return fmt.Errorf("ports: %d reserved, %d tokens", reserved, len(p.reservations.byToken))
	}
	held := make(map[hold]int)
	for _, r := range p.reservations.byToken {
		held[r.hold]++
	}
	for h, n := range held {
		if h.user != 0 && h.ledger.reserved(h.user) != n {
			return fmt.Errorf("ports: %d reserved for user %d, who is charged for %d", n, h.user, h.ledger.reserved(h.user))
		}
	}
	queued := make(map[reservationDue]bool)
	for _, d := range p.reservations.queue {
		queued[d] = true
	}
	for token, r := range p.reservations.byToken {
		if !queued[reservationDue{token, r.until}] || p.pools[r.at.pool].at(r.at.port).state != portReserved {
			return fmt.Errorf("ports: the reservation of port %d will not end, or the port is not reserved", r.at.port)
		}
	}
	return nil
}

// check looks at every port and counts the reserved ones.
func (q *pool) check() (reserved int, err error) {
	var count [portRefused + 1]int
	for i := range q.ports {
		number := q.min + uint16(i)
		t := &q.ports[i]
		count[t.state]++
		switch {
		case q.live.has(number) != (t.state == portHeld):
			return 0, fmt.Errorf("port %d: live bit", number)
		case q.freeBits.has(number) != (t.state == portFree):
			return 0, fmt.Errorf("port %d: free bit", number)
		case q.coolingBits.has(number) != (t.state == portCooling):
			return 0, fmt.Errorf("port %d: cooling bit", number)
		case t.refuse && t.state != portHeld:
			return 0, fmt.Errorf("port %d: refused mark", number)
		case t.state == portFree && q.free[number%2][t.at] != number:
			return 0, fmt.Errorf("port %d: place among the free", number)
		}
	}
	cooling := 0
	for parity := range q.cooling {
		n, err := q.checkQueue(&q.cooling[parity], portCooling, parity)
		if err != nil {
			return 0, fmt.Errorf("cooling: %w", err)
		}
		cooling += n
	}
	refused, err := q.checkQueue(&q.refused, portRefused, -1)
	if err != nil {
		return 0, fmt.Errorf("refused: %w", err)
	}
	if q.freeLen() != count[portFree] || q.held != count[portHeld] || cooling != count[portCooling] || q.coolingLen != cooling || refused != count[portRefused] {
		return 0, fmt.Errorf("counts by state %v: free %d, held %d, cooling %d %d, refused %d", count, q.freeLen(), q.held, cooling, q.coolingLen, refused)
	}
	return count[portReserved], nil
}

func (q *pool) checkQueue(u *queue, state portState, parity int) (length int, err error) {
	prev, stamped := uint16(0), true
	for n := u.head; n != 0; n = q.ports[n-1].next {
		t := &q.ports[n-1]
		if n == u.unstamped {
			stamped = false
		}
		if t.state != state || t.prev != prev || parity >= 0 && int(q.min+n-1)%2 != parity {
			return 0, fmt.Errorf("port %d does not belong", q.min+n-1)
		}
		if !stamped && t.until != 0 {
			return 0, fmt.Errorf("port %d knows its time too early", q.min+n-1)
		}
		if length++; length > len(q.ports) {
			return 0, fmt.Errorf("a ring")
		}
		prev = n
	}
	if u.tail != prev || stamped != (u.unstamped == 0) {
		return 0, fmt.Errorf("end or unstamped part is elsewhere")
	}
	return length, nil
}

func (p *Ports) state(at place) portState {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.pools[at.pool].at(at.port).state
}

func (l *Ledger) reserved(user uint32) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return int(l.entries[user].reserved)
}
