package relay

import (
	"turnout/allocation"
	"turnout/stun"
)

// readTicket has a Refresh with a MOBILITY-TICKET be about the ticket's allocation, not about that of the 5-tuple it came
// by. RFC 8016 §3.2.2.
func (r *request) readTicket() {
	value, ok := r.msg.Attribute(stun.AttrMobilityTicket)
	if !ok || r.msg.Method() != stun.MethodRefresh {
		return
	}
	here := r.allocation
	r.moves, r.allocation = true, nil
	r.ticket = r.tickets.open(value)
	switch {
	case r.ticket == 0 && !r.mobility:
		r.refused = errMobilityForbidden
	case r.ticket == 0:
		r.refused = errBadRequest
	case here == nil:
		r.allocation, r.refused = r.byTicket()
	default:
		r.refused = r.onOwnTuple(here)
		if r.again {
			r.allocation = here
		}
	}
}

// byTicket is the allocation that the ticket names, for a client at a new address.
func (r *request) byTicket() (*allocation.Allocation, error) {
	i := r.ticket.Index()
	if r.ticket.Worker() != r.table.Worker() || i >= len(r.tickets.slots) {
		return nil, errAllocationMismatch
	}
	m := &r.tickets.slots[i]
	a := r.table.LookupID(m.id)
	switch {
	case a == nil || r.ticket.Generation() < m.first:
		return nil, errAllocationMismatch // that allocation has ended
	case r.ticket == m.current || r.ticket == m.former:
		return a, nil
	}
	return nil, errBadRequest // it was used, or it has been replaced twice
}

// onOwnTuple is why a ticket is refused that comes by the 5-tuple of an allocation, unless it is the retransmission of the
// Refresh that moved it there.
func (r *request) onOwnTuple(here *allocation.Allocation) error {
	m := r.tickets.of(here)
	switch {
	case m == nil:
		return errAllocationMismatch // the 5-tuple is in use
	case r.ticket == m.used && r.now < m.until && (!here.Moving() || r.table.MovesTo(here) == r.from.tuple):
		r.again = true
		return nil
	case r.ticket == m.current, r.ticket == m.former, r.ticket == m.used:
		return errBadRequest // the client has not moved
	}
	return errAllocationMismatch
}

// checkMobility checks the MOBILITY-TICKET of an Allocate, which is empty: it asks for one. RFC 8016 §3.1.2.
// A TCP allocation does not move: the RFC speaks of UDP, and its connections are
// bound to the worker that made them.
func checkMobility(rq *request, tcp bool) error {
	value, ok := rq.msg.Attribute(stun.AttrMobilityTicket)
	switch {
	case !ok:
		return nil
	case len(value) != 0:
		return errBadRequest
	case !rq.mobility || tcp:
		return errMobilityForbidden
	}
	return nil
}

// move moves the allocation to the address that a Refresh with a ticket came from, and renews the ticket for every other
// Refresh. RFC 8016 §3.2.2.
func (r *request) move() error {
	a, id := r.allocation, r.msg.TransactionID()
	switch {
	case r.again:
		return nil
	case !r.moves:
		r.tickets.renew(a, id)
		return nil
	}
	if r.visit == nil {
		if err := r.sockets.move(a, r.from); err != nil {
			return err
		}
	}
	r.tickets.use(a, r.ticket, id, r.now)
	if r.visit != nil {
		r.sockets.handOver(a, r.visit)
		return errLater
	}
	return nil
}

// settle ends a move, if this request is the first that the client sends from its new address after the one that began it.
func (r *request) settle() {
	if a := r.allocation; a != nil && a.Moving() && !r.moves && r.table.MovesTo(a) == r.from.tuple {
		r.sockets.settle(a)
	}
}
