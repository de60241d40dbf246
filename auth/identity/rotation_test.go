package identity

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// ids are the names of secrets, in their order.
func (s Secrets) ids() string {
	var all []string
	for _, one := range s {
		all = append(all, one.ID)
	}
	return strings.Join(all, " ")
}

// TestRotated follows two rotations through their times: which secret issues, and which verify.
func TestRotated(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	plan := Rotation{Lead: 10 * time.Minute, Overlap: 48 * time.Hour}
	s := Secrets{{ID: "k1", Value: []byte("a")}, {ID: "k2", Value: []byte("b")}} // as made on the first start
	if got := s.Valid(noon).ids(); got != "k1 k2" || !s.Next(noon).IsZero() {
		t.Errorf("at first: %s, %v", got, s.Next(noon))
	}
	once, err := s.Rotated([]byte("c"), plan, noon, 16)
	ok(t, err)
	twice, err := once.Rotated([]byte("d"), plan, noon.Add(time.Hour), 16)
	ok(t, err)
	for _, c := range []struct {
		set   Secrets
		after time.Duration
		want  string
	}{
		{once, 0, "k1 k3 k2"},
		{once, 10*time.Minute - time.Nanosecond, "k1 k3 k2"},
		{once, 10 * time.Minute, "k3 k1 k2"},
		{once, 48*time.Hour + 10*time.Minute - time.Nanosecond, "k3 k1 k2"},
		{once, 48*time.Hour + 10*time.Minute, "k3"},
		{once, 10000 * time.Hour, "k3"},
		{twice, time.Hour, "k3 k4 k1 k2"},
		{twice, time.Hour + 10*time.Minute, "k4 k3 k1 k2"},
		{twice, 48*time.Hour + 10*time.Minute, "k4 k3"},
		{twice, 49*time.Hour + 10*time.Minute, "k4"},
	} {
		if got := c.set.Valid(noon.Add(c.after)).ids(); got != c.want {
			t.Errorf("of %s after %v: %s, want %s", c.set.ids(), c.after, got, c.want)
		}
	}
	// Next leads from change to change, and to no other time.
	var times []time.Duration
	for at := twice.Next(noon); !at.IsZero(); at = twice.Next(at) {
		times = append(times, at.Sub(noon))
	}
	if want := []time.Duration{10 * time.Minute, 70 * time.Minute, 48*time.Hour + 10*time.Minute, 49*time.Hour + 10*time.Minute}; !slices.Equal(times, want) {
		t.Errorf("changes after %v, want %v", times, want)
	}
	if s.ids() != "k1 k2" || s[0].Until != 0 {
		t.Errorf("the receiver has changed: %+v", s)
	}
	at, err := s.Rotated([]byte("c"), Rotation{Overlap: time.Hour}, noon.Add(time.Millisecond), 16)
	ok(t, err)
	if got := at.Valid(noon.Add(time.Millisecond)).ids(); got != "k3 k1 k2" {
		t.Errorf("without a lead: %s", got)
	}
	// What has ended is not written again.
	third, err := twice.Rotated([]byte("e"), plan, noon.Add(100*time.Hour), 16)
	ok(t, err)
	if third.ids() != "k5 k4" {
		t.Errorf("kept %s", third.ids())
	}
}

// TestRotatedAtOnce leaves nothing of a secret that has leaked.
func TestRotatedAtOnce(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_795_262_400, 5e8)
	s := Secrets{{ID: "k9", Value: []byte("a")}, {ID: "other", Value: []byte("b")}}
	next, err := s.Rotated([]byte("c"), Rotation{AtOnce: true, Lead: time.Hour, Overlap: time.Hour}, now, 2)
	ok(t, err)
	if got := next.Valid(now); got.ids() != "k10" || string(got[0].Value) != "c" || !next.Next(now).IsZero() {
		t.Errorf("%+v", got)
	}
}

// TestRotatedBounds refuses what would grow without end, and times that run backwards.
func TestRotatedBounds(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_795_262_400, 0)
	s := Secrets{{ID: "k1", Value: []byte("a")}}
	for _, r := range []Rotation{{Lead: -1}, {Overlap: -1}} {
		if _, err := s.Rotated([]byte("b"), r, now, 16); err == nil {
			t.Errorf("%+v is taken", r)
		}
	}
	for range 3 {
		next, err := s.Rotated([]byte("b"), Rotation{Overlap: time.Hour}, now, 4)
		ok(t, err)
		s = next
	}
	_, err := s.Rotated([]byte("b"), Rotation{Overlap: time.Hour}, now, 4)
	if err == nil || !strings.Contains(err.Error(), "4 secrets that still verify") {
		t.Errorf("a fifth of four: %v", err)
	}
	// Never none, whatever the clock says.
	ended := Secrets{{ID: "k2", Value: []byte("b"), Until: 5}, {ID: "k1", Value: []byte("a"), Until: 4}}
	if got := ended.Valid(now).ids(); got != "k2" {
		t.Errorf("of secrets that have all ended: %q", got)
	}
	if got := (Secrets{}).Valid(now); len(got) != 0 {
		t.Errorf("of none: %v", got)
	}
}
