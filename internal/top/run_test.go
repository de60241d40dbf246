package top

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// A listener answers as an admin listener does, and keeps what it was asked.
type listener struct {
	mu    sync.Mutex
	rows  []Allocation // guarded by mu
	asked []string     // guarded by mu
	looks int          // guarded by mu
	token string
}

func (l *listener) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.token != "" && r.Header.Get("Authorization") != "Bearer "+l.token {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	switch {
	case r.URL.Path == "/v1/status":
		l.looks++
		s := statusAt(l.looks)
		_ = json.NewEncoder(w).Encode(map[string]any{"version": s.Version, "state": "ok", "started": s.Started, "now": s.Now, "allocations": len(l.rows), "drops": s.Drops})
	case r.Method == http.MethodDelete:
		l.asked = append(l.asked, r.Method+" "+r.URL.Path)
		n := len(l.rows)
		l.rows = slices.DeleteFunc(l.rows, func(a Allocation) bool { return r.URL.Path == "/v1/allocations/"+a.ID })
		if len(l.rows) == n {
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"error":{"code":"AllocationNotFound","message":"It is not there."}}`)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	default:
		l.asked = append(l.asked, r.URL.RequestURI())
		var rows []map[string]any
		for _, a := range l.rows {
			if strings.Contains(a.Subject, r.URL.Query().Get("search")) {
				rows = append(rows, map[string]any{"id": a.ID, "subject": a.Subject, "client": a.Client, "created": a.Created, "rate": a.Rate})
			}
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"allocations": rows, "total": len(l.rows), "interval": 1})
	}
}

func (l *listener) was(asked string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Contains(l.asked, asked)
}

// A screen keeps what is drawn. It is safe for concurrent use.
type screen struct {
	mu   sync.Mutex
	text bytes.Buffer // guarded by mu
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

// last is the last frame, and all that was written.
func (s *screen) last() (frame, all string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all = s.text.String()
	return all[strings.LastIndex(all, home)+1:], all
}

// await waits until a frame has a text.
func (s *screen) await(t *testing.T, text string) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; <-time.After(time.Millisecond) {
		frame, _ := s.last()
		if strings.Contains(frame, text) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %q; the last frame is\n%s", text, frame)
		}
	}
}

// served is a client of a listener with three allocations.
func served(t *testing.T, l *listener, token func() (string, error)) *Client {
	t.Helper()
	l.rows = listOf(3).Allocations
	s := httptest.NewServer(l)
	t.Cleanup(s.Close)
	c, err := NewClient(s.URL, token)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.http.CloseIdleConnections)
	return c
}

// TestRun sorts, searches and ends one with keys, and quits.
func TestRun(t *testing.T) {
	t.Parallel()
	l := &listener{}
	c := served(t, l, nil)
	keys, type_ := io.Pipe()
	defer keys.Close()
	var out screen
	done := make(chan error, 1)
	go func() {
		done <- Run(t.Context(), c, &Model{Order: "rate"}, Screen{Keys: keys, Out: &out, Size: func() (int, int) { return 80, 24 }})
	}()
	press := func(text string) {
		t.Helper()
		if _, err := io.WriteString(type_, text); err != nil {
			t.Fatal(err)
		}
	}
	out.await(t, "198.51.100.2:4000")
	out.await(t, "dropped/s 13") // the second look
	press("s")
	out.await(t, "by bytes")
	press("/user 1\r")
	out.await(t, "1 to 1 of 3 allocations, by bytes, with user 1")
	if !l.was("/v1/allocations?limit=16&search=user+1&sort=bytes") {
		t.Errorf("asked %v", l.asked)
	}
	press("\x1b[Be")
	out.await(t, "End the allocation of user 1 from 198.51.100.1:4000?")
	press("y")
	out.await(t, "Ended: user 1, 198.51.100.1:4000")
	out.await(t, "none of 2 allocations")
	if !l.was("DELETE /v1/allocations/id1") {
		t.Errorf("asked %v", l.asked)
	}
	press("\x1b") // alone: the key
	out.await(t, "1 to 2 of 2 allocations, by bytes")
	press("q")
	if err := <-done; err != nil {
		t.Error(err)
	}
	if _, all := out.last(); !strings.HasPrefix(all, enter) || !strings.HasSuffix(all, leave) {
		t.Error("the terminal is not left as it was")
	}
}

// TestRunEnds by the end of its context, and of the terminal.
func TestRunEnds(t *testing.T) {
	t.Parallel()
	c := served(t, &listener{}, nil)
	for _, gone := range []bool{false, true} {
		ctx, cancel := context.WithCancel(t.Context())
		keys, type_ := io.Pipe()
		var out screen
		done := make(chan error, 1)
		go func() {
			done <- Run(ctx, c, &Model{Order: "rate"}, Screen{Keys: keys, Out: &out, Size: func() (int, int) { return 80, 24 }})
		}()
		out.await(t, "198.51.100.2:4000")
		if gone {
			type_.Close()
		} else {
			cancel()
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		cancel()
		type_.Close()
	}
}

func TestOnce(t *testing.T) {
	t.Parallel()
	l := &listener{token: "a token of some length"}
	c := served(t, l, func() (string, error) { return "a token of some length", nil })
	var out bytes.Buffer
	if err := Once(t.Context(), c, &Model{Order: "rate", Text: "198.51.100.0/24"}, &out, 80, 24); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(out.String(), "\n")
	if len(lines) != 12 || !strings.HasPrefix(lines[0], "turnout v1.2.3 at ") || !strings.HasPrefix(lines[4], "dropped/s 13") || !strings.Contains(lines[9], "user 2") ||
		!strings.HasPrefix(lines[10], "1 to 3 of 3 allocations") || lines[11] != "" || strings.Contains(out.String(), "\x1b") {
		t.Errorf("%d lines:\n%s", len(lines), &out)
	}
	if !l.was("/v1/allocations?client=198.51.100.0%2F24&limit=34&sort=rate") && !l.was("/v1/allocations?client=198.51.100.0%2F24&limit=16&sort=rate") {
		t.Errorf("asked %v", l.asked)
	}
}

// TestRefusals are what other answers than the expected one say.
func TestRefusals(t *testing.T) {
	t.Parallel()
	l := &listener{token: "a token of some length"}
	c := served(t, l, nil)
	m := &Model{Order: "rate"}
	size := func() (int, int) { return 80, 24 }
	if err := Run(t.Context(), c, m, Screen{Keys: strings.NewReader(""), Out: io.Discard, Size: size}); err == nil || !strings.Contains(err.Error(), "wants a token: name its file by TURNOUT_ADMIN_TOKEN_FILE") {
		t.Errorf("without the token: %v", err)
	}
	c.token = func() (string, error) { return "another of some length", nil }
	if _, err := c.Status(t.Context()); err == nil || !strings.HasSuffix(err.Error(), " refuses the token: it is not what the file of its admin.token-file holds now") {
		t.Errorf("with another token: %v", err)
	}
	c.token = func() (string, error) { return "", errors.New("no such file") }
	if err := Once(t.Context(), c, m, io.Discard, 80, 24); err == nil || err.Error() != "no such file" {
		t.Errorf("without the token's file: %v", err)
	}
	c.token = func() (string, error) { return l.token, nil }
	if err := c.End(t.Context(), "id9"); !errors.Is(err, ErrEnded) {
		t.Errorf("what has ended: %v", err)
	}
	for body, want := range map[string]string{
		"404 page not found": "answers 404, and not as an admin listener of turnout does",
		`{"error":{"code":"NotFound","message":"There is nothing here."}}`:                     "answers 404, and not as an admin listener of turnout does",
		`{"error":{"code":"Timeout","message":"The relay's workers did not answer in time."}}`: "answers 404: The relay's workers did not answer in time",
	} {
		other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, body)
		}))
		c, err := NewClient(strings.TrimPrefix(other.URL, "http://"), nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Status(t.Context()); err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%s: %v", body, err)
		}
		c.http.CloseIdleConnections()
		other.Close()
		if _, err := c.Status(t.Context()); err == nil || !strings.Contains(err.Error(), "does not answer: dial tcp") {
			t.Errorf("nobody: %v", err)
		}
	}
	for _, at := range []string{"", ":9478", "localhost", "ftp://127.0.0.1:21", "http://", "127.0.0.1", "http://127.0.0.1/?a"} {
		if c, err := NewClient(at, nil); err == nil {
			t.Errorf("%q is taken as %+v", at, c)
		}
	}
}
