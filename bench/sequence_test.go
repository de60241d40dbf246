package bench

import (
	"math/rand/v2"
	"testing"
)

// TestSequence holds the bitmap against a set, with numbers that jump, come late, come twice and come far too late.
func TestSequence(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		var s sequence
		seen := map[uint64]bool{}
		next := uint64(0)
		for range 2000 {
			var n uint64
			switch random.IntN(10) {
			case 0: // far ahead
				n = next + random.Uint64N(2*sequenceWindow)
			case 1: // anywhere behind, also beyond memory
				n = next - min(random.Uint64N(2*sequenceWindow), next)
			case 2: // a little behind
				n = next - min(random.Uint64N(8), next)
			default:
				n = next
			}
			want := arrivalFresh
			switch {
			case n >= next:
				next = n + 1
			case next-n > sequenceWindow:
				want = arrivalOrphan
			case seen[n]:
				want = arrivalDuplicate
			default:
				want = arrivalLate
			}
			if want != arrivalOrphan {
				seen[n] = true
			}
			if got := s.mark(n); got != want || s.next != next {
				t.Fatalf("number %d, next %d: got %d, next %d, want %d", n, next, got, s.next, want)
			}
		}
	}
}

// TestSequenceSkip gives up on numbers; one of them that comes after all is late, and no duplicate.
func TestSequenceSkip(t *testing.T) {
	t.Parallel()
	var s sequence
	s.mark(0)
	s.skip(10)
	s.skip(5)
	if s.next != 10 {
		t.Errorf("next is %d, want 10", s.next)
	}
	for n, want := range map[uint64]arrival{0: arrivalDuplicate, 9: arrivalLate, 4: arrivalLate, 10: arrivalFresh} {
		if got := s.mark(n); got != want {
			t.Errorf("number %d: got %d, want %d", n, got, want)
		}
	}
}
