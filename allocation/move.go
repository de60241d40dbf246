package allocation

// BeginMove gives an allocation a second 5-tuple, of a client that is moving to another address: Lookup finds it by
// both (RFC 8016 §3.2.2). FiveTuple stays the first one until EndMove. A second BeginMove replaces what the first gave.
//
// ErrInUse if the 5-tuple is this allocation's already, or another's.
func (t *Table) BeginMove(a *Allocation, ft FiveTuple) error {
	k := ft.key()
	if t.byTuple.at(k) != 0 {
		return ErrInUse
	}
	t.dropNext(a)
	a.moving, t.moves[a.ref()] = true, k
	t.byTuple.put(k, a.ref())
	return nil
}

// EndMove makes the second 5-tuple the only one. Without a BeginMove it does nothing.
func (t *Table) EndMove(a *Allocation) {
	if !a.moving {
		return
	}
	t.dropTuple(a)
	a.tuple = t.moves[a.ref()]
	delete(t.moves, a.ref())
	a.moving, a.detached = false, false
}

// CancelMove forgets the second 5-tuple. Without a BeginMove it does nothing.
func (t *Table) CancelMove(a *Allocation) { t.dropNext(a) }

// Detach has no 5-tuple lead to the allocation any more, until a BeginMove: the client's connection has ended, and it may
// come back by another. FiveTuple goes on telling the last one.
func (t *Table) Detach(a *Allocation) {
	t.dropTuple(a)
	a.detached = true
}

// Moving says whether the allocation has a second 5-tuple.
func (a *Allocation) Moving() bool { return a.moving }

// MovesTo is the second 5-tuple of an allocation; the zero FiveTuple where Moving is false.
func (t *Table) MovesTo(a *Allocation) FiveTuple {
	k := t.moves[a.ref()]
	return k.fiveTuple()
}

// Detached says whether Detach was called and no move has ended since.
func (a *Allocation) Detached() bool { return a.detached }

// dropTuple takes the first 5-tuple out of the index.
func (t *Table) dropTuple(a *Allocation) {
	if !a.detached {
		t.byTuple.remove(a.tuple, a.ref())
	}
}

// dropNext takes the second 5-tuple out of the index.
func (t *Table) dropNext(a *Allocation) {
	if a.moving {
		t.byTuple.remove(t.moves[a.ref()], a.ref())
		delete(t.moves, a.ref())
		a.moving = false
	}
}

// Rekey hands the allocation to the holder of a later credential of the same client (RFC 7635 §9). It panics if the key is
// longer than 32 bytes.
func (a *Allocation) Rekey(owner [16]byte, key []byte, expires int64) {
	if len(key) > maxKey {
		panic("allocation: long-term key of more than 32 bytes")
	}
	a.owner, a.credential = owner, expires
	a.key = [maxKey]byte{}
	a.keyLen = uint8(copy(a.key[:], key))
}
