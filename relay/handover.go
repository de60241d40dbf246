package relay

import (
	"slices"

	"turnout/allocation"
	"turnout/stun"
)

// A client that has moved is another worker's to the kernel, which goes by addresses. So its allocation moves after it:
//
//	visited                                  owner
//	Refresh with the owner's ticket
//	  visit: the request, copied      →      authenticates, checks
//	                                         takes the allocation out of its table
//	adopts allocation and sockets     ←      parcel, when its round has been sent
//	serves the request again: the ticket was used, so this is a retransmission
//
// Until the client is heard at its new address, datagrams from the old one are forwarded by the worker that gets them (the
// link's home). See docs/decisions/mobility.md.

// maxVisits bounds the requests of a worker that others are looking at, and maxForwarded the datagrams that wait at one:
// who repeats somebody's ticket fills no inbox.
const (
	maxVisits    = 256
	maxForwarded = 256
)

// A visit is a request that concerns another worker's allocation.
type visit struct {
	message []byte // a copy
	origin  origin // the client's, at the worker that it reached
	back    *worker
}

// A parcel is an allocation on its way to another worker, with its open sockets. Whoever holds it owns them.
type parcel struct {
	allocation *allocation.Handover
	link       link
	mobile     mobile
	visit      *visit
}

// owner is the worker whose ticket a Refresh carries, nil if it is not for another one to answer.
func (w *worker) owner(m stun.Message, from *origin) *worker {
	if m.Method() != stun.MethodRefresh {
		return nil
	}
	value, ok := m.Attribute(stun.AttrMobilityTicket)
	if !ok {
		return nil
	}
	t := w.tickets.open(value)
	if t == 0 || t.Worker() == w.index || t.Worker() >= len(w.workers) || w.table.Lookup(from.tuple) != nil {
		return nil
	}
	return w.workers[t.Worker()]
}

// visit has another worker look at a request. One at a time for a client: retransmissions wait for the answer.
func (w *worker) visit(owner *worker, m stun.Message, from *origin) Drop {
	if _, under := w.visiting[from.tuple]; under || len(w.visiting) >= maxVisits {
		return DropMoving
	}
	v := &visit{message: slices.Clone(m.Bytes()), origin: *from, back: w}
	if !owner.inbox.put(post{do: func(owner *worker) { owner.host(v) }}) {
		return DropMoving
	}
	if w.visiting == nil {
		w.visiting = map[allocation.FiveTuple]struct{}{}
	}
	w.visiting[from.tuple] = struct{}{}
	return notDropped
}

// host serves a request that reached another worker. Whatever becomes of it, that worker hears of it.
func (w *worker) host(v *visit) {
	var answer []byte
	handed := false
	defer func() {
		if !handed {
			v.back.inbox.put(post{do: func(back *worker) { back.visited(v, answer) }})
		}
	}()
	defer w.recovered(&v.origin, nil, v.message)
	m, err := stun.Parse(v.message)
	if err != nil {
		return // it was parsed before
	}
	rq := &w.request
	rq.begin(m, &v.origin, &w.state, w.now, w.wall)
	rq.visit = v
	code, err := rq.answer(serving(m.Method()), &w.builder, w.arena.space(answerSize))
	switch err {
	case nil:
		w.counters.add(requestCounter(m.Method(), code), 1)
		answer = slices.Clone(w.builder.Bytes())
	case errLater:
		handed = true
	default:
		w.counters.drop(DropUnauthenticatedBudget)
	}
}

// visited sends the answer of another worker, if there is one.
func (w *worker) visited(v *visit, answer []byte) {
	delete(w.visiting, v.origin.tuple)
	if answer == nil || w.deafTo(&v.origin) {
		return
	}
	if d := w.toOrigin(&v.origin, answer, nil, 0, 0, 0); d != notDropped {
		w.counters.drop(d)
	}
}

