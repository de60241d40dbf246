package relay

import (
	"net/netip"

	"turnout/allocation"
)

// hairpin delivers data sent to the relayed address of another client, in process
// where that client is this worker's (done); else the datagram goes through the
// relay sockets, to the address the other one is bound to: a 1:1 NAT before this
// host would not send it back. The receiver sees the sender's external address.
func (w *worker) hairpin(a *allocation.Allocation, ipv6 bool, peer *netip.AddrPort, payload []byte, tos uint8) (d Drop, done bool) {
	if target := w.table.LookupRelayed(*peer); target != nil {
		w.counters.traffic(trafficCounter(counterToPeers, peer.Addr()), len(payload))
		return w.fromPeer(target, a.Relayed(ipv6), payload, tos), true
	}
	if bound, ok := w.ports.Bound(*peer); ok {
		*peer = bound
	}
	return notDropped, false
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
