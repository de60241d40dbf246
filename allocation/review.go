package allocation

import "net/netip"

// Review asks about the peer of every permission again, since what is allowed has changed, and removes those whose peer is not
// any more. Channels bound to such a peer stay bound, and carry nothing until there is a permission again. restricted is as in
// [Table.Permit]. It says how many were removed.
func (t *Table) Review(a *Allocation, allowed func(peer netip.Addr) (ok, restricted bool)) (removed int) {
	for i := range a.relayed {
		for n := a.relayed[i].permissions.head; n != 0; {
			p := t.permissions.at(n)
			next := p.order.next
			ok, restricted := allowed(p.key.peer.addrPort().Addr())
			if ok {
				p.restricted = restricted
			} else {
				t.removePermission(n)
				removed++
			}
			n = next
		}
	}
	return removed
}
