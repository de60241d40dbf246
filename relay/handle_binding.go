package relay

import (
	"errors"

	"turnout/stun"
)

// maxPadding is the longest PADDING of a response: the MTU of Ethernet, a multiple
// of four. RFC 5780 §7.6.
const maxPadding = 1500

// handleBinding tells a client its address as the server sees it. RFC 8489 §6.3.1.1.
func handleBinding(rq *request, rs *stun.Builder) error {
	if rq.from.vantage() != nil {
		return handleDiscovery(rq, rs)
	}
	rs.AddXORAddrPort(stun.AttrXORMappedAddress, rq.from.tuple.Client)
	return nil
}

// handleDiscovery answers a Binding request that NAT discovery may be the reason
// of. RFC 5780 §6.1.
func handleDiscovery(rq *request, rs *stun.Builder) error {
	ip, port, err := rq.msg.ChangeRequest()
	if !absentOr(err) {
		return errBadRequest
	}
	client := rq.from.tuple.Client
	to, err := rq.msg.ResponsePort()
	switch {
	case errors.Is(err, stun.ErrAbsent):
		to = client.Port()
	case err != nil, to == 0:
		return errBadRequest
	case rq.msg.Has(stun.AttrPadding):
		return errBadRequest // or a response could be made larger for somebody else: RFC 5780 §10
	}
	v := rq.from.vantage().selects(ip, port)
	rq.sendFrom, rq.sendTo = v, to
	rs.AddAddrPort(stun.AttrMappedAddress, client)
	rs.AddXORAddrPort(stun.AttrXORMappedAddress, client)
	rs.AddAddrPort(stun.AttrResponseOrigin, v.origin)
	rs.AddAddrPort(stun.AttrOtherAddress, rq.from.vantage().selects(true, true).origin)
	if asked, ok := rq.msg.Attribute(stun.AttrPadding); ok {
		// No longer than what was received: RFC 5780 §10.
		rs.Add(stun.AttrPadding, padding[:min(len(asked)&^3, maxPadding)])
	}
	return nil
}

// padding is what PADDING is made of, whose content does not matter.
var padding [maxPadding]byte
