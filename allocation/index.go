package allocation

import "hash/maphash"

// A slotIndex finds slots of a slab by what they hold. It keeps no key, since the slot has it: eight bytes for each entry,
// where a map of Go keeps the key again. A part of the hash stands beside the slot's number, so that a slot is looked at
// when it is most likely the right one, and so that growing hashes nothing.
//
// Entries lie in parts, each an open table of its own with linear probing. Each part grows by itself: however many entries
// there are, one that is added moves some sixteenth of them at most.
type slotIndex[K comparable] struct {
	seed  maphash.Seed
	is    func(ref, K) bool // whether a slot is found by a key
	parts [indexParts]indexPart
}

// An indexPart is a table of which three quarters are used at most. It grows by a quarter, so that three fifths are used
// at least once it has grown: 11 to 13 bytes for each entry.
type indexPart struct {
	entries []indexEntry
	len     int
}

// An indexEntry is free where its ref is 0.
type indexEntry struct {
	hash uint32 // the upper half of the key's
	ref  ref
}

const (
	indexPartBits = 4
	indexParts    = 1 << indexPartBits
	minIndexPart  = 4
)

func newSlotIndex[K comparable](is func(ref, K) bool) slotIndex[K] {
	return slotIndex[K]{seed: maphash.MakeSeed(), is: is}
}

// part is where a key's entry is, if there is one. The lowest bits of the hash choose the part, the upper half the place in it.
func (x *slotIndex[K]) part(k K) (p *indexPart, hash uint32) {
	h := maphash.Comparable(x.seed, k)
	return &x.parts[h%indexParts], uint32(h >> 32)
}

// at is the slot that has the key, 0 where none has.
func (x *slotIndex[K]) at(k K) ref {
	p, hash := x.part(k)
	if p.len == 0 {
		return 0
	}
	for i := p.home(hash); ; i = p.after(i) {
		e := p.entries[i]
		if e.ref == 0 {
			return 0
		}
		if e.hash == hash && x.is(e.ref, k) {
			return e.ref
		}
	}
}

// put adds a slot by a key that no slot has.
func (x *slotIndex[K]) put(k K, r ref) {
	p, hash := x.part(k)
	if 4*(p.len+1) > 3*len(p.entries) {
		p.grow()
	}
	p.place(indexEntry{hash, r})
	p.len++
}

// remove forgets that a slot has a key. It asks for the slot's number only: the slot may have another key already.
func (x *slotIndex[K]) remove(k K, r ref) {
	p, hash := x.part(k)
	if p.len == 0 {
		return
	}
	i := p.home(hash)
	for ; p.entries[i] != (indexEntry{hash, r}); i = p.after(i) {
		if p.entries[i].ref == 0 {
			return
		}
	}
	p.len--
	// What stands behind moves up, unless that were before its own place: a free entry ends every search.
	for j := p.after(i); p.entries[j].ref != 0; j = p.after(j) {
		if p.distance(p.home(p.entries[j].hash), j) >= p.distance(i, j) {
			p.entries[i] = p.entries[j]
			i = j
		}
	}
	p.entries[i] = indexEntry{}
}

func (x *slotIndex[K]) len() (n int) {
	for i := range x.parts {
		n += x.parts[i].len
	}
	return n
}

func (p *indexPart) grow() {
	old := p.entries
	p.entries = make([]indexEntry, max(minIndexPart, len(old)+len(old)/4))
	for _, e := range old {
		if e.ref != 0 {
			p.place(e)
		}
	}
}

// place puts an entry in the first free place.
func (p *indexPart) place(e indexEntry) {
	i := p.home(e.hash)
	for p.entries[i].ref != 0 {
		i = p.after(i)
	}
	p.entries[i] = e
}

// home is where an entry stands if nothing else does: the hash as a fraction of the table.
func (p *indexPart) home(hash uint32) int { return int(uint64(hash) * uint64(len(p.entries)) >> 32) }

// after is the place behind i; the first one comes behind the last.
func (p *indexPart) after(i int) int {
	if i++; i < len(p.entries) {
		return i
	}
	return 0
}

// distance is how many places j is behind i.
func (p *indexPart) distance(i, j int) int {
	if j < i {
		j += len(p.entries)
	}
	return j - i
}
