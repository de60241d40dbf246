package identity

import (
	"os"
	"testing"
)

// TestMain is also the process that a crash test kills, and ends the NATS server
// that the tests share.
func TestMain(m *testing.M) {
	if path := os.Getenv(childEnv); path != "" {
		runChild(path)
		return
	}
	code := m.Run()
	stopShared()
	os.Exit(code)
}
