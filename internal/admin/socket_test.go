package admin

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// overSocket asks a server on a Unix socket.
func overSocket(t *testing.T, path, host, target string) string {
	t.Helper()
	client := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		},
	}}
	r, err := client.Get("http://" + host + target)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.Status + " " + string(body)
}

func TestSocket(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "admin.sock")
	state := Ready
	c := testConfig(&state)
	c.API = &API{Relay: func() Relay { return nil }, Control: &fakeControl{}}
	s, err := NewOnSocket(path, c)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve() }()
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != socketMode {
		t.Errorf("%v %v", info.Mode(), err)
	}
	if s.Where() != "unix:"+path || s.Addr().IsValid() {
		t.Errorf("it is at %s, %s", s.Where(), s.Addr())
	}
	for _, host := range []string{"localhost", "anything.example"} {
		if got := overSocket(t, path, host, "/v1/status"); !strings.HasPrefix(got, "200 OK {") {
			t.Errorf("asked as %s: %s", host, got)
		}
	}
	if _, err := NewOnSocket(path, c); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("a second server: %v", err)
	}
	if got := overSocket(t, path, "localhost", "/livez"); !strings.HasPrefix(got, "200 OK") {
		t.Errorf("after the second: %s", got)
	}
	if err := s.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("the socket is left behind: %v", err)
	}
}

// TestSocketLeftBehind finds what a process that was killed left, and what is no socket.
func TestSocketLeftBehind(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "admin.sock")
	state := Ready
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := NewOnSocket(path, testConfig(&state))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	write(t, path, "a file of somebody")
	if _, err := NewOnSocket(path, testConfig(&state)); err == nil || !strings.Contains(err.Error(), "is no socket; name another path") {
		t.Errorf("a file: %v", err)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "a file of somebody" {
		t.Errorf("the file is now %q, %v", text, err)
	}
	if _, err := NewOnSocket(filepath.Join(path, "x"), testConfig(&state)); err == nil {
		t.Error("a socket below a file")
	}
}
