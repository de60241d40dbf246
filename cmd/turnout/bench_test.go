package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"turnout/bench"
	"turnout/internal/ports"
)

// asCommand makes this test's program the command itself, which bench starts as its parts.
const asCommand = "TEST_AS_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
	}
	os.Setenv(asCommand, "1") // for children only
	os.Exit(m.Run())
}

// TestBenchUsage refuses what cannot be meant, before anything is started.
func TestBenchUsage(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args   string
		code   int
		stderr string
	}{
		{"bench", exitUsage, "turnout: bench needs a scenario, or --quick; see turnout bench --help\n"},
		{"bench video", exitUsage, `turnout: no scenario "video", but one-flow-1200, `},
		{"bench voice --flows 0", exitUsage, "turnout: scenario voice: 0 flows, of 1 to 60000\n"},
		{"bench voice --payload 8 --carrier pigeon", exitUsage, "\nturnout: scenario voice: a payload of 8 bytes"},
		{"bench voice --rounds 0", exitUsage, "turnout: --rounds 0 is not between 1 and 100\n"},
		{"bench voice --duration 1h", exitUsage, "turnout: --duration 1h0m0s is not between 100ms and 2m0s\n"},
		{"bench voice --warmup -1s", exitUsage, "turnout: --warmup -1s is not between 0 and 2m0s\n"},
		{"bench voice --quick", exitUsage, "turnout: --quick runs every scenario"},
		{"bench voice --server 127.0.0.1:9", exitUsage, "turnout: --server needs credentials: set TURN_USERNAME and TURN_CREDENTIAL"},
		{"bench voice --server 192.0.2.1:3478", exitFailure, "turnout: server 192.0.2.1:3478 is not on loopback: load may hurt whoever shares the way to it; --allow-remote says that it is meant\n"},
		{"bench voice --server nowhere", exitFailure, "is not host:port"},
		{"bench ten-flows --flows 59999", exitFailure, "59999 flows need 60127 descriptors in one process, and the limit is"},
		{"bench compare video", exitUsage, `turnout: no scenario "video"`},
		{"bench compare --servers turnout,apache", exitUsage, `no server "apache", but turnout, coturn, pion, turnout-watched, turnout-unwatched`},
		{"bench compare --servers turnout,turnout", exitUsage, "names turnout twice"},
		{"bench compare ten-flows --servers turnout --out /dev/null/results", exitFailure, "turnout: mkdir /dev/null: not a directory; a file stands where a folder must be"},
		{"bench compare --quick", exitUsage, "unknown flag: --quick"},
	} {
		t.Run(c.args, func(t *testing.T) {
			t.Parallel()
			a := newConsole(t)
			if code := a.run(t.Context(), strings.Fields(c.args)); code != c.code || !strings.Contains(a.err.String(), c.stderr) || a.out.String() != "" {
				t.Errorf("exit %d, want %d; stderr %q, want %q in it; stdout %q", code, c.code, &a.err, c.stderr, &a.out)
			}
		})
	}
}

// TestBench measures a relay that it starts, over UDP, TCP and TLS.
func TestBench(t *testing.T) {
	t.Parallel()
	a := newConsole(t)
	args := "bench ten-flows streams-1200 tls-1200 --flows 2 --rounds 1 --duration 700ms --warmup 10ms --json"
	if code := a.run(t.Context(), strings.Fields(args)); code != exitOK {
		t.Fatalf("exit %d: %s", code, &a.err)
	}
	report := readReport(t, a)
	if len(report.Results) != 3 || report.Rounds != 1 || !report.Delivered() || report.Corrupt() != 0 {
		t.Fatalf("the report is %s", &a.out)
	}
	for _, r := range report.Results {
		x := r.Servers[0]
		if r.Scenario.Flows != 2 || x.Rounds[0].Memory == nil || x.Summary.Relayed.Median == 0 || strings.Join(x.Command[1:], " ") != "serve --config DIR/turnout.yaml" {
			t.Errorf("%s: %+v", r.Scenario.Name, x)
		}
	}
	if n := strings.Count(a.err.String(), "\n"); n != 7 || !strings.Contains(a.err.String(), "6 of 6: turnout, tls-1200") {
		t.Errorf("progress is told as %q", &a.err)
	}
}

func readReport(t *testing.T, a *console) (r bench.Report) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.out.String()), &r); err != nil {
		t.Fatalf("%v: %s", err, &a.out)
	}
	return r
}

// TestBenchServer measures a relay that runs already, with static credentials.
func TestBenchServer(t *testing.T) {
	t.Parallel()
	address := "127.0.0.1:" + ports.One(t)
	configuration := file(t, fmt.Sprintf("listen: [udp://%[1]s]\nauth: {users: {alice: wonderland}}\nrelay: {addresses: 127.0.0.1, workers: 1}\npeers: {allow: [127.0.0.0/8]}\n", address))
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	server := newConsole(t)
	server.parts = realParts
	served := make(chan int, 1)
	go func() { served <- server.run(ctx, []string{"serve", "--config", configuration}) }()
	// The first requests may come before the relay listens: they are repeated.
	a := newConsole(t, "TURN_USERNAME=alice", "TURN_CREDENTIAL=wonderland")
	code := a.run(t.Context(), strings.Fields("bench ten-flows --server "+address+" --rounds 1 --duration 700ms --json"))
	stop()
	if code := <-served; code != exitOK {
		t.Errorf("serve: exit %d: %s", code, &server.err)
	}
	if code != exitOK {
		t.Fatalf("exit %d: %s", code, &a.err)
	}
	r := readReport(t, a)
	if x := r.Results[0].Servers[0]; !r.Delivered() || x.Server != address || x.Rounds[0].Memory != nil || x.Summary.CPU.Median != 0 {
		t.Errorf("%+v", x)
	}
}

// TestBenchInterrupted ends a long measurement early: with an error, and soon.
func TestBenchInterrupted(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	a := newConsole(t)
	began := time.Now()
	code := a.run(ctx, strings.Fields("bench ten-flows --duration 2m"))
	if code != exitFailure || !strings.Contains(a.err.String(), "interrupted") || a.out.String() != "" {
		t.Errorf("exit %d, stdout %q, stderr %q", code, &a.out, &a.err)
	}
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("it took %v to end", took)
	}
}

// TestBenchReport writes the files of a comparison. Without Go there is no program that draws, which is said, and costs the
// picture alone.
func TestBenchReport(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	a := newConsole(t)
	folder := t.TempDir()
	args := "bench compare ten-flows --servers turnout --rounds 1 --duration 100ms --out " + folder
	if code := a.run(t.Context(), strings.Fields(args)); code != exitFailure || !strings.Contains(a.err.String(), "turnout: build draw in bench/plot") {
		t.Errorf("exit %d: %s", code, &a.err)
	}
	if !strings.Contains(a.out.String(), "| ten-flows | turnout | ") {
		t.Errorf("stdout is %s", &a.out)
	}
	for extension, want := range map[string]string{".json": `"Results"`, ".md": "| ten-flows | turnout | "} {
		text, err := os.ReadFile(filepath.Join(folder, noon.Format("2006-01-02")+extension))
		if err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s: %v, want %q in it", extension, err, want)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(folder, "*.svg")); len(left) != 0 {
		t.Errorf("%v is left of a picture that was not drawn", left)
	}
}
