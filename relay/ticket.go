package relay

import (
	"turnout/allocation"
	"turnout/auth"
	"turnout/stun"
)

// ticketRetention is how long a ticket that has moved an allocation is known, so that retransmissions of that Refresh are
// answered. RFC 8016 §3.2.2 wants at least 30 s; a transaction over UDP lasts 39.5 s (RFC 8489 §6.2.1).
const ticketRetention = 40 * allocation.Second

// A ticket is what MOBILITY-TICKET says once it is opened: the worker and slot of the allocation, as its ID has them, and in
// place of the slot's generation a number that the worker gives to one ticket alone. 0 is none.
type ticket = allocation.ID

// A mobile is an allocation that may move, and the tickets that it is known by.
type mobile struct {
	id          allocation.ID      // of the allocation; another one's is stale
	transaction stun.TransactionID // of the request that current was the answer to
	current     ticket             // told last
	former      ticket             // told before it: the client may have missed the last answer
	used        ticket             // has moved the allocation, and is good for a retransmission only
	until       allocation.Time    // how long used is known
	first       uint32             // number of the first ticket it had in this slot
}

// tickets are those of one worker, which owns them.
type tickets struct {
	sealer *auth.Tickets // shared by all workers
	state  auth.TicketState
	space  [auth.TicketSize]byte
	issued uint32
	slots  []mobile // by the allocation's index
}

// of is what makes an allocation mobile; nil if it is not.
func (t *tickets) of(a *allocation.Allocation) *mobile {
	if i := a.ID().Index(); i < len(t.slots) && t.slots[i].id == a.ID() {
		return &t.slots[i]
	}
	return nil
}

// begin makes an allocation mobile, with its first ticket.
func (t *tickets) begin(a *allocation.Allocation, id stun.TransactionID) *mobile {
	i := a.ID().Index()
	for len(t.slots) <= i {
		t.slots = append(t.slots, mobile{})
	}
	first := t.next(a)
	t.slots[i] = mobile{id: a.ID(), transaction: id, current: first, first: first.Generation()}
	return &t.slots[i]
}

// next is a ticket that nobody had before.
func (t *tickets) next(a *allocation.Allocation) ticket {
	t.issued = max(t.issued+1, 1) // the slot's generation is never 0, nor is this
	return a.ID()&^(1<<32-1) | ticket(t.issued)
}

// renew gives the answer to a Refresh its own ticket. A retransmission gets the one that the request got.
func (t *tickets) renew(a *allocation.Allocation, id stun.TransactionID) {
	if m := t.of(a); m != nil && m.transaction != id {
		m.former, m.current, m.transaction = m.current, t.next(a), id
	}
}

// use notes that a ticket has moved the allocation. Both the last and the one before it are worth nothing from then on:
// the client has a new one.
func (t *tickets) use(a *allocation.Allocation, used ticket, id stun.TransactionID, now allocation.Time) {
	m := t.of(a)
	m.used, m.until = used, now+allocation.Time(ticketRetention)
	m.former, m.current, m.transaction = 0, t.next(a), id
}

// adopt keeps the tickets of an allocation that another worker had.
func (t *tickets) adopt(a *allocation.Allocation, had mobile) {
	m := t.begin(a, had.transaction)
	m.used, m.until = had.used, had.until
}

// add tells the client its present ticket. RFC 8016 §3.1.2, §3.2.2.
func (t *tickets) add(rs *stun.Builder, a *allocation.Allocation) {
	if m := t.of(a); m != nil {
		rs.Add(stun.AttrMobilityTicket, t.sealer.Append(&t.state, t.space[:0], uint64(m.current)))
	}
}

// open is the ticket behind an attribute's value; 0 for one that is not ours.
func (t *tickets) open(value []byte) ticket {
	v, err := t.sealer.Open(&t.state, value)
	if err != nil {
		return 0
	}
	return ticket(v)
}
