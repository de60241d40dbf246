package relay

import (
	"net/netip"

	"turnout/allocation"
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
}

// An inward lane leads from a peer to the client of one allocation.
type inward struct {
	known bool // it is that of from, for the allocation served last
	from  netip.AddrPort

	peer    netip.AddrPort           // from, as the client knows it
	channel allocation.ChannelNumber // that is bound to it, 0 for none
	refused Drop                     // why nothing of it is relayed
}

// forgetLanes has the next datagram look for its way anew.
func (w *worker) forgetLanes() { w.outward.known, w.inward.known = false, false }

// outwardTo finds the way from a client to a peer that it has a permission for.
func (w *worker) outwardTo(a *allocation.Allocation, peer netip.AddrPort) outward {
	lane := outward{a: a, peer: peer}
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
	lane := inward{peer: peer}
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
