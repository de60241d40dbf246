package bench

// sequenceWindow is how many sequence numbers behind the newest one a flow remembers. What arrives later than that is
// counted as lost, and as an orphan.
const sequenceWindow = 4096

// An arrival is what a sequence number says about a packet.
type arrival int

const (
	arrivalFresh     arrival = iota // the newest so far
	arrivalLate                     // for the first time, behind a newer one
	arrivalDuplicate                // for the second time
	arrivalOrphan                   // too old to tell
)

// A sequence knows which packets of a flow have arrived. Its zero value has seen none.
type sequence struct {
	next uint64 // above the newest number seen
	seen [sequenceWindow / 64]uint64
}

// mark notes the arrival of number n.
func (s *sequence) mark(n uint64) arrival {
	if n >= s.next {
		if n-s.next >= sequenceWindow {
			clear(s.seen[:])
		} else {
			for i := s.next; i <= n; i++ {
				s.seen[i/64%uint64(len(s.seen))] &^= 1 << (i % 64)
			}
		}
		s.next = n + 1
		s.set(n)
		return arrivalFresh
	}
	if s.next-n > sequenceWindow {
		return arrivalOrphan
	}
	if s.seen[n/64%uint64(len(s.seen))]>>(n%64)&1 == 1 {
		return arrivalDuplicate
	}
	s.set(n)
	return arrivalLate
}

func (s *sequence) set(n uint64) { s.seen[n/64%uint64(len(s.seen))] |= 1 << (n % 64) }

// skip takes every number below n as past, arrived or not.
func (s *sequence) skip(n uint64) {
	if n > s.next {
		s.mark(n - 1)
		s.seen[(n-1)/64%uint64(len(s.seen))] &^= 1 << ((n - 1) % 64)
	}
}
