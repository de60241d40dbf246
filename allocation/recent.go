package allocation

// What was found last is likely to be looked up next: a burst of datagrams has one 5-tuple, and most allocations talk to one
// peer. Looking there first spares a hash of the whole key.
//
// For permissions and channels it is only a place to look: the slot there has the key that was asked for or another one
// (none, where it is free), so that nothing has to be kept up to date.

// A tupleIndex finds allocations by 5-tuple. Every change of it forgets the last one found.
type tupleIndex struct {
	refs slotIndex[tupleKey]

	// The last that was found; recent is 0 where there is none.
	tuple  FiveTuple
	recent ref
}

func newTupleIndex(is func(ref, tupleKey) bool) tupleIndex {
	return tupleIndex{refs: newSlotIndex(is)}
}

// find is 0 where no allocation has the 5-tuple.
func (x *tupleIndex) find(ft FiveTuple) ref {
	if x.recent != 0 && x.tuple == ft {
		return x.recent
	}
	r := x.refs.at(ft.key())
	if r != 0 {
		x.tuple, x.recent = ft, r
	}
	return r
}

func (x *tupleIndex) at(k tupleKey) ref { return x.refs.at(k) }

func (x *tupleIndex) put(k tupleKey, r ref) {
	x.refs.put(k, r)
	x.recent = 0
}

func (x *tupleIndex) remove(k tupleKey, r ref) {
	x.refs.remove(k, r)
	x.recent = 0
}

func (x *tupleIndex) len() int { return x.refs.len() }

// permissionFor finds a's permission with the key k, expired or not; 0 if there is none. A slot that is free has no key.
func (t *Table) permissionFor(a *Allocation, k *peerKey) ref {
	if r := a.recent.permission; r != 0 && r <= t.permissions.used && t.permissions.at(r).key == *k {
		return r
	}
	r := t.permissionByPeer.at(*k)
	a.recent.permission = r
	return r
}

// channelTo finds a's channel with the key k, expired or not; 0 if there is none.
func (t *Table) channelTo(a *Allocation, k *peerKey) ref {
	if r := a.recent.channel; r != 0 && r <= t.channels.used && t.channels.at(r).key == *k {
		return r
	}
	r := t.channelByPeer.at(*k)
	a.recent.channel = r
	return r
}

// channelNumbered finds a's channel n, expired or not; 0 if there is none.
func (t *Table) channelNumbered(a *Allocation, n ChannelNumber) ref {
	if r := a.recent.channel; r != 0 && r <= t.channels.used {
		if c := t.channels.at(r); c.number == n && c.key.allocation == a.ref() {
			return r
		}
	}
	r := t.channelByNumber.at(makeChannelKey(a.ref(), n))
	a.recent.channel = r
	return r
}
