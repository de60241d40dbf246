package relay

import (
	"turnout/allocation"
)

// move implements opener: the client goes on being served where it was until something comes from the new address. RFC
// 8016 §3.2.2.
func (w *worker) move(a *allocation.Allocation, from *origin) error {
	if !from.listener.acquire() {
		return errInsufficientCapacity // it is about to be closed
	}
	if err := w.table.BeginMove(a, from.tuple); err != nil {
		from.listener.release()
		return err
	}
	l := w.links[a.ID().Index()]
	l.forgetNext()
	next := *from
	l.next = &next
	if next.stream != nil {
		next.stream.allocated.Store(true)
	}
	w.counters.add(counterMoves, 1)
	if a.Detached() { // there is no old connection to go on with
		w.settle(a)
	}
	return nil
}

// settle implements opener: the new address is the only one from now on.
func (w *worker) settle(a *allocation.Allocation) {
	l := w.links[a.ID().Index()]
	w.forgetOld(l)
	from, to := a.FiveTuple().Transport, w.table.MovesTo(a).Transport
	w.table.EndMove(a)
	l.origin, l.next = *l.next, nil
	if from != to {
		w.counters.add(transportCounter(counterEnded, from), 1)
		w.counters.add(transportCounter(counterCreated, to), 1)
	}
}

// forgetOld gives up the address that an allocation was served at.
func (w *worker) forgetOld(l *link) {
	l.origin.listener.release()
	if s := l.origin.stream; s != nil {
		s.allocated.Store(false) // it is closed when it has been idle for long
	}
	if l.home != nil {
		tuple := l.origin.tuple
		l.home.inbox.put(post{do: func(home *worker) { home.stopForwarding(tuple, w) }})
		l.home = nil
	}
}

// forgetNext gives up the address that a client was moving to.
func (l *link) forgetNext() {
	if l.next != nil {
		l.next.listener.release()
		if l.next.stream != nil {
			l.next.stream.allocated.Store(false)
		}
	}
	l.next = nil
}

// allocationOf finds the allocation of data that a client sends; nil if there is none. The first from a new address ends
// the move there.
func (w *worker) allocationOf(from *origin) *allocation.Allocation {
	a := w.table.Lookup(from.tuple)
	if a != nil && a.Moving() && w.table.MovesTo(a) == from.tuple {
		w.settle(a)
	}
	return a
}

// disconnected is told that a stream has ended. Its allocation ends with it, unless it is mobile: then its client may come
// back by another connection as long as it lives.
func (w *worker) disconnected(s *stream) {
	s.ended = true
	a := w.table.Lookup(s.tuple)
	if a == nil {
		return
	}
	l := w.links[a.ID().Index()]
	switch {
	case l.next != nil && l.next.stream == s:
		l.forgetNext()
		w.table.CancelMove(a)
	case l.origin.stream != s: // another connection's, on the same 5-tuple
	case a.Moving():
		w.settle(a) // RFC 8016 §3.2.2: closing the old connection ends the move, too
	case w.tickets.of(a) != nil:
		w.table.Detach(a)
	default:
		w.end(a, EndDisconnected)
	}
}
