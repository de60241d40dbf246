package peertest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// binary builds cmd/turnout once for all tests that need it.
var binary = sync.OnceValues(func() (string, error) {
	name := filepath.Join(scratch, "turnout")
	out, err := exec.Command("go", "build", "-o", name, "turnout/cmd/turnout").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build turnout: %w\n%s", err, out)
	}
	return name, nil
})

// scratch is a folder that lives as long as the test binary runs.
var scratch string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "peertest")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	scratch = dir
	return m.Run()
}

// peers skips a test where real peers are not asked for.
func peers(t *testing.T) {
	t.Helper()
	if os.Getenv("PEERTEST") == "" {
		t.Skip("set PEERTEST=1 (as .ci/run does) to run against real peers")
	}
}

// tool finds a program that the tests cannot do without.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%v: .ci/run prepare installs it", err)
	}
	return path
}

// output runs a program to its end and returns all it printed. It is killed when
// the test or ctx ends; its exit status is part of the result only as err.
func output(ctx context.Context, name string, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	return string(out), err
}
