package identity

import (
	"hash/maphash"
	"slices"
	"sync"
	"sync/atomic"
)

// A table maps names to a number that only grows, and a second one. Reading takes
// no lock and allocates nothing: readers follow atomic pointers to nodes of which
// only the numbers change. One writer at a time, under mu.
type table struct {
	seed    maphash.Seed
	buckets atomic.Pointer[[]atomic.Pointer[node]]

	mu sync.Mutex
	n  int // nodes; guarded by mu
}

type node struct {
	key        string
	hash       uint64
	next       *node
	at         atomic.Int64
	generation atomic.Uint64
}

const minBuckets = 64 // a power of two, as every number of buckets

func newTable() *table {
	t := &table{seed: maphash.MakeSeed()}
	empty := make([]atomic.Pointer[node], minBuckets)
	t.buckets.Store(&empty)
	return t
}

// find gives the node of a name, nil if there is none.
func (t *table) find(key []byte) *node {
	return t.lookup(maphash.Bytes(t.seed, key), key)
}

func (t *table) lookup(hash uint64, key []byte) *node {
	b := *t.buckets.Load()
	for n := b[hash&uint64(len(b)-1)].Load(); n != nil; n = n.next {
		if n.hash == hash && n.key == string(key) {
			return n
		}
	}
	return nil
}

// raise makes the numbers of a name at least these, and says whether the first
// one has grown.
func (t *table) raise(key string, at int64, generation uint64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	hash := maphash.String(t.seed, key)
	if n := t.lookup(hash, []byte(key)); n != nil {
		n.generation.Store(max(n.generation.Load(), generation))
		before := n.at.Load()
		n.at.Store(max(before, at))
		return at > before
	}
	b := *t.buckets.Load()
	if t.n >= 2*len(b) {
		t.rebuildLocked(2*len(b), func(*node) bool { return true })
		b = *t.buckets.Load()
	}
	n := &node{key: key, hash: hash}
	n.at.Store(at)
	n.generation.Store(generation)
	head := &b[hash&uint64(len(b)-1)]
	n.next = head.Load()
	head.Store(n)
	t.n++
	return true
}

// len is how many names there are.
func (t *table) len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.n
}

// prune keeps the names whose first number is at least least.
func (t *table) prune(least int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for n := range t.nodesLocked {
		if n.at.Load() < least {
			t.pruneLocked(least)
			return
		}
	}
}

// nodesLocked yields all nodes.
func (t *table) nodesLocked(yield func(*node) bool) {
	b := *t.buckets.Load()
	for i := range b {
		for n := b[i].Load(); n != nil; n = n.next {
			if !yield(n) {
				return
			}
		}
	}
}

func (t *table) pruneLocked(least int64) {
	size := len(*t.buckets.Load())
	for size > minBuckets && t.n < size/4 {
		size /= 2
	}
	t.rebuildLocked(size, func(n *node) bool { return n.at.Load() >= least })
}

// shed drops the names with the lowest numbers where there are more than most, a
// quarter of them at once, and says which number is the highest dropped; 0 for none.
func (t *table) shed(most int) int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.n <= most {
		return 0
	}
	all := make([]int64, 0, t.n)
	for n := range t.nodesLocked {
		all = append(all, n.at.Load())
	}
	slices.Sort(all)
	highest := all[len(all)-1-most*3/4]
	t.pruneLocked(highest + 1)
	return highest
}

// rebuildLocked makes new buckets of new nodes: readers may still be at the old ones.
func (t *table) rebuildLocked(size int, keep func(*node) bool) {
	fresh := make([]atomic.Pointer[node], size)
	kept := 0
	for n := range t.nodesLocked {
		if !keep(n) {
			continue
		}
		c := &node{key: n.key, hash: n.hash}
		c.at.Store(n.at.Load())
		c.generation.Store(n.generation.Load())
		head := &fresh[n.hash&uint64(size-1)]
		c.next = head.Load()
		head.Store(c)
		kept++
	}
	t.n = kept
	t.buckets.Store(&fresh)
}
