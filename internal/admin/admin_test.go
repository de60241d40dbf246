package admin

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"turnout/internal/web"
)

var loopback = netip.MustParseAddr("127.0.0.1")

// testConfig has a recognisable /metrics and the state that *s says.
func testConfig(s *State) Config {
	return Config{
		Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "turnout_up 1\n") }),
		State:   func() State { return *s },
		Names:   []string{"turnout.internal"},
	}
}

func TestHandler(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		method, path string
		state        State
		code         int
		body         string
	}{
		{"GET", "/livez", Starting, 200, `{"status":"ok"}`},
		{"GET", "/livez", Draining, 200, `{"status":"ok"}`},
		{"GET", "/readyz", Starting, 503, `{"status":"starting"}`},
		{"GET", "/readyz", Ready, 200, `{"status":"ok"}`},
		{"GET", "/readyz", Draining, 503, `{"status":"draining"}`},
		{"HEAD", "/readyz", Ready, 200, ""},
		{"GET", "/metrics", Ready, 200, "turnout_up 1"},
		{"POST", "/metrics", Ready, 405, `{"error":{"code":"MethodNotAllowed","message":"Only GET and HEAD are answered here."}}`},
		{"DELETE", "/nowhere", Ready, 405, `{"error":{"code":"MethodNotAllowed","message":"Only GET and HEAD are answered here."}}`},
		{"OPTIONS", "*", Ready, 405, `{"error":{"code":"MethodNotAllowed","message":"Only GET and HEAD are answered here."}}`},
		{"GET", "/", Ready, 404, `{"error":{"code":"NotFound","message":"There is nothing here. See /metrics, /livez and /readyz."}}`},
		{"GET", "/metrics/", Ready, 404, `{"error":{"code":"NotFound","message":"There is nothing here. See /metrics, /livez and /readyz."}}`},
		{"GET", "/debug/pprof/", Ready, 404, `{"error":{"code":"NotFound","message":"There is nothing here. See /metrics, /livez and /readyz."}}`},
	} {
		t.Run(c.method+c.path+" "+string(c.state), func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest(c.method, "http://localhost:9478/", nil)
			if c.path == "*" {
				r.RequestURI, r.URL.Path = "*", "*"
			} else {
				r.URL.Path = c.path
			}
			w := httptest.NewRecorder()
			Handler(loopback, testConfig(&c.state)).ServeHTTP(w, r)
			if body := strings.TrimSuffix(w.Body.String(), "\n"); w.Code != c.code || c.method != "HEAD" && body != c.body {
				t.Errorf("%d %s, want %d %s", w.Code, body, c.code, c.body)
			}
			if c.path != "/metrics" || c.code != 200 {
				if got := w.Header().Get("Content-Type"); got != "application/json; charset=utf-8" {
					t.Errorf("Content-Type %q", got)
				}
				if got := w.Header().Get("Cache-Control"); got != "no-store" {
					t.Errorf("Cache-Control %q", got)
				}
			}
			if c.code == 405 && w.Header().Get("Allow") != "GET, HEAD" {
				t.Errorf("Allow %q", w.Header().Get("Allow"))
			}
		})
	}
}

// TestDegraded asks a server that lacks something, whatever else its state is.
func TestDegraded(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		state   State
		reasons []Reason
		code    int
		body    string
	}{
		{Ready, []Reason{{"store", "The disk is full."}, {"log", "It too."}}, 200,
			`{"status":"degraded","reasons":[{"reason":"store","message":"The disk is full."},{"reason":"log","message":"It too."}]}`},
		{Ready, nil, 200, `{"status":"ok"}`},
		{Starting, []Reason{{"store", "The disk is full."}}, 503, `{"status":"starting"}`},
		{Draining, []Reason{{"store", "The disk is full."}}, 503, `{"status":"draining"}`},
	} {
		config := testConfig(&c.state)
		config.Degraded = func() []Reason { return c.reasons }
		w := httptest.NewRecorder()
		Handler(loopback, config).ServeHTTP(w, httptest.NewRequest("GET", "http://localhost/readyz", nil))
		if body := strings.TrimSuffix(w.Body.String(), "\n"); w.Code != c.code || body != c.body {
			t.Errorf("%s: %d %s, want %d %s", c.state, w.Code, body, c.code, c.body)
		}
	}
}

// TestHost asks a loopback listener, and a public one, under several names.
func TestHost(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		listener, host string
		code           int
	}{
		{"127.0.0.1", "localhost:9478", 200},
		{"127.0.0.1", "LOCALHOST", 200},
		{"127.0.0.1", "127.0.0.1:9478", 200},
		{"127.0.0.1", "[::1]:9478", 200},
		{"127.0.0.1", "[::1]", 200},
		{"127.0.0.1", "turnout.internal:9478", 200},
		{"127.0.0.1", "", 200},
		{"127.0.0.1", "127.0.0.2", 421},
		{"127.0.0.2", "127.0.0.2", 200},
		{"127.0.0.1", "attacker.example", 421},
		{"127.0.0.1", "attacker.example:9478", 421},
		{"127.0.0.1", "localhost.attacker.example", 421},
		{"127.0.0.1", "127.0.0.1.attacker.example", 421},
		{"127.0.0.1", "localhost:9478:9478", 421},
		{"::1", "attacker.example", 421},
		{"192.0.2.1", "attacker.example", 200},
		{"0.0.0.0", "turn.example.org", 200},
	} {
		state := Ready
		r := httptest.NewRequest("GET", "/readyz", nil)
		r.Host = c.host
		w := httptest.NewRecorder()
		Handler(netip.MustParseAddr(c.listener), testConfig(&state)).ServeHTTP(w, r)
		if w.Code != c.code {
			t.Errorf("Host %q on %s: %d, want %d", c.host, c.listener, w.Code, c.code)
		}
	}
}

func serve(t *testing.T) *Server {
	t.Helper()
	state := Ready
	s, err := New(netip.MustParseAddrPort("127.0.0.1:0"), testConfig(&state))
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve() }()
	t.Cleanup(func() {
		if err := s.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestServe(t *testing.T) {
	t.Parallel()
	s := serve(t)
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	r, err := client.Get("http://" + s.Addr().String() + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != 200 || strings.TrimSpace(string(body)) != `{"status":"ok"}` {
		t.Errorf("%d %s %v", r.StatusCode, body, err)
	}
	if _, err := New(s.Addr(), Config{}); err == nil {
		t.Error("a second server listens on the same port")
	}
}

// TestHeaderBound sends headers without end.
func TestHeaderBound(t *testing.T) {
	t.Parallel()
	s := serve(t)
	c, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	// The server may answer and close before all is written: what counts is its answer.
	_, _ = io.WriteString(c, "GET /livez HTTP/1.1\r\nHost: localhost\r\nX: "+strings.Repeat("x", web.HeaderBytes+8192)+"\r\n\r\n")
	r, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if r.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("answered %s", r.Status)
	}
}

func TestShutdownBeforeServe(t *testing.T) {
	t.Parallel()
	state := Starting
	s, err := New(netip.MustParseAddrPort("127.0.0.1:0"), testConfig(&state))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := s.Serve(); err != nil {
		t.Errorf("Serve after Shutdown: %v", err)
	}
	again, err := New(s.Addr(), testConfig(&state))
	if err != nil {
		t.Fatal("the port is still held: ", err)
	}
	if err := again.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
}
