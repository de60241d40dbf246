package deploy

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// checkNotifyReload has systemd read the unit with the drop-in for later versions. One before 253 knows neither type nor signal,
// says so, and goes on as it would without the drop-in; nothing else may be wrong.
func checkNotifyReload(t *testing.T, unit string) {
	t.Helper()
	folder := unit + ".d"
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "notify-reload.conf"), []byte(read(t, "systemd/notify-reload.conf")), 0o644); err != nil {
		t.Fatal(err)
	}
	var version int
	if _, err := fmt.Sscanf(tool(t, "systemd-analyze", "--version"), "systemd %d", &version); err != nil {
		t.Fatal(err)
	}
	// The verdict is of the text alone: versions differ in the exit code where they ignore a line.
	out, _ := attempt(t, "systemd-analyze", "verify", "--man=no", unit)
	for line := range strings.Lines(out) {
		if version < 253 && (strings.Contains(line, "notify-reload") || strings.Contains(line, "ReloadSignal")) {
			continue
		}
		t.Errorf("systemd-analyze verify with the drop-in, systemd %d: %s", version, line)
	}
	if err := os.RemoveAll(folder); err != nil {
		t.Fatal(err)
	}
}

// TestUnit has systemd read the unit and judge how much of the system it exposes.
func TestUnit(t *testing.T) {
	tools(t)
	t.Parallel()
	const (
		installed = "/usr/local/bin/turnout"
		exposure  = "20" // of 100, where 100 is a service without any protection
	)
	unit := read(t, "systemd/turnout.service")
	if strings.Count(unit, installed) != 1 {
		t.Fatalf("the unit does not start %s", installed)
	}
	var seconds int
	_, stop, _ := strings.Cut(unit, "\nTimeoutStopSec=")
	defaults := load(t, "turnout.yaml", "listen: udp://127.0.0.1:3478\nrelay: {addresses: 127.0.0.1}\nauth: {secrets: [a-secret-of-some-length]}\n")
	drain := time.Duration(defaults.Drain.Deadline)
	if _, err := fmt.Sscanf(stop, "%ds", &seconds); err != nil || time.Duration(seconds)*time.Second < drain+10*time.Second {
		t.Errorf("turnout drains for %s and is killed after %d s (%v)", drain, seconds, err)
	}
	// systemd looks for the binary: any program will do.
	name := filepath.Join(t.TempDir(), "turnout.service")
	if err := os.WriteFile(name, []byte(strings.Replace(unit, installed, "/bin/true", 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	if out := tool(t, "systemd-analyze", "verify", "--man=no", name); out != "" {
		t.Errorf("systemd-analyze verify:\n%s", out)
	}
	checkNotifyReload(t, name)
	tool(t, "systemd-analyze", "security", "--offline=true", "--threshold="+exposure, name)
	if out, err := attempt(t, "systemd-analyze", "security", "--offline=true", "--threshold=1", name); err == nil {
		t.Errorf("no unit is that closed:\n%s", out)
	}
}
