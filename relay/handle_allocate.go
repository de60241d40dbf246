package relay

import (
	"turnout/allocation"
	"turnout/stun"
)

// handleAllocate creates an allocation. RFC 8656 §7.2, whose checks it makes in
// the order given there.
func handleAllocate(rq *request, rs *stun.Builder) error {
	if a := rq.allocation; a != nil {
		if a.Transaction() != rq.msg.TransactionID() || a.Owner() != rq.owner {
			return errAllocationMismatch
		}
		return answerAllocate(rq, rs, a) // a retransmission: the same answer again
	}
	if tunnelled(rq.from.tuple.Client.Addr()) {
		return errForbidden
	}
	r, err := allocationRequest(rq)
	if err != nil {
		return err
	}
	if rq.draining.Load() || rq.from.listener.refuses() {
		return rq.elsewhere(r.UseReservation, errInsufficientCapacity)
	}
	a, err := rq.table.Create(rq.from.tuple, r, rq.now)
	if err != nil {
		return rq.elsewhere(r.UseReservation, rq.limited(err))
	}
	if err := openRelays(rq, a); err != nil {
		rq.sockets.end(a, EndNotOpened)
		return rq.elsewhere(r.UseReservation, err)
	}
	rq.sockets.established(a, rq.from)
	if rq.msg.Has(stun.AttrMobilityTicket) {
		rq.tickets.begin(a, rq.msg.TransactionID())
	}
	return answerAllocate(rq, rs, a)
}

// allocationRequest reads and checks the attributes of an Allocate.
func allocationRequest(rq *request) (allocation.Request, error) {
	class, known := rq.quotas.Load().of(rq.verified.Class)
	if !known {
		rq.note(noticeUnknownClass, culprit{subject: string(rq.verified.Class)})
	}
	r := allocation.Request{
		Transaction: rq.msg.TransactionID(),
		Owner:       rq.owner,
		Key:         rq.verified.Key,
		Subject:     string(rq.verified.Subject),
		MaxPerUser:  class.Allocations,
		Prefer:      rq.from.tuple.Server.Addr(),
	}
	if rq.verified.Charged {
		r.User = r.Subject
	}
	if !rq.verified.Expires.IsZero() {
		r.Expires = rq.verified.Expires.Unix()
	}
	transport, err := rq.msg.Uint8(stun.AttrRequestedTransport, 4)
	if err != nil {
		return r, errBadRequest
	}
	if r.TCP, err = requestedTCP(rq, allocation.Transport(transport)); err != nil {
		return r, err
	}
	if err := requestedPort(rq, &r); err != nil {
		return r, err
	}
	if err := requestedFamilies(rq, &r); err != nil {
		return r, err
	}
	if r.ReserveNext && r.Additional {
		return r, errBadRequest
	}
	if rq.msg.Has(stun.AttrDontFragment) && blindToDF(rq.from, r.IPv6) {
		rq.unknown = append(rq.unknown[:0], stun.AttrDontFragment) // RFC 8656 §7.2, item 4
		return r, errUnknownAttribute
	}
	if err := checkLifetime(rq); err != nil {
		return r, err
	}
	if err := checkMobility(rq, r.TCP); err != nil {
		return r, err
	}
	r.Lifetime = rq.lifetime(rq.now, rq.verified.Expires)
	return r, nil
}

// requestedTCP says whether a TCP allocation is asked for. RFC 6062 §5.1.
func requestedTCP(rq *request, t allocation.Transport) (bool, error) {
	switch {
	case t == allocation.UDP:
		return false, nil
	case t != allocation.TCP || rq.connections == nil:
		return false, errUnsupportedTransport
	case !rq.from.byTCP(), rq.msg.Has(stun.AttrDontFragment), rq.msg.Has(stun.AttrEvenPort), rq.msg.Has(stun.AttrReservationToken):
		return false, errBadRequest
	}
	return true, nil
}

