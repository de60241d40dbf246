package relay

import (
	"net/netip"

	"turnout/allocation"
	"turnout/internal/netio"
	"turnout/stun"
)

// An allocation is told of at most icmpBurst ICMP errors at once and then of one
// every icmpInterval: whoever floods a relay socket with errors floods no client.
const (
	icmpInterval = allocation.Second / 10
	icmpBurst    = 20 * icmpInterval
)

// serveICMP relays the errors that a relay socket's datagrams provoked. RFC 8656 §11.5.
func (w *worker) serveICMP(a *allocation.Allocation, s netio.Socket) {
	defer w.recovered(nil, a, nil)
	for _, e := range w.poller.RecvErrors(s) {
		if d := w.fromICMP(a, e); d != notDropped {
			w.counters.drop(d)
		}
	}
}

func (w *worker) fromICMP(a *allocation.Allocation, e netio.ICMPError) Drop {
	peer := e.Peer
	if len(w.nat) > 0 {
		peer = w.external(peer, w.ports.Live)
	}
	if !relayedICMP(peer.Addr(), e.Type) {
		return DropICMPType
	}
	// The permission is that for the datagram's destination, not for the error's sender.
	if permitted, _ := w.table.Permitted(a, peer.Addr(), w.now); !permitted {
		return DropPeerNoPermission
	}
	l := w.links[a.ID().Index()]
	used := l.limited()
	if arrival := max(used.icmp, w.now) + allocation.Time(icmpInterval); arrival-w.now <= allocation.Time(icmpBurst) {
		used.icmp = arrival
	} else {
		return DropICMPRate
	}
	w.builder.Reset(w.arena.space(answerSize), dataIndication, w.transactionID())
	w.builder.AddXORAddrPort(stun.AttrXORPeerAddress, peer)
	w.builder.AddICMP(e.Type, e.Code, icmpData(peer.Addr(), e))
	indication := w.builder.Bytes()
	w.arena.keep(len(indication))
	return w.toOrigin(&l.origin, indication, nil, 0, 0, 0)
}

// relayedICMP says whether errors of a type are relayed: destination unreachable
// and time exceeded of ICMPv4, destination unreachable, packet too big and time
// exceeded of ICMPv6. RFC 8656 §11.5.
func relayedICMP(peer netip.Addr, typ uint8) bool {
	if peer.Is4() {
		return typ == 3 || typ == 11
	}
	return typ >= 1 && typ <= 3
}

// icmpData is the next hop's MTU where the error is about one, else 0. RFC 8656 §18.13.
func icmpData(peer netip.Addr, e netio.ICMPError) uint32 {
	if peer.Is4() && e.Type == 3 && e.Code == 4 || !peer.Is4() && e.Type == 2 {
		return e.Info
	}
	return 0
}
