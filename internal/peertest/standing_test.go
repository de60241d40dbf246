package peertest

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// standingCalls are calls in a browser that go on while something is done to the relay.
type standingCalls struct {
	in      io.WriteCloser
	answers *bufio.Scanner
	printed *log
}

// A standingCall is what browser/standing.js says of one.
type standingCall struct {
	Echoed, Lost int // messages that came back; packets of the video that never came, since the beginning
	Pair         candidatePair
	Faults       []string
}

// beginCalls has Chromium make a call by each of the URLs, through the relay alone.
func beginCalls(t *testing.T, urls []string, arguments ...string) *standingCalls {
	t.Helper()
	node, chromium := tool(t, "node"), tool(t, "chromium")
	page := httptest.NewServer(http.FileServer(http.Dir("browser")))
	t.Cleanup(page.Close)
	command := exec.Command(node, append([]string{filepath.Join("browser", "standing.mjs"), chromium, page.URL + "/standing.html"}, arguments...)...)
	command.Env = append(os.Environ(), "HOME="+t.TempDir(), "TMPDIR="+t.TempDir())
	c := &standingCalls{printed: &log{}}
	command.Stderr = c.printed
	var err error
	if c.in, err = command.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.answers = bufio.NewScanner(out)
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.in.Close() // and the script takes the browser along
		late := time.AfterFunc(20*time.Second, func() { command.Process.Kill() })
		defer late.Stop()
		if err := command.Wait(); err != nil {
			t.Errorf("the browser: %v\n%s", err, c.printed)
		}
	})
	var servers []map[string]any
	for _, url := range urls {
		servers = append(servers, map[string]any{"urls": []string{url}, "username": user, "credential": password})
	}
	c.ask(t, "begin", servers)
	return c
}

// ask has the page run one of its functions.
func (c *standingCalls) ask(t *testing.T, function string, argument any) (calls []standingCall) {
	t.Helper()
	if err := json.NewEncoder(c.in).Encode([]any{function, argument}); err != nil {
		t.Fatalf("%s: %v\n%s", function, err, c.printed)
	}
	if !c.answers.Scan() {
		t.Fatalf("%s: the browser ended: %v\n%s", function, c.answers.Err(), c.printed)
	}
	if err := json.Unmarshal(c.answers.Bytes(), &calls); err != nil {
		t.Fatalf("%s: %v: %s", function, err, c.answers.Text())
	}
	return calls
}

// goOn wants messages to come back and video to be decoded in every call, by the transports it
// began with, and none to have been interrupted since its beginning.
func (c *standingCalls) goOn(t *testing.T, transports ...string) {
	t.Helper()
	const messages = 100
	calls := c.ask(t, "check", map[string]int{"messages": messages, "frames": 20})
	if len(calls) != len(transports) {
		t.Fatalf("%d calls, want %d", len(calls), len(transports))
	}
	for i, call := range calls {
		want := candidatePair{"relay", "relay", transports[i]}
		if call.Echoed != messages || call.Pair != want || len(call.Faults) > 0 {
			t.Errorf("the call by %s: %d of %d messages came back, by %+v, and the connection was %q", transports[i], call.Echoed, messages, call.Pair, call.Faults)
		}
	}
	t.Logf("the calls go on: %s", fmt.Sprint(calls))
}