// requestedPort reads EVEN-PORT and RESERVATION-TOKEN.
func requestedPort(rq *request, r *allocation.Request) error {
	even, err := rq.msg.Uint8(stun.AttrEvenPort, 1)
	switch err {
	case nil:
		r.EvenPort, r.ReserveNext = true, even&0x80 != 0
	case stun.ErrAbsent:
	default:
		return errBadRequest
	}
	token, ok := rq.msg.Attribute(stun.AttrReservationToken)
	if !ok {
		return nil
	}
	if len(token) != len(r.Reservation) || r.EvenPort ||
		rq.msg.Has(stun.AttrRequestedAddressFamily) || rq.msg.Has(stun.AttrAdditionalAddressFamily) {
		return errBadRequest
	}
	r.UseReservation = true
	copy(r.Reservation[:], token)
	return nil
}

// requestedFamilies reads REQUESTED-ADDRESS-FAMILY and ADDITIONAL-ADDRESS-FAMILY.
func requestedFamilies(rq *request, r *allocation.Request) error {
	requested, rerr := rq.msg.Uint8(stun.AttrRequestedAddressFamily, 4)
	additional, aerr := rq.msg.Uint8(stun.AttrAdditionalAddressFamily, 4)
	if rerr == nil && aerr == nil || !absentOr(rerr) || !absentOr(aerr) {
		return errBadRequest
	}
	switch {
	case rerr == nil && stun.Family(requested) == stun.FamilyIPv6:
		r.IPv6 = true
	case rerr == nil && stun.Family(requested) != stun.FamilyIPv4:
		return errFamilyNotSupported
	case aerr == nil && stun.Family(additional) != stun.FamilyIPv6:
		return errBadRequest
	case aerr == nil:
		r.IPv4, r.IPv6, r.Additional = true, true, true
	default:
		r.IPv4 = true // RFC 8656 §7.2: absent stands for IPv4
	}
	return nil
}

// checkLifetime refuses a LIFETIME that is there but malformed.
func checkLifetime(rq *request) error {
	if _, err := rq.msg.Uint32(stun.AttrLifetime); !absentOr(err) {
		return errBadRequest
	}
	return nil
}

// absentOr says that an optional attribute was read or is not there.
func absentOr(err error) bool { return err == nil || err == stun.ErrAbsent }

// openRelays opens the relay socket of each family. Of a dual allocation one may
// fail, which the answer tells (RFC 8656 §7.2, item 9).
func openRelays(rq *request, a *allocation.Allocation) error {
	for _, ipv6 := range [...]bool{false, true} {
		if !a.Has(ipv6) {
			continue
		}
		err := rq.sockets.open(a, ipv6)
		if err == nil {
			continue
		}
		if !a.Has(!ipv6) {
			return errInsufficientCapacity
		}
		rq.table.Drop(a, ipv6, uint16(stun.CodeInsufficientCapacity))
	}
	return nil
}

// answerAllocate writes the success response, also of a retransmission.
func answerAllocate(rq *request, rs *stun.Builder, a *allocation.Allocation) error {
	expires := allocation.Time(0)
	for _, ipv6 := range [...]bool{false, true} {
		if a.Has(ipv6) {
			rs.AddXORAddrPort(stun.AttrXORRelayedAddress, a.Relayed(ipv6))
			expires = max(expires, a.Expires(ipv6))
		}
	}
	if ipv6, c, ok := a.FamilyError(); ok {
		rs.AddAddressErrorCode(wireFamily(ipv6), stun.Code(c))
	}
	rs.AddUint32(stun.AttrLifetime, seconds(expires, rq.now))
	if token, ok := rq.table.Token(a); ok {
		rs.Add(stun.AttrReservationToken, token[:])
	}
	rs.AddXORAddrPort(stun.AttrXORMappedAddress, rq.from.tuple.Client)
	rq.tickets.add(rs, a)
	return nil
}

func wireFamily(ipv6 bool) stun.Family {
	if ipv6 {
		return stun.FamilyIPv6
	}
	return stun.FamilyIPv4
}
