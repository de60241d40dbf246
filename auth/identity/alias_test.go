package identity

import (
	"slices"
	"testing"
	"time"
)

// TestAlias revokes what was issued under another name.
func TestAlias(t *testing.T) {
	t.Parallel()
	c := newClock()
	var heard []string
	r := view(t, RevocationsConfig{Now: c.now, OnSubject: func(subject string, _ time.Time) { heard = append(heard, subject) },
		Alias: func(subject string) string {
			if subject == "bob" {
				return "p-bob"
			}
			return ""
		}})
	now := c.now()
	r.revokeSubject("bob", subjectRecord{At: now.UnixMilli(), Generation: 2})
	r.revokeSubject("carol", subjectRecord{At: now.UnixMilli(), Generation: 2})
	for subject, want := range map[string]bool{"bob": true, "p-bob": true, "carol": true, "p-carol": false} {
		if got := r.Revoked([]byte(subject), []byte("x"), now, now.Add(time.Hour)); got != want {
			t.Errorf("%s: %v, want %v", subject, got, want)
		}
		if subject == "p-bob" && r.Revoked([]byte(subject), []byte("x"), now.Add(time.Millisecond), now.Add(time.Hour)) {
			t.Error("a later credential of the alias is revoked too")
		}
	}
	if want := []string{"bob", "p-bob", "carol"}; !slices.Equal(heard, want) {
		t.Errorf("heard of %q, want %q", heard, want)
	}
}
