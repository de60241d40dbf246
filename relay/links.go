package relay

import (
	"errors"
	"fmt"

	"turnout/allocation"
	"turnout/internal/netio"
)

// openTries is how many ports are tried when other processes hold them.
const openTries = 16

// open implements opener.
func (w *worker) open(a *allocation.Allocation, ipv6 bool) error {
	for range openTries {
		err := w.openRelay(a, ipv6)
		if err == nil {
			return nil
		}
		if !errors.Is(err, netio.ErrAddrInUse) {
			return fmt.Errorf("open relay socket: %w", err)
		}
		if err := w.table.Rebind(a, ipv6, w.now); err != nil {
			return err
		}
	}
	return fmt.Errorf("open relay socket: %d ports are held by other processes", openTries)
}

func (w *worker) openRelay(a *allocation.Allocation, ipv6 bool) error {
	if a.TCP() {
		return w.openTCP(a, ipv6)
	}
	s, err := w.network.OpenUDP(a.Bound(ipv6))
	if err != nil {
		return err
	}
	return w.adopt(a, ipv6, s)
}

// linkChunk is how many links are made at a time: with 216 bytes each as many as fit 16 KiB, one of the heap's sizes. They
// never move, and growing leaves no copy behind.
const linkChunk = 75

// linkAt is the link of a slot of the table, made if need be.
func (w *worker) linkAt(index int) *link {
	for len(w.links) <= index {
		chunk := new([linkChunk]link)
		for i := range chunk {
			w.links = append(w.links, &chunk[i])
		}
	}
	return w.links[index]
}

// linkOf is the link of an allocation, made if need be.
func (w *worker) linkOf(id allocation.ID) *link {
	l := w.linkAt(id.Index())
	if l.id != id {
		*l = link{id: id}
	}
	return l
}

// adopt makes s the relay socket of one family.
func (w *worker) adopt(a *allocation.Allocation, ipv6 bool, s netio.Socket) error {
	id := a.ID()
	if err := w.poller.Add(s, relayEvent(id, ipv6)); err != nil {
		w.closing = append(w.closing, s)
		return fmt.Errorf("watch relay socket: %w", err)
	}
	w.linkOf(id).relays[family(ipv6)] = s
	w.sampleRelay(id, s)
	return nil
}

// established implements opener.
func (w *worker) established(a *allocation.Allocation, from *origin) {
	l := w.links[a.ID().Index()]
	l.live = true
	l.origin = *from
	from.listener.acquire() // it is open, or the request would have been refused
	l.started = uint32(w.wall.Unix())
	l.issued = issuedAt(w.request.verified.Issued)
	l.grant = grantOf(&w.request.verified)
	w.join(a, l, true)
	w.counters.add(transportCounter(counterCreated, from.tuple.Transport), 1)
	w.counters.add(counterMade, 1)
	if from.stream != nil {
		from.stream.allocated.Store(true)
	}
}

// closeFamily implements opener.
func (w *worker) closeFamily(a *allocation.Allocation, ipv6 bool) {
	w.closeRelay(a, ipv6)
	w.table.Drop(a, ipv6, 0)
}

// end implements opener.
func (w *worker) end(a *allocation.Allocation, why EndReason) {
	w.unlink(a, why)
	if why == EndNotOpened {
		w.table.Undo(a) // nobody has heard of its ports
		return
	}
	w.table.Delete(a)
}

// expired is told what Expire is about to remove.
func (w *worker) expired(a *allocation.Allocation, ipv4, ipv6 bool) {
	if (ipv4 || !a.Has(false)) && (ipv6 || !a.Has(true)) {
		w.unlink(a, EndExpired)
		return
	}
	w.closeRelay(a, ipv6)
}

// unlink closes an allocation's sockets and tells the log.
func (w *worker) unlink(a *allocation.Allocation, why EndReason) {
	w.endConnections(a, false)
	w.endConnections(a, true)
	if why != EndNotOpened {
		w.counters.add(transportCounter(counterEnded, a.FiveTuple().Transport), 1)
		w.observeEnd(a)
		w.logEnd(a, w.table.Subject(a), w.links[a.ID().Index()].started, why)
	}
	w.closeRelay(a, false)
	w.closeRelay(a, true)
	if i := a.ID().Index(); i < len(w.links) && w.links[i].id == a.ID() {
		w.forgetOld(w.links[i])
		w.links[i].forgetNext()
		w.leave(w.links[i])
		*w.links[i] = link{}
	}
}

// observeEnd counts how long an allocation lived and what it relayed.
func (w *worker) observeEnd(a *allocation.Allocation) {
	w.counters.observe(distributionDuration, uint64(max(0, w.now-a.Created())))
	t := a.Traffic()
	w.counters.observe(distributionBytes, t.BytesIn+t.BytesOut)
}

// closeRelay closes the relay socket of one family, at the end of the round, or its listener and connections at once.
func (w *worker) closeRelay(a *allocation.Allocation, ipv6 bool) {
	w.endConnections(a, ipv6)
	id := a.ID()
	if id.Index() >= len(w.links) || w.links[id.Index()].id != id {
		return
	}
	if t := w.links[id.Index()].tcp; t != nil && t.listeners[family(ipv6)] != nil {
		t.listeners[family(ipv6)].Close()
		t.listeners[family(ipv6)] = nil
	}
	relay := &w.links[id.Index()].relays[family(ipv6)]
	if *relay == nil {
		return
	}
	if err := w.poller.Remove(*relay); err != nil {
		w.log.Warn("forgetting a relay socket failed", "address", (*relay).Local(), "error", err)
	}
	w.closing = append(w.closing, *relay)
	*relay = nil
}
