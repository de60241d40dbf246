package admin

import (
	"fmt"
	"net/http/httptest"
	"testing"
	"time"
)

// TestTold counts requests by what they are for, and none by a client's words.
func TestTold(t *testing.T) {
	t.Parallel()
	state := Ready
	heard := ""
	c := testConfig(&state)
	c.Told = func(route string, status int, took time.Duration) {
		if took < 0 {
			t.Errorf("took %v", took)
		}
		heard = fmt.Sprintf("%s %d", route, status)
	}
	plain := Handler(loopback, c)
	c.API = &API{Relay: func() Relay { return nil }, Control: nil}
	full := Handler(loopback, c)
	for _, q := range []struct{ method, path, host, plain, full string }{
		{"GET", "/readyz", "localhost", "GET /readyz 200", "GET /readyz 200"},
		{"HEAD", "/livez", "localhost", "GET /livez 200", "GET /livez 200"},
		{"GET", "/metrics?name=evil", "localhost", "GET /metrics 200", "GET /metrics 200"},
		{"GET", "/evil", "localhost", "other 404", "other 404"},
		{"POST", "/evil", "localhost", "other 405", "other 405"},
		{"EVIL", "/readyz", "localhost", "other 405", "other 405"},
		{"GET", "/readyz", "evil.example", "other 421", "other 421"},
		{"GET", "/", "localhost", "other 404", "GET /{$} 200"},
		{"GET", "/v1/allocations/evil", "localhost", "other 404", "GET /v1/allocations/{id} 503"},
		{"PUT", "/v1/allocations/evil", "localhost", "other 405", "other 405"},
		{"GET", "/v1/evil", "localhost", "other 404", "other 404"},
		{"GET", "/debug/pprof/cmdline/evil", "localhost", "other 404", "GET /debug/pprof/ 404"},
	} {
		for i, want := range []string{q.plain, q.full} {
			r := httptest.NewRequest(q.method, "http://"+q.host+q.path, nil)
			heard = ""
			if i == 0 {
				plain.ServeHTTP(httptest.NewRecorder(), r)
			} else {
				full.ServeHTTP(httptest.NewRecorder(), r)
			}
			if heard != want {
				t.Errorf("%s %s of %s: heard %q, want %q", q.method, q.path, q.host, heard, want)
			}
		}
	}
}
