package relay

import (
	"net/netip"

	"turnout/allocation"
	"turnout/stun"
)

// handleChannelBind binds a channel number to a peer, or refreshes the binding,
// and installs a permission for the peer. RFC 8656 §12.2.
func handleChannelBind(rq *request, _ *stun.Builder) error {
	a := rq.allocation
	if a == nil {
		return errAllocationMismatch
	}
	if a.TCP() {
		return errBadRequest // channels carry data, and a control connection does not: RFC 6062 §3
	}
	n, peer, err := channelBindAttributes(rq)
	if err != nil {
		return err
	}
	if !a.Has(peer.Addr().Is6()) { // the one answer here that is a MUST, so it comes first
		return errPeerFamilyMismatch
	}
	if n < firstChannel || n > rq.lastChannel {
		return errBadRequest
	}
	if !rq.policy.Allowed(peer) {
		return errForbidden
	}
	if !rq.sockets.meets(a, peer) {
		return rq.limited(errNewPeers)
	}
	_, restricted := rq.policy.AllowedAddr(peer.Addr())
	return rq.limited(rq.table.BindChannel(a, allocation.ChannelNumber(n), peer, restricted, rq.now))
}

func channelBindAttributes(rq *request) (stun.ChannelNumber, netip.AddrPort, error) {
	n, err := rq.msg.ChannelNumber()
	if err != nil {
		return 0, netip.AddrPort{}, errBadRequest
	}
	peer, err := rq.msg.XORAddrPort(stun.AttrXORPeerAddress)
	if err != nil {
		return 0, netip.AddrPort{}, errBadRequest
	}
	return n, peer, nil
}

const (
	firstChannel         stun.ChannelNumber = 0x4000
	lastChannel          stun.ChannelNumber = 0x4FFF // RFC 8656 §12
	lastChannelOfRFC5766 stun.ChannelNumber = 0x7FFF
)
