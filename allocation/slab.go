package allocation

// A ref is the number of a slab's slot plus one; 0 is none, so that zeroed slots refer to nothing.
type ref uint32

// chunkLen is how many slots a chunk has: few, so that a table that is nearly empty is small.
const chunkLen = 64

// maxRef bounds a slab: refs share their 32 bits with the kind of a node (see wheel.go).
const maxRef = 1<<nodeBits - 1

// A slab keeps values in chunks that never move, so that pointers to them stay valid while it grows. T has no
// pointers: the garbage collector does not look into chunks.
type slab[T any] struct {
	chunks []*[chunkLen]T
	free   []ref // slots given back, the last one is taken first: it is the likeliest to be cached
	used   ref   // slots ever taken
}

func (s *slab[T]) at(r ref) *T { return &s.chunks[(r-1)/chunkLen][(r-1)%chunkLen] }

func (s *slab[T]) len() int { return int(s.used) - len(s.free) }

// take hands out a slot; the caller has made sure that the slab is below its limit.
func (s *slab[T]) take() ref {
	if n := len(s.free); n > 0 {
		r := s.free[n-1]
		s.free = s.free[:n-1]
		return r
	}
	if int(s.used) == len(s.chunks)*chunkLen {
		s.chunks = append(s.chunks, new([chunkLen]T))
	}
	s.used++
	return s.used
}

// give takes a slot back. The caller has zeroed it.
func (s *slab[T]) give(r ref) { s.free = append(s.free, r) }

// A list is a doubly linked list of slots of one slab, first in first out.
type list struct {
	head, tail ref
	len        uint32
}

// links is a slot's place in a list.
type links struct{ next, prev ref }

// linked is what the slots of a list's slab are.
type linked[T any] interface {
	*T
	links() *links
}

func push[T any, P linked[T]](s *slab[T], l *list, r ref) {
	*P(s.at(r)).links() = links{prev: l.tail}
	if l.tail != 0 {
		P(s.at(l.tail)).links().next = r
	} else {
		l.head = r
	}
	l.tail = r
	l.len++
}

func unlink[T any, P linked[T]](s *slab[T], l *list, r ref) {
	k := P(s.at(r)).links()
	if k.prev != 0 {
		P(s.at(k.prev)).links().next = k.next
	} else {
		l.head = k.next
	}
	if k.next != 0 {
		P(s.at(k.next)).links().prev = k.prev
	} else {
		l.tail = k.prev
	}
	*k = links{}
	l.len--
}
