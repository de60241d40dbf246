// Package ci tells tests what their machine owes them. A developer's machine may lack a program or a
// right, and a test that needs it is skipped there. Continuous integration installs what tests need: there
// the same test fails, or what it checks would one day be checked nowhere, and nobody told.
package ci

import (
	"os"
	"testing"
)

// Required says whether nothing may be missing: the variable CI is "true", as services for continuous integration set it.
func Required() bool { return os.Getenv("CI") == "true" }

// Lacks ends a test for want of something that the arguments name, as those of fmt.Sprintf: skipped, or failed where
// nothing may be missing.
func Lacks(t testing.TB, format string, args ...any) {
	t.Helper()
	if Required() {
		t.Fatalf(format+" (CI is \"true\", where nothing may be missing)", args...)
		return
	}
	t.Skipf(format, args...)
}
