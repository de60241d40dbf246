package relay

import (
	"net/netip"

	"turnout/allocation"
	"turnout/stun"
)

// serveClient serves one message from a client: a datagram, or a frame of a stream.
func (w *worker) serveClient(b []byte, tos uint8, from *origin) {
	defer w.recovered(from, nil, b)
	if len(w.forwarding) > 0 && from.stream == nil {
		if to := w.forwarding[from.tuple]; to != nil {
			if d := w.forward(to, b, tos, from); d != notDropped {
				w.counters.drop(d)
			}
			return
		}
	}
	if d := w.fromClient(b, tos, from); d != notDropped {
		w.counters.drop(d)
	}
}

// fromClient tells STUN from ChannelData by the first byte. RFC 7983 §7.
func (w *worker) fromClient(b []byte, tos uint8, from *origin) Drop {
	switch stun.Classify(b) {
	case stun.KindChannelData:
		return w.channelData(b, tos, from)
	case stun.KindSTUN:
		return w.message(b, tos, from)
	}
	return DropNotSTUN
}

// message serves a STUN message. RFC 8489 §6.3: what does not fit is discarded silently.
func (w *worker) message(b []byte, tos uint8, from *origin) Drop {
	w.forgetLanes()
	m, err := stun.Parse(b)
	if err != nil {
		return w.classic(b, from)
	}
	if m.CheckFingerprint() != nil {
		return DropFingerprint
	}
	switch m.Class() {
	case stun.ClassRequest:
		return w.answer(m, from)
	case stun.ClassIndication:
		switch m.Method() {
		case stun.MethodSend:
			return w.sendIndication(m, tos, from)
		case stun.MethodBinding:
			return notDropped // a keep-alive: RFC 8489 §6.3.2
		}
	}
	return DropMethod
}

// answer serves a request and queues the response.
func (w *worker) answer(m stun.Message, from *origin) Drop {
	h := serving(m.Method())
	if h == nil || w.connections == nil && (h == &methodConnect || h == &methodConnectionBind) {
		return DropMethod
	}
	if owner := w.owner(m, from); owner != nil {
		return w.visit(owner, m, from)
	}
	rq := &w.request
	rq.begin(m, from, &w.state, w.now, w.wall)
	size := answerSize
	if from.vantage() != nil {
		size += maxPadding
	}
	code, err := rq.answer(h, &w.builder, w.arena.space(size))
	switch err {
	case nil:
	case errLater:
		return notDropped
	default:
		return DropUnauthenticatedBudget
	}
	w.counters.add(requestCounter(m.Method(), code), 1)
	response := w.builder.Bytes()
	w.arena.keep(len(response))
	if v := rq.sendFrom; v != nil { // RFC 5780 §6.1
		from.socket = v.listener.sockets[w.index]
		from.tuple.Client = netip.AddrPortFrom(from.tuple.Client.Addr(), rq.sendTo)
	}
	return w.toOrigin(from, response, nil, 0, 0, 0)
}

// channelData relays a ChannelData message to the peer of its channel. RFC 8656 §12.6.
func (w *worker) channelData(b []byte, tos uint8, from *origin) Drop {
	n, payload, err := stun.ParseChannelData(b)
	if err != nil {
		return DropChannelMalformed
	}
	if n > w.lastChannel {
		return DropChannelReserved
	}
	lane := &w.outward
	if !lane.known || lane.channel != n {
		a := w.allocationOf(from)
		if a == nil {
			return DropNoAllocation
		}
		peer, permitted, ok := w.table.Peer(a, allocation.ChannelNumber(n), w.now)
		switch {
		case !ok:
			return DropChannelUnbound
		case !permitted:
			return DropNoPermission
		}
		*lane = w.outwardTo(a, peer)
		lane.known, lane.channel = true, n
	}
	return w.toPeer(lane, payload, tos, false)
}

// sendIndication relays the data of a Send indication. RFC 8656 §11.2.
func (w *worker) sendIndication(m stun.Message, tos uint8, from *origin) Drop {
	a := w.allocationOf(from)
	if a == nil {
		return DropNoAllocation
	}
	if a.TCP() {
		return DropTCPAllocation
	}
	if w.unknown = m.UnknownRequired(w.unknown[:0], w.known); len(w.unknown) > 0 {
		return DropUnknownRequired
	}
	peer, err := m.XORAddrPort(stun.AttrXORPeerAddress)
	data, ok := m.Attribute(stun.AttrData)
	if err != nil || !ok {
		return DropIndicationMalformed
	}
	if permitted, _ := w.table.Permitted(a, peer.Addr(), w.now); !permitted {
		return DropNoPermission
	}
	lane := w.outwardTo(a, peer)
	if lane.refused == notDropped && !w.meets(a, peer) {
		w.note(LimitNewPeers, w.links[a.ID().Index()].whoHas())
		return DropNewPeers
	}
	return w.toPeer(&lane, data, tos, m.Has(stun.AttrDontFragment) && !translated(from, peer.Addr().Is6()))
}
