package relay

import (
	"net/netip"

	"turnout/allocation"
	"turnout/internal/netio"
	"turnout/stun"
)

// A burst of datagrams mostly has one sender and one destination. An outward and an
// inward lane hold what table and policy say about it, so that they are asked once
// for the burst. A lane is good while nothing but data is served: forgetLanes ends
// both before each batch and each post, and wherever a request may change what was said.

// An outward lane leads from a client to one peer.
type outward struct {
	known   bool               // it is that of channel, for the client served last
	channel stun.ChannelNumber // that leads to it; 0: an indication did

	a       *allocation.Allocation
	peer    netip.AddrPort         // where datagrams go
	target  *allocation.Allocation // the peer, where it is a client of this worker
	refused Drop                   // why nothing goes there

	link    *link        // of a
	socket  netio.Socket // that datagrams leave by
	most    int          // bytes of payload that one holds
	arrival int          // counters: of the client's family, and of the peer's
	leaving int
}

// An inward lane leads from a peer to the client of one allocation.
type inward struct {
	known bool // it is that of from, for the allocation served last
	from  netip.AddrPort

	peer    netip.AddrPort           // from, as the client knows it
	channel allocation.ChannelNumber // that is bound to it, 0 for none
	refused Drop                     // why nothing of it is relayed

	link    *link // of the allocation
	arrival int   // counters: of the peer's family, and of the client's
	leaving int
}

// forgetLanes has the next datagram look for its way anew.
func (w *worker) forgetLanes() { w.outward.known, w.inward.known = false, false }

// outwardTo finds the way from a client to a peer that it has a permission for.
func (w *worker) outwardTo(a *allocation.Allocation, peer netip.AddrPort) outward {
	l := w.links[a.ID().Index()]
	lane := outward{
		a: a, peer: peer, link: l, socket: l.relays[family(peer.Addr().Is6())], most: maxPayload(peer.Addr()),
		arrival: trafficCounter(counterFromClients, l.origin.tuple.Client.Addr()), leaving: trafficCounter(counterToPeers, peer.Addr()),
	}
	v := &w.verdict
	v.about(w.policy, peer.Addr())
	switch {
	case !a.Has(peer.Addr().Is6()):
		lane.refused = DropPeerFamily
	case (v.own || peer.Port() == 0) && !w.policy.AllowedUDP(peer, v):
		lane.refused = DropPeerDenied
	case v.relay:
		w.hairpin(&lane)
	}
	return lane
}

// inwardFrom finds the way from a peer to the client of a.
func (w *worker) inwardFrom(a *allocation.Allocation, peer netip.AddrPort) inward {
	l := w.links[a.ID().Index()]
	lane := inward{
		peer: peer, link: l,
		arrival: trafficCounter(counterFromPeers, peer.Addr()), leaving: trafficCounter(counterToClients, l.origin.tuple.Client.Addr()),
	}
	permitted, restricted := w.table.Permitted(a, peer.Addr(), w.now)
	switch {
	case !permitted:
		lane.refused = DropPeerNoPermission
	case restricted && !w.policy.AllowedUDP(peer, &w.verdict):
		lane.refused = DropPeerSource
	default:
		lane.channel, _ = w.table.Channel(a, peer, w.now)
	}
	return lane
}
