package deploy

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// tools skips a test where the tools that read these files are not asked for.
func tools(t *testing.T) {
	t.Helper()
	if os.Getenv("PEERTEST") == "" {
		t.Skip("set PEERTEST=1 (as .ci/run does) to run the tools that read these files")
	}
}

// tool runs a program to its end, wants success, and returns what it printed. The
// environment variable named like it, in capitals, says where it is if not in PATH.
func tool(t *testing.T, name string, arguments ...string) string {
	t.Helper()
	out, err := attempt(t, name, arguments...)
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(arguments, " "), err, out)
	}
	return out
}

func attempt(t *testing.T, name string, arguments ...string) (string, error) {
	t.Helper()
	path, err := exec.LookPath(name)
	if named := os.Getenv(strings.ToUpper(name)); named != "" {
		path, err = named, nil
	}
	if err != nil {
		t.Fatalf("%v: .ci/run prepare installs it", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, path, arguments...)
	command.WaitDelay = time.Second
	out, err := command.CombinedOutput()
	return string(out), err
}

// read is one of the files of this folder.
func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.FromSlash(name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
