package peertest

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// An outcome is what browser/call.js returns.
type outcome struct {
	Failure       string
	Errors        []string // of gathering candidates
	Echoed        int
	FramesDecoded int
	FrameWidth    int
	FrameHeight   int
	Pairs         []candidatePair
}

// A candidatePair is the one in use on one side of the call.
type candidatePair struct{ Local, Remote, RelayProtocol string }

// TestBrowserCall has two peers in Chromium talk through the relay alone: text
// that comes back and video that is decoded, over each transport.
func TestBrowserCall(t *testing.T) {
	peers(t)
	s := start(t)
	for _, transport := range []string{"udp", "tcp"} {
		t.Run(transport, func(t *testing.T) {
			browserCall(t, "turn:"+s.address()+"?transport="+transport, transport)
		})
	}
}

// browserCall has two peers talk through the relay at url, as the static user.
func browserCall(t *testing.T, url, transport string, arguments ...string) {
	t.Helper()
	relayedCall(t, []map[string]any{{"urls": []string{url}, "username": user, "credential": password}}, transport, arguments...)
}

// relayedCall has two peers talk through the relay of iceServers, and wants everything
// back. Transport is what the browser calls the one in use.
func relayedCall(t *testing.T, iceServers []map[string]any, transport string, arguments ...string) {
	t.Helper()
	node, chromium := tool(t, "node"), tool(t, "chromium")
	if _, err := os.Stat(filepath.Join("node_modules", "playwright-core")); err != nil {
		t.Fatalf("%v: npm ci in internal/peertest, or .ci/run prepare, installs it", err)
	}
	page := httptest.NewServer(http.FileServer(http.Dir("browser")))
	defer page.Close()
	const messages, frames = 200, 30
	options, err := json.Marshal(map[string]any{
		"iceServers": iceServers, "messages": messages, "frames": frames,
	})
	if err != nil {
		t.Fatal(err)
	}
	got := runBrowser(t, node, append([]string{chromium, page.URL + "/page.html", string(options)}, arguments...)...)
	t.Logf("candidate pairs: %+v; %d of %d messages; %d frames of %dx%d", got.Pairs, got.Echoed, messages, got.FramesDecoded, got.FrameWidth, got.FrameHeight)
	if got.Failure != "" {
		t.Fatalf("%s; errors of gathering: %q", got.Failure, got.Errors)
	}
	pair := candidatePair{"relay", "relay", transport}
	if !slices.Equal(got.Pairs, []candidatePair{pair, pair}) {
		t.Errorf("candidate pairs in use: %+v, want %+v on both sides", got.Pairs, pair)
	}
	if got.Echoed != messages {
		t.Errorf("%d of %d messages came back", got.Echoed, messages)
	}
	if got.FramesDecoded < frames || got.FrameWidth != 320 || got.FrameHeight != 240 {
		t.Errorf("decoded %d frames of %dx%d, want %d of 320x240", got.FramesDecoded, got.FrameWidth, got.FrameHeight, frames)
	}
}

// runBrowser runs the script that runs the browser, with a home of its own.
func runBrowser(t *testing.T, node string, arguments ...string) (got outcome) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, node, append([]string{filepath.Join("browser", "run.mjs")}, arguments...)...)
	command.Env = append(os.Environ(), "HOME="+t.TempDir(), "TMPDIR="+t.TempDir())
	var stdout, stderr log
	command.Stdout, command.Stderr = &stdout, &stderr
	// Told to end, the script takes the browser along, which it could not if killed.
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	command.WaitDelay = 10 * time.Second
	if err := command.Run(); err != nil {
		t.Fatalf("node: %v\n%s", err, &stderr)
	}
	if err := json.Unmarshal([]byte(strings.TrimSpace(stdout.String())), &got); err != nil {
		t.Fatalf("%v in what the script printed: %s\n%s", err, &stdout, &stderr)
	}
	return got
}
