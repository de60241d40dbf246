package relay

import (
	"net/netip"

	"turnout/allocation"
	"turnout/stun"
)

// handleCreatePermission installs or refreshes a permission for each peer named:
// for all of them or, on any error, for none. RFC 8656 §10.2.
func handleCreatePermission(rq *request, _ *stun.Builder) error {
	a := rq.allocation
	if a == nil {
		return errAllocationMismatch
	}
	peers := rq.peers[:0]
	for t, value := range rq.msg.Attributes() {
		if t != stun.AttrXORPeerAddress {
			continue
		}
		peer, err := rq.msg.DecodeXORAddrPort(value)
		if err != nil {
			return errBadRequest
		}
		peers = append(peers, peer.Addr())
	}
	rq.peers = peers
	if len(peers) == 0 {
		return errBadRequest
	}
	for _, peer := range peers {
		if !a.Has(peer.Is6()) { // a MUST, before what the policy MAY refuse
			return errPeerFamilyMismatch
		}
	}
	for _, peer := range peers {
		if ok, _ := rq.policy.AllowedAddr(peer); !ok {
			return errForbidden
		}
	}
	if !rq.table.CanPermit(a, peers, rq.now) {
		return rq.limited(allocation.ErrTooMany)
	}
	for _, peer := range peers {
		if err := rq.permit(peer); err != nil {
			return err
		}
	}
	return nil
}

func (r *request) permit(peer netip.Addr) error {
	_, restricted := r.policy.AllowedAddr(peer)
	return r.table.Permit(r.allocation, peer, restricted, r.now)
}
