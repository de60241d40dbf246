package relay

import "turnout/allocation"

// translated says that between a client's datagrams and a relayed address the
// packets are translated: from or to IPv6, or from one IPv6 flow to another. The
// DF bit or the Fragment header of what arrives decides there how it goes on, and
// DONT-FRAGMENT is ignored (RFC 8656 §13). It counts from streams, which have no such
// headers (§15), and between IPv4 and IPv4, where nothing is translated (§14).
func translated(from *origin, ipv6 bool) bool {
	datagrams := from.tuple.Transport == allocation.UDP || from.tuple.Transport == allocation.DTLS
	return datagrams && (ipv6 || from.tuple.Client.Addr().Is6())
}

// blindToDF says that an Allocate asks for a translation of IPv4 datagrams to IPv6
// with DONT-FRAGMENT. No socket tells the DF bit of a datagram that arrives, and a
// server that cannot see it must reject the request. RFC 8656 §3.7.
func blindToDF(from *origin, ipv6 bool) bool {
	return translated(from, ipv6) && from.tuple.Client.Addr().Is4()
}
