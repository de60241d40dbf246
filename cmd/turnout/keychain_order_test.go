package main

import (
	"context"
	"testing"
	"time"

	"turnout/auth/identity"
	"turnout/internal/api"
)

// An overtaken store lets another rotation come between a write and its return, as a watch may tell of it.
type overtaken struct {
	identity.Store
	between func() // once; nil: nothing comes
}

func (s *overtaken) Write(ctx context.Context, k identity.Kind, key string, value []byte, revision uint64) (uint64, error) {
	written, err := s.Store.Write(ctx, k, key, value, revision)
	if between := s.between; between != nil && k == identity.Documents {
		s.between = nil
		between()
	}
	return written, err
}

// TestRotationsAtOnce has two rotations of a purpose end in the other order than they were written in: the later set is the one
// in use, or what the other one's key makes would be refused until the next change.
func TestRotationsAtOnce(t *testing.T) {
	t.Parallel()
	for _, purpose := range api.Purposes {
		store := &overtaken{Store: identity.NewMemory()}
		l := loaded(t)
		c := newConsole(t)
		c.parts, c.now = realParts, time.Now
		k := &keep{store: store}
		if err := c.fill(t.Context(), k, l, end{}); err != nil {
			t.Fatal(err)
		}
		if _, err := c.trust(t.Context(), l, k); err != nil {
			t.Fatal(err)
		}
		rotate := func() {
			t.Helper()
			if _, err := k.chain.Rotate(t.Context(), api.Rotation{Purpose: purpose, Lead: -1, Overlap: -1}, time.Now()); err != nil {
				t.Fatal(err)
			}
		}
		store.between = rotate
		before := k.chain.count(t, purpose)
		rotate()
		if after := k.chain.count(t, purpose); after != before+2 {
			t.Errorf("%s: %d keys are known, of %d", purpose, after, before+2)
		}
		k.close()
	}
}

// count is how many keys of a purpose are known.
func (c *keychain) count(t *testing.T, p api.Purpose) (n int) {
	t.Helper()
	all, err := c.List(t.Context(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range all {
		if k.Purpose == p {
			n++
		}
	}
	return n
}