// handOver implements opener. The parcel leaves when the round has been sent: until then datagrams queued in it need the
// sockets.
func (w *worker) handOver(a *allocation.Allocation, v *visit) {
	l := w.links[a.ID().Index()]
	p := &parcel{link: *l, mobile: *w.tickets.of(a), visit: v}
	for _, s := range p.link.relays {
		if s == nil {
			continue
		}
		if err := w.poller.Remove(s); err != nil {
			w.log.Warn("forgetting a relay socket failed", "address", s.Local().String(), "error", err)
		}
	}
	p.link.forgetNext()
	switch s := p.link.origin.stream; {
	case s != nil:
		s.leaving = true
	case p.link.home == nil:
		p.link.home = w
		w.forwardTo(v.back, p.link.origin.tuple)
	case p.link.home != v.back:
		home, tuple := p.link.home, p.link.origin.tuple
		home.inbox.put(post{do: func(home *worker) { home.forwardTo(v.back, tuple) }})
	}
	if p.link.origin.stream == nil {
		p.link.origin.socket = p.link.origin.listener.sockets[v.back.index]
	}
	*l = link{}
	p.allocation = w.table.Take(a)
	w.leaving = append(w.leaving, p)
	w.counters.add(counterHandOvers, 1)
}

// sendParcels lets allocations go that were handed over in this round. A stream goes with its allocation; what it posts
// from then on comes behind the parcel.
func (w *worker) sendParcels() {
	for i, p := range w.leaving {
		w.leaving[i] = nil
		to, s := p.visit.back, p.link.origin.stream
		if s != nil {
			w.detach(s)
		}
		if !to.inbox.putThen(post{parcel: p}, func() {
			if s != nil {
				s.worker.Store(to)
			}
		}) {
			// That worker has ended, so this one is about to.
			if s != nil {
				s.leaving = false
			}
			w.refuseParcel(p)
		}
	}
	w.leaving = w.leaving[:0]
}

// acceptParcel takes in an allocation, and serves the request that brought it here.
func (w *worker) acceptParcel(p *parcel) {
	delete(w.visiting, p.visit.origin.tuple)
	defer w.recovered(&p.visit.origin, nil, p.visit.message)
	if a, err := w.takeIn(p); err == nil && w.revoked(a) {
		w.end(a, EndRevoked)
	} else if err == nil && !p.visit.origin.gone() {
		if err := w.move(a, &p.visit.origin); err != nil {
			w.log.Warn("a client that moved has another allocation", "client", p.visit.origin.tuple.Client.String())
		}
	}
	if !w.deafTo(&p.visit.origin) {
		w.serveClient(p.visit.message, 0, &p.visit.origin)
	}
}

// takeIn makes an allocation one of this worker's.
func (w *worker) takeIn(p *parcel) (*allocation.Allocation, error) {
	if s := p.link.origin.stream; s != nil {
		s.leaving = false
		w.attach(s)
	}
	if p.link.home == w {
		delete(w.forwarding, p.link.origin.tuple)
		p.link.home = nil
	}
	a, err := w.table.Adopt(p.allocation, w.now)
	if err != nil {
		w.closeParcel(p)
		return nil, err
	}
	id := a.ID()
	l := w.linkAt(id.Index())
	*l = p.link
	l.id = id
	if w.view(l.allowance); l.allowance == nil { // users may be counted since it left
		w.join(a, l, false)
	}
	w.tickets.adopt(a, p.mobile)
	w.table.Review(a, w.policy.AllowedAddr) // a reload may have changed the policy while it was on its way
	for i, s := range l.relays {
		if s == nil {
			continue
		}
		if err := w.poller.Add(s, relayEvent(id, i == 1)); err != nil {
			w.log.Error("watching the relay socket of a client that moved failed", "address", s.Local().String(), "error", err)
			w.end(a, EndSocketBroken)
			return nil, err
		}
	}
	return a, nil
}

// refuseParcel ends an allocation that came too late to be served.
func (w *worker) refuseParcel(p *parcel) {
	if a, err := w.takeIn(p); err == nil {
		w.end(a, EndShutdown)
	}
}

// closeParcel ends an allocation that no table takes.
func (w *worker) closeParcel(p *parcel) {
	a := p.allocation.Allocation()
	w.counters.add(transportCounter(counterEnded, p.link.origin.tuple.Transport), 1)
	w.observeEnd(a)
	w.logEnd(a, p.allocation.Subject(), p.link.started, EndNotAdopted)
	for _, s := range p.link.relays {
		if s != nil {
			w.closing = append(w.closing, s)
		}
	}
	w.forgetOld(&p.link)
	w.leave(&p.link)
	p.allocation.Discard()
}

// gone says that a client's connection has ended.
func (o *origin) gone() bool { return o.stream != nil && o.stream.ended }
