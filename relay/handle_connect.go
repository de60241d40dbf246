package relay

import "turnout/stun"

// handleConnect opens a TCP connection from the relayed address to a peer. The
// answer follows when it stands, or will not. RFC 6062 §5.2.
func handleConnect(rq *request, _ *stun.Builder) error {
	a := rq.allocation
	if a == nil || !a.TCP() {
		return errAllocationMismatch
	}
	peer, err := rq.msg.XORAddrPort(stun.AttrXORPeerAddress)
	if err != nil {
		return errBadRequest
	}
	if !a.Has(peer.Addr().Is6()) {
		return errPeerFamilyMismatch
	}
	if rq.sockets.connected(a, peer) {
		return errConnectionExists
	}
	if !rq.policy.Connectable(peer) {
		return errForbidden
	}
	if !rq.sockets.meets(a, peer) {
		return rq.limited(errNewPeers)
	}
	return rq.limited(rq.sockets.connect(a, peer, rq))
}

// handleConnectionBind makes the connection it arrives on the client's end of a
// pending connection: what follows it there is data. RFC 6062 §5.4.
func handleConnectionBind(rq *request, rs *stun.Builder) error {
	if !rq.from.byTCP() {
		return errBadRequest
	}
	c := rq.pending()
	switch {
	case rq.allocation != nil:
		return errAllocationMismatch // a control connection carries no data: RFC 6062 §3
	case c == nil:
		return errBadRequest
	case c.owner != rq.owner:
		return errWrongCredentials // RFC 6062 §4.3: the credentials of the control connection
	case !c.bind(rq.from.stream.end()):
		return errBadRequest
	}
	rq.from.stream.bound = c
	rs.AddUint32(stun.AttrConnectionID, c.id)
	return nil
}

// pending is the connection that a ConnectionBind names, nil if none waits.
func (r *request) pending() *connection {
	if r.msg.Method() != stun.MethodConnectionBind {
		return nil
	}
	id, err := r.msg.Uint32(stun.AttrConnectionID)
	if err != nil {
		return nil
	}
	return r.connections.pending(id)
}
