package relay

import "turnout/stun"

// handleBinding tells a client its address as the server sees it. RFC 8489 §6.3.1.1.
func handleBinding(rq *request, rs *stun.Builder) error {
	rs.AddXORAddrPort(stun.AttrXORMappedAddress, rq.from.tuple.Client)
	return nil
}
