package allocation

// A pool is the ports of one relay address and transport: UDP and TCP ports are separate number spaces.
type pool struct {
	// Immutable after newPool.
	address  RelayAddress
	number   uint16 // index in Ports
	family   family
	tcp      bool // ports of TCP allocations (RFC 6062)
	min, max uint16

	twin *pool // of a UDP pool: the same address's TCP ports, nil without; set by ServeTCP

	// Read by everyone, written under Ports.mu.
	live atomicBitmap

	// Guarded by Ports.mu.
	ports       []port      // by number-min
	free        [2][]uint16 // the free ports by parity, in no order: a random index is a random port
	cooling     [2]queue    // by parity
	refused     queue
	freeBits    bitmap
	coolingBits bitmap
	coolingLen  int
	held        int // ports of allocations
}

// A portState says who has a port.
type portState uint8

const (
	portFree     portState = iota
	portHeld               // an allocation
	portReserved           // a reservation (RFC 8656 §7.2)
	portCooling            // nobody: an allocation had it a short while ago
	portRefused            // nobody here: the operating system did not let us have it
)

// A port is one port of a pool: 16 bytes, since there may be 64,000 of them for each address.
type port struct {
	until      Time   // cooling or refused: when it is free again, once the queue is stamped
	next, prev uint16 // cooling or refused: neighbours in the queue, as index+1
	at         uint16 // free: index in the pool's free
	state      portState
	refuse     bool // held: the operating system refused it, so it is not to cool but to stay out
}

func newPool(a RelayAddress, number, min, max uint16) *pool {
	q := &pool{address: a, number: number, family: familyOf(a.Bind), min: min, max: max}
	n := int(max) - int(min) + 1
	q.ports = make([]port, n)
	for parity := range q.free {
		q.free[parity] = make([]uint16, 0, n/2+1)
	}
	for i := range n {
		q.setFree(min + uint16(i))
	}
	return q
}

func (q *pool) spans(number uint16) bool { return number >= q.min && number <= q.max }

func (q *pool) at(number uint16) *port { return &q.ports[number-q.min] }

func (q *pool) freeLen() int { return len(q.free[0]) + len(q.free[1]) }

// has says whether choose finds a port, cooling ones included, for a need without pair.
func (q *pool) has(n need) bool {
	if n.even {
		return len(q.free[0]) > 0 || q.cooling[0].head != 0
	}
	return q.freeLen()+q.coolingLen > 0
}

// choose finds a port among the free or the cooling ones. It changes nothing.
func (q *pool) choose(n need, cooling bool, e *entropy) (number uint16, ok bool) {
	switch {
	case n.pair && cooling:
		return q.scanPair(true, e)
	case n.pair:
		return q.freePair(e)
	case cooling:
		return q.coolest(n.even)
	case n.even:
		if len(q.free[0]) == 0 {
			return 0, false
		}
		return q.free[0][e.below(len(q.free[0]))], true
	}
	if q.freeLen() == 0 {
		return 0, false
	}
	i := e.below(q.freeLen())
	if i < len(q.free[0]) {
		return q.free[0][i], true
	}
	return q.free[1][i-len(q.free[0])], true
}

// coolest is the port that has cooled for longest.
func (q *pool) coolest(even bool) (number uint16, ok bool) {
	n := q.cooling[0].head
	if odd := q.cooling[1].head; !even && odd != 0 && (n == 0 || q.ports[odd-1].until < q.ports[n-1].until) {
		n = odd
	}
	if n == 0 {
		return 0, false
	}
	return q.min + n - 1, true
}

// pairTries is how many random even ports are looked at before all are: while one in four has a free neighbour, the
// scan is needed once in a hundred times.
const pairTries = 16

// freePair finds an even port that is free together with the next one (RFC 8656 §7.2).
func (q *pool) freePair(e *entropy) (number uint16, ok bool) {
	if len(q.free[0]) == 0 || len(q.free[1]) == 0 {
		return 0, false
	}
	for range pairTries {
		number = q.free[0][e.below(len(q.free[0]))]
		if q.freeBits.has(number + 1) { // an even number is below 65,535
			return number, true
		}
	}
	return q.scanPair(false, e)
}

// scanPair finds a pair wherever there is one, from a random place on.
func (q *pool) scanPair(cooling bool, e *entropy) (number uint16, ok bool) {
	start := e.below(bitmapWords)
	for i := range bitmapWords {
		w := (start + i) % bitmapWords
		word := q.freeBits[w]
		if cooling {
			word |= q.coolingBits[w]
		}
		if pairs := word & (word >> 1) & evenBits; pairs != 0 {
			return uint16(w*64 + randomBit(pairs, e)), true
		}
	}
	return 0, false
}

// hold gives a port that is free, cooling or reserved to an allocation.
func (q *pool) hold(number uint16) {
	q.withdraw(number)
	q.at(number).state = portHeld
	q.held++
	q.live.set(number)
}

// reserve keeps a port that is free or cooling for a reservation.
func (q *pool) reserve(number uint16) {
	q.withdraw(number)
	q.at(number).state = portReserved
}

// unreserve frees the port of a reservation that nobody took. It need not cool, since it was never used.
func (q *pool) unreserve(number uint16) { q.setFree(number) }

// release takes a port back from its allocation. One that nobody has heard of need not cool.
func (q *pool) release(number uint16, used bool) {
	t := q.at(number)
	if t.state != portHeld {
		panic("allocation: a port is released that no allocation holds")
	}
	q.live.clear(number)
	q.held--
	if t.refuse {
		*t = port{state: portRefused}
		q.push(&q.refused, number)
		return
	}
	if !used {
		q.setFree(number)
		return
	}
	*t = port{state: portCooling}
	q.push(&q.cooling[number%2], number)
	q.coolingBits.set(number)
	q.coolingLen++
}

// expire frees the ports that have cooled down or were refused long enough ago.
func (q *pool) expire(now Time) {
	q.stamp(&q.cooling[0], now.add(PortCooldown))
	q.stamp(&q.cooling[1], now.add(PortCooldown))
	q.stamp(&q.refused, now.add(PortRefusal))
	for _, u := range [...]*queue{&q.cooling[0], &q.cooling[1], &q.refused} {
		for u.head != 0 && q.ports[u.head-1].until <= now {
			number := q.min + u.head - 1
			q.withdraw(number)
			q.setFree(number)
		}
	}
}

func (q *pool) setFree(number uint16) {
	f := &q.free[number%2]
	*q.at(number) = port{state: portFree, at: uint16(len(*f))}
	*f = append(*f, number)
	q.freeBits.set(number)
}

// withdraw takes a port out of where its state keeps it, before it gets another state.
func (q *pool) withdraw(number uint16) {
	t := q.at(number)
	switch t.state {
	case portFree:
		f := q.free[number%2]
		last := f[len(f)-1]
		f[t.at] = last
		q.at(last).at = t.at
		q.free[number%2] = f[:len(f)-1]
		q.freeBits.clear(number)
	case portCooling:
		q.remove(&q.cooling[number%2], number)
		q.coolingBits.clear(number)
		q.coolingLen--
	case portRefused:
		q.remove(&q.refused, number)
	case portReserved:
	case portHeld:
		panic("allocation: a port is taken twice")
	}
	*t = port{}
}
