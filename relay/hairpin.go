package relay

import "net/netip"

// hairpin finds the client whose relayed address a lane leads to: data is delivered
// in process where it is this worker's; else through the relay sockets, to the
// address that the other one is bound to: a 1:1 NAT before this host would not send
// it back. The receiver sees the sender's external address.
func (w *worker) hairpin(lane *outward) {
	if lane.target = w.table.LookupRelayed(lane.peer); lane.target != nil {
		return
	}
	if bound, ok := w.ports.Bound(lane.peer); ok {
		lane.peer = bound
	}
}

// external is the address by which the outside knows a relayed address of ours
// that something came from through the relay sockets, where live says that it is
// one of an allocation.
func (w *worker) external(from netip.AddrPort, live func(netip.AddrPort) bool) netip.AddrPort {
	for _, r := range w.nat {
		if r.Bind == from.Addr() && live(from) {
			return netip.AddrPortFrom(r.External, from.Port())
		}
	}
	return from
}
