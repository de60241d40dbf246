package relay

import (
	"time"

	"turnout/stun"
)

// handleRefresh prolongs or deletes an allocation, or one address family of it.
// RFC 8656 §8.2.
func handleRefresh(rq *request, rs *stun.Builder) error {
	a := rq.allocation
	switch {
	case rq.refused != nil:
		return rq.refused
	case a == nil:
		return errAllocationMismatch
	}
	ipv4, ipv6, err := refreshedFamilies(rq)
	if err != nil {
		return err
	}
	if err := checkLifetime(rq); err != nil {
		return err
	}
	if asked, err := rq.msg.Uint32(stun.AttrLifetime); err == nil && asked == 0 {
		rs.AddUint32(stun.AttrLifetime, 0)
		rq.deleteFamilies(ipv4, ipv6)
		return nil
	}
	if err := rq.move(); err != nil {
		return err
	}
	granted := rq.lifetime(a.Created(), rq.renew())
	rq.table.Refresh(a, ipv4, ipv6, granted, rq.now)
	rs.AddUint32(stun.AttrLifetime, seconds(a.Expires(ipv6 && !ipv4), rq.now))
	rq.tickets.add(rs, a)
	return nil
}

// renew puts an access token that the Refresh carries in the place of the one that
// the allocation had, and returns when its credential ends; zero for never.
func (r *request) renew() time.Time {
	a := r.allocation
	if r.verified.ThirdParty {
		a.Rekey(r.owner, r.verified.Key, r.verified.Expires.Unix())
		return r.verified.Expires
	}
	if a.CredentialExpires() == 0 {
		return time.Time{}
	}
	return time.Unix(a.CredentialExpires(), 0)
}

// refreshedFamilies are those the request is about: the one it names, else all
// that the allocation has.
func refreshedFamilies(rq *request) (ipv4, ipv6 bool, err error) {
	a := rq.allocation
	f, err := rq.msg.Uint8(stun.AttrRequestedAddressFamily, 4)
	switch {
	case err == stun.ErrAbsent:
		return a.Has(false), a.Has(true), nil
	case err != nil:
		return false, false, errBadRequest
	case stun.Family(f) == stun.FamilyIPv4 && a.Has(false):
		return true, false, nil
	case stun.Family(f) == stun.FamilyIPv6 && a.Has(true):
		return false, true, nil
	}
	return false, false, errPeerFamilyMismatch
}

// deleteFamilies ends the named families; with the last one the allocation ends.
func (r *request) deleteFamilies(ipv4, ipv6 bool) {
	a := r.allocation
	switch {
	case ipv4 && a.Has(true) && !ipv6:
		r.sockets.closeFamily(a, false)
	case ipv6 && a.Has(false) && !ipv4:
		r.sockets.closeFamily(a, true)
	default:
		r.sockets.end(a, EndDeleted)
	}
}
