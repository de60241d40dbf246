package ci

import (
	"strings"
	"testing"
)

// An ending is a test of which only the way it ends is of interest.
type ending struct {
	testing.TB
	failed, skipped string
}

func (e *ending) Helper()                        {}
func (e *ending) Fatalf(format string, _ ...any) { e.failed = format }
func (e *ending) Skipf(format string, _ ...any)  { e.skipped = format }

// What is missing ends a test quietly on a machine of one's own, and loudly where it has to be there.
func TestLacks(t *testing.T) {
	for value, required := range map[string]bool{"true": true, "": false, "false": false} {
		t.Setenv("CI", value)
		e := &ending{TB: t}
		Lacks(e, "no %s here", "kernel")
		if strings.HasPrefix(e.failed, "no %s here") != required || (e.skipped != "") == required {
			t.Errorf("CI=%q: failed %q, skipped %q", value, e.failed, e.skipped)
		}
	}
}
