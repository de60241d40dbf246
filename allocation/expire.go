package allocation

// Refresh sets the time to expiry of the named families that the allocation has (RFC 8656 §8.2). One that has expired
// but that Expire has not told of lives again. A lifetime of 0 ends them at an Expire to come; a Refresh request with
// lifetime 0 is a Delete or a Drop.
func (t *Table) Refresh(a *Allocation, ipv4, ipv6 bool, lifetime Duration, now Time) {
	for i, named := range [2]bool{ipv4, ipv6} {
		if named && a.relayed[i].has {
			t.wheel.set(familyNode(a, family(i+1)), now.add(lifetime), now)
		}
	}
}

// Drop gives up one family of a dual allocation with its port, permissions and channels (RFC 8656 §8.1); it does nothing
// where Has is false. reason is 0, or at creation the code for FamilyError; the port was never used then, and need not
// cool down.
//
// After the last family nothing is left to relay by, and the caller deletes the allocation. Where that is forgotten,
// Expire ends it at the family's time.
func (t *Table) Drop(a *Allocation, ipv6 bool, reason uint16) {
	f := family(index(ipv6) + 1)
	if !a.has(f) {
		return
	}
	if reason != 0 {
		a.missing, a.missingCode = f, reason
	}
	t.dropFamily(a, f, reason == 0)
	if a.relayed[0].has || a.relayed[1].has {
		t.wheel.clear(familyNode(a, f))
	}
}

// dropFamily takes a family's state away, all but its timer. used says that its port may have been heard of.
func (t *Table) dropFamily(a *Allocation, f family, used bool) {
	r := &a.relayed[f.index()]
	for r.channels.head != 0 {
		t.removeChannel(r.channels.head)
	}
	for r.permissions.head != 0 {
		t.removePermission(r.permissions.head)
	}
	t.byRelayed.remove(r.place, a.ref())
	t.ports.release(r.place, used)
	r.has = false
	r.external, r.bound, r.place = endpoint{}, endpoint{}, place{}
}

// Delete ends an allocation: its ports go back to the pool, its user is charged no longer, and the slot is overwritten.
// On one that has ended already it does nothing, as long as the slot is not in use again.
func (t *Table) Delete(a *Allocation) { t.remove(a, true) }

// Undo is a Delete of an allocation that could not be served after all: no answer told of it and no socket was open. Its
// ports, and the one it reserved, are free at once.
func (t *Table) Undo(a *Allocation) {
	if a.hasToken {
		t.ports.cancel(t.tokens[a.ref()])
	}
	t.remove(a, false)
}

func (t *Table) remove(a *Allocation, used bool) {
	if a.id == 0 {
		return
	}
	n := a.ref()
	for _, f := range [...]family{familyIPv4, familyIPv6} {
		if a.has(f) {
			t.dropFamily(a, f, used)
		}
		t.wheel.clear(familyNode(a, f))
	}
	t.dropNext(a)
	t.dropTuple(a)
	t.ledger.release(a.user, a.subject)
	delete(t.tokens, n)
	*a = Allocation{generation: a.generation + 1} // the key too
	t.allocations.give(n)
}

// Expire tells what ended by now and then removes it: whole allocations, or one family of a dual one. An allocation ends
// whole if ipv4 and ipv6 name every family it has. ended is called before the removal, with everything still in place;
// it must not change the table, and may be nil. Permissions and channels are removed silently.
//
// It costs as much as there is to remove or to move in the wheel, however much time has passed.
func (t *Table) Expire(now Time, ended func(a *Allocation, ipv4, ipv6 bool)) {
	for {
		n, ok := t.wheel.due(now)
		if !ok {
			return
		}
		switch n.kind() {
		case nodePermission:
			t.removePermission(n.ref())
		case nodeChannel:
			t.removeChannel(n.ref())
		default:
			t.expireFamilies(t.allocations.at(n.ref()), now, ended)
		}
	}
}

// expireFamilies ends the families of a whose time has run out. They share one call of ended.
func (t *Table) expireFamilies(a *Allocation, now Time, ended func(a *Allocation, ipv4, ipv6 bool)) {
	var over [2]bool
	whole := true
	for i := range over {
		over[i] = a.relayed[i].has && a.relayed[i].timer.expires <= now
		whole = whole && over[i] == a.relayed[i].has
	}
	if ended != nil {
		ended(a, over[0], over[1])
	}
	if whole {
		t.Delete(a)
		return
	}
	for i := range over {
		if over[i] {
			t.Drop(a, i == 1, 0)
		}
	}
}

// Next is when Expire has something to do at the earliest, in whole ticks; 0 if there is nothing. Sometimes it will
// only find something refreshed that is to be looked at again later.
func (t *Table) Next() Time {
	next, ok := t.wheel.next()
	if !ok {
		return 0
	}
	if next == 0 {
		return 1 // 0 says that there is nothing
	}
	return next
}
