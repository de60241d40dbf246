package allocation

import "net/netip"

// A permission lets every port of one address send to the client (RFC 8656 §9).
type permission struct {
	timer      timer
	order      links // in the allocation's list, the one refreshed longest ago first
	key        peerKey
	restricted bool // the policy allows some ports of the address only
}

func (p *permission) links() *links { return &p.order }

// Permit installs a permission for peer's address, or refreshes it, for [PermissionLifetime] (RFC 8656 §9). restricted
// says that the policy allows only some ports of peer, so that it is asked for every packet; the latest call counts.
//
// Errors, which leave everything as it was: ErrPeerFamily if the allocation has no relayed address of peer's family,
// ErrTooMany for one more than the limit. A refresh is never one more, and expired permissions do not count.
func (t *Table) Permit(a *Allocation, peer netip.Addr, restricted bool, now Time) error {
	f := familyOf(peer)
	if !a.has(f) {
		return ErrPeerFamily // RFC 8656 §10.2: 443
	}
	k := peerKey{endpointOf(peer, 0), a.ref()}
	l := &a.relayed[f.index()].permissions
	n := t.permissionByPeer.at(k)
	if n != 0 {
		unlink(&t.permissions, l, n)
	} else {
		if !t.roomForPermissions(a, 1, now) {
			return ErrTooMany // RFC 8656 §10.2: 508
		}
		n = t.permissions.take()
		t.permissions.at(n).key = k
		t.permissionByPeer.put(k, n)
	}
	push(&t.permissions, l, n)
	t.permissions.at(n).restricted = restricted
	t.wheel.set(nodePermission|node(n), now.add(PermissionLifetime), now)
	return nil
}

// CanPermit says whether Permit would succeed for every one of peers, one after the other: a CreatePermission installs
// all or none (RFC 8656 §10.2). It is false for a peer whose family the allocation does not have, too; where that
// needs another answer (443, not 508) the caller asks Has first.
func (t *Table) CanPermit(a *Allocation, peers []netip.Addr, now Time) bool {
	added := 0
	for _, peer := range peers {
		if !a.has(familyOf(peer)) {
			return false
		}
		if !t.standing(a, peer, now) {
			added++
		}
	}
	if t.roomForPermissions(a, added, now) {
		return true
	}
	// Only now does it matter whether a peer is named twice.
	distinct := make(map[netip.Addr]struct{})
	for _, peer := range peers {
		if !t.standing(a, peer, now) {
			distinct[peer.WithZone("")] = struct{}{}
		}
	}
	return t.roomForPermissions(a, len(distinct), now)
}

// standing says whether there is a permission for peer that has not expired.
func (t *Table) standing(a *Allocation, peer netip.Addr, now Time) bool {
	n := t.permissionByPeer.at(peerKey{endpointOf(peer, 0), a.ref()})
	return n != 0 && now < t.permissions.at(n).timer.expires
}

// roomForPermissions says whether n more fit. Where they do not at first, it removes what has expired.
func (t *Table) roomForPermissions(a *Allocation, n int, now Time) bool {
	if t.permissions.len()+n > maxRef {
		return false
	}
	ipv4, ipv6 := &a.relayed[0].permissions, &a.relayed[1].permissions
	if int(ipv4.len+ipv6.len)+n <= t.maxPermissions {
		return true
	}
	for _, l := range [...]*list{ipv4, ipv6} {
		for l.head != 0 && t.permissions.at(l.head).timer.expires <= now {
			t.removePermission(l.head)
		}
	}
	return int(ipv4.len+ipv6.len)+n <= t.maxPermissions
}

// Permitted says whether peer may send to the client, and the client to it (RFC 8656 §9); restricted is what the
// permission was installed with. It allocates nothing.
func (t *Table) Permitted(a *Allocation, peer netip.Addr, now Time) (ok, restricted bool) {
	f := familyOf(peer)
	if !a.lives(f, now) {
		return false, false
	}
	k := peerKey{endpointOf(peer, 0), a.ref()}
	n := t.permissionFor(a, &k)
	if n == 0 {
		return false, false
	}
	p := t.permissions.at(n)
	if p.timer.expires <= now {
		return false, false
	}
	return true, p.restricted
}

func (t *Table) removePermission(n ref) {
	p := t.permissions.at(n)
	a := t.allocations.at(p.key.allocation)
	unlink(&t.permissions, &a.relayed[p.key.peer.family.index()].permissions, n)
	t.wheel.clear(nodePermission | node(n))
	t.permissionByPeer.remove(p.key, n)
	*p = permission{}
	t.permissions.give(n)
}
