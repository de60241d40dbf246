package allocation

import "net/netip"

// Slots is how many slots the table has ever used: indexes of allocations are below it.
func (t *Table) Slots() int { return int(t.allocations.used) }

// At is the allocation in a slot, nil where there is none. Slots from 0 to Slots, each looked at once, are all
// allocations; one that lives all the while is met exactly once, however long the walk takes.
func (t *Table) At(index int) *Allocation {
	if index < 0 || index >= t.Slots() {
		return nil
	}
	if a := t.allocations.at(ref(index + 1)); a.id != 0 {
		return a
	}
	return nil
}

// Permissions is how many permissions the allocation has, both families together. Those that have run out less than a
// [Tick] ago count.
func (a *Allocation) Permissions() int {
	return int(a.relayed[0].permissions.len + a.relayed[1].permissions.len)
}

// Channels is how many channels are bound, likewise.
func (a *Allocation) Channels() int {
	return int(a.relayed[0].channels.len + a.relayed[1].channels.len)
}

// EachPermission yields the address and the end of every permission, the one refreshed longest ago first in its family.
func (t *Table) EachPermission(a *Allocation, yield func(peer netip.Addr, expires Time)) {
	for i := range a.relayed {
		for n := a.relayed[i].permissions.head; n != 0; n = t.permissions.at(n).order.next {
			p := t.permissions.at(n)
			yield(p.key.peer.addrPort().Addr(), p.timer.expires)
		}
	}
}

// EachChannel yields number, peer and end of every channel, likewise.
func (t *Table) EachChannel(a *Allocation, yield func(n ChannelNumber, peer netip.AddrPort, expires Time)) {
	for i := range a.relayed {
		for n := a.relayed[i].channels.head; n != 0; n = t.channels.at(n).order.next {
			c := t.channels.at(n)
			yield(c.number, c.key.peer.addrPort(), c.timer.expires)
		}
	}
}
