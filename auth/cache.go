package auth

import "hash/maphash"

// Sizes of the cache: 512 sets of 8 entries of 256 bytes. A voice server's worker
// rarely has more users at a time, and one that has derives some keys again.
const (
	cacheSets  = 512
	cacheWays  = 8
	cachedName = 221 // bytes of a username: a subject of 142 with the longest suffix
)

// A cache remembers the long-term keys of usernames whose integrity was right.
// It holds nothing that decides on admission: expiry is read from the username
// and revocation asked for each time, so an entry can only save work.
//
// It is set-associative: a username can be in one set only, whose entries are
// replaced in turn, so that finding and adding take the same time however full
// it is. There is no pointer in it, so the garbage collector passes it by. The
// hash is seeded: clients cannot aim at a set. Longer usernames than cachedName
// are not cached.
type cache struct {
	seed    maphash.Seed
	tags    []uint64 // hash of each entry; 0: empty. Apart, so that a set is one cache line.
	entries []cached
	next    []uint8 // way of each set to replace next
}

type cached struct {
	key       [keySize]byte
	keySize   uint8
	size      uint8 // of the username
	authentic bool  // the suffix is
	username  [cachedName]byte
}

// find returns the entry of a username and an algorithm, nil if there is none.
// The entry is valid until the next add or clear.
func (c *cache) find(username []byte, a Algorithm) *cached {
	if c.tags == nil || len(username) > cachedName {
		return nil
	}
	tag := c.tag(username, a)
	first := firstOfSet(tag)
	for i, t := range c.tags[first : first+cacheWays] {
		if t != tag {
			continue
		}
		e := &c.entries[first+i]
		if string(e.username[:e.size]) == string(username) {
			return e
		}
	}
	return nil
}

// add puts in an entry, or renews it.
func (c *cache) add(username []byte, a Algorithm, key []byte, authentic bool) {
	if len(username) > cachedName {
		return
	}
	if c.tags == nil {
		c.seed = maphash.MakeSeed()
		c.tags = make([]uint64, cacheSets*cacheWays)
		c.entries = make([]cached, cacheSets*cacheWays)
		c.next = make([]uint8, cacheSets)
	}
	e := c.find(username, a)
	if e == nil {
		tag := c.tag(username, a)
		first := firstOfSet(tag)
		way := &c.next[first/cacheWays]
		i := first + int(*way)
		*way = (*way + 1) % cacheWays
		c.tags[i] = tag
		e = &c.entries[i]
	}
	e.keySize = uint8(copy(e.key[:], key))
	e.size = uint8(copy(e.username[:], username))
	e.authentic = authentic
}

// clear empties the cache and overwrites the keys in it.
func (c *cache) clear() {
	clear(c.tags)
	clear(c.entries)
}

// tag is the hash of a username with the algorithm in its low byte, so never 0.
// The upper half chooses the set.
func (c *cache) tag(username []byte, a Algorithm) uint64 {
	return maphash.Bytes(c.seed, username)&^0xFF | uint64(a)
}

// firstOfSet is the index of the first entry of the set that a tag belongs to.
func firstOfSet(tag uint64) int { return int(tag>>32%cacheSets) * cacheWays }
