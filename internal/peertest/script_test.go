package peertest

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// runScript runs one of the scripts that use a browser, with a home of its own, and reads the
// line of JSON that it prints into got. Its first argument is Chromium.
func runScript(t *testing.T, script, input string, got any, arguments ...string) {
	t.Helper()
	node, chromium := tool(t, "node"), tool(t, "chromium")
	if _, err := os.Stat(filepath.Join("node_modules", "playwright-core")); err != nil {
		t.Fatalf("%v: npm ci in internal/peertest, or .ci/run prepare, installs it", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, node, append([]string{filepath.Join("browser", script), chromium}, arguments...)...)
	command.Env = append(os.Environ(), "HOME="+t.TempDir(), "TMPDIR="+t.TempDir())
	command.Stdin = strings.NewReader(input)
	var stdout, stderr log
	command.Stdout, command.Stderr = &stdout, &stderr
	// Told to end, the script takes the browser along, which it could not if killed.
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	command.WaitDelay = 10 * time.Second
	if err := command.Run(); err != nil {
		t.Fatalf("node: %v\n%s", err, &stderr)
	}
	if err := json.Unmarshal([]byte(strings.TrimSpace(stdout.String())), got); err != nil {
		t.Fatalf("%v in what the script printed: %s\n%s", err, &stdout, &stderr)
	}
}
