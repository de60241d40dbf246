package web

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"testing"
)

// TestBounds: no listener waits for a client without an end. What comes of each bound is tested where there are routes, by
// internal/api's TestSlowClients.
func TestBounds(t *testing.T) {
	t.Parallel()
	l, err := Listen(netip.MustParseAddrPort("127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	s := New(l, nil, slog.New(slog.DiscardHandler))
	if h := &s.http; h.ReadHeaderTimeout <= 0 || h.ReadTimeout <= 0 || h.WriteTimeout <= 0 || h.IdleTimeout <= 0 || h.MaxHeaderBytes <= 0 {
		t.Errorf("a bound is not set: %+v", h)
	}
	if at := s.Addr(); at.Port() == 0 || s.Where() != "http://"+at.String() {
		t.Errorf("%v, in words %s", at, s.Where())
	}
	served := make(chan error)
	go func() { served <- s.Serve(http.NotFoundHandler()) }()
	r, err := http.Get(s.Where())
	if err != nil {
		t.Fatal(err)
	}
	r.Body.Close()
	if err := s.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	if err := <-served; err != nil {
		t.Errorf("served: %v", err)
	}
	if _, err := net.Dial("tcp", s.Addr().String()); err == nil {
		t.Error("somebody listens still")
	}
}

// TestWhere names listeners of every kind.
func TestWhere(t *testing.T) {
	t.Parallel()
	l, err := Listen(netip.MustParseAddrPort("127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	secure := New(l, &tls.Config{}, slog.New(slog.DiscardHandler))
	if want := "https://" + secure.Addr().String(); secure.Where() != want {
		t.Errorf("%s, want %s", secure.Where(), want)
	}
	path := filepath.Join(t.TempDir(), "s")
	if l, err = net.Listen("unix", path); err != nil {
		t.Fatal(err)
	}
	socket := New(l, nil, slog.New(slog.DiscardHandler))
	if socket.Where() != "unix:"+path || socket.Addr().IsValid() {
		t.Errorf("%s, %v", socket.Where(), socket.Addr())
	}
	for _, s := range []*Server{secure, socket} { // which never served
		if err := s.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	}
}

func TestHosts(t *testing.T) {
	t.Parallel()
	names := []string{"turn.example"}
	for _, c := range []struct {
		at, host string
		want     bool
	}{
		{"127.0.0.1", "localhost", true},
		{"127.0.0.1", "LOCALHOST:8080", true},
		{"127.0.0.1", "127.0.0.1:8080", true},
		{"127.0.0.1", "127.0.0.1:8080:8080", false},
		{"127.0.0.1", "[::1]:8080", true},
		{"127.0.0.1", "[::1]", true},
		{"127.0.0.1", "turn.example:8443", true},
		{"127.0.0.2", "127.0.0.2", true},
		{"127.0.0.1", "127.0.0.2", false},
		{"127.0.0.1", "evil.example", false},
		{"127.0.0.1", "localhost.evil.example", false},
		{"127.0.0.1", "evil.example:localhost", false},
		{"127.0.0.1", "[localhost", true}, // no browser sends that, and it is nobody else
		{"127.0.0.1", "", false},
		{"::1", "evil.example", false},
		{"::1", "[::1]:80", true},
		{"192.0.2.1", "evil.example", true},
		{"0.0.0.0", "evil.example", true},
	} {
		if got := HostsOf(netip.MustParseAddr(c.at), names...).Answer(c.host); got != c.want {
			t.Errorf("on %s, %q is answered: %v", c.at, c.host, got)
		}
	}
	if !HostsOf(netip.Addr{}).Answer("anything") {
		t.Error("a socket does not answer")
	}
}
