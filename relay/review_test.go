package relay

import (
	"testing"

	"turnout/allocation"
)

// A peer that a reload denies loses the permissions of every allocation, of more than a worker looks at in one go.
func TestReviewOfMany(t *testing.T) {
	t.Parallel()
	s := crowded(t, 2*reviewBatch+1)
	permitted := func() (n int) {
		for a := range s.Allocations(t.Context(), Filter{}) {
			n += a.Permissions
		}
		return n
	}
	if n := permitted(); n != 2*reviewBatch+1 {
		t.Fatalf("%d permissions", n)
	}
	c := s.config
	c.PeersDeny = prefixes("9.0.0.0/8")
	if err := s.Reload(c); err != nil {
		t.Fatal(err)
	}
	if n := permitted(); n != 2*reviewBatch+1 {
		t.Errorf("%d permissions are left of peers that are not denied", n)
	}
	c.PeersDeny = prefixes(benchPeer.Addr().String() + "/32")
	if err := s.Reload(c); err != nil {
		t.Fatal(err)
	}
	if n := permitted(); n != 0 {
		t.Errorf("%d permissions are left of a peer that is denied", n)
	}
	if n := s.Stats().AllocationsBy[allocation.UDP]; n != 2*reviewBatch+1 {
		t.Errorf("%d allocations are left", n)
	}
}
