package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

func TestStatus(t *testing.T) {
	t.Parallel()
	o := newOperated(t)
	o.state = Draining
	o.control.state = DrainState{true, noon.Add(time.Hour)}
	v := o.object("GET", "/v1/status")
	for path, want := range map[string]string{
		"version": "v1.2.3", "revision": "abc", "started": "2026-11-21T12:00:00Z", "state": "draining",
		"allocations": "5", "allocationsTotal": "12", "allocationsByTransport udp": "2", "allocationsByTransport dtls": "0",
		"relayed fromClients packets": "5", "relayed fromClients bytes": "6", "relayed toPeers bytes": "0",
		"drops handshake_failed": "9", "drops not_stun": "0", "authentications ok": "0", "requests": "[]",
		"ports used": "3", "ports all": "16384", "connections": "7", "workers": "2",
		"drain draining": "true", "drain deadline": "2026-11-21T13:00:00Z",
		"config hash": "0123456789abcdef", "config loaded": "2026-11-21T12:00:00Z", "reasons": "[]",
	} {
		var parts []any
		for _, p := range strings.Fields(path) {
			parts = append(parts, p)
		}
		if got := at(v, parts...); got != want {
			t.Errorf("%s is %s, want %s", path, got, want)
		}
	}
	if buckets, _ := json.Marshal(v["latency"]); string(buckets) != `{"buckets":[{"count":6,"le":0.001},{"count":10,"le":0.01},{"count":11,"le":"+Inf"}]}` {
		t.Errorf("latency %s", buckets)
	}
	if now, err := time.Parse(time.RFC3339, at(v, "now")); err != nil || time.Since(now) > time.Minute {
		t.Errorf("now is %s", at(v, "now"))
	}
}

// TestStatusDegraded has /v1/status say what /readyz says.
func TestStatusDegraded(t *testing.T) {
	t.Parallel()
	o := newOperated(t, func(c *Config) {
		c.Degraded = func() []Reason { return []Reason{{"store", "The disk is full."}, {"log", "It too."}} }
	})
	if v := o.object("GET", "/v1/status"); at(v, "state") != "ok" || at(v, "reasons") != "[The disk is full. It too.]" {
		t.Errorf("%s because of %s", at(v, "state"), at(v, "reasons"))
	}
}

// TestWithoutRelay asks before the relay listens.
func TestWithoutRelay(t *testing.T) {
	t.Parallel()
	o := newOperated(t, func(c *Config) { c.API.Relay = func() Relay { return nil } })
	if v := o.object("GET", "/v1/status"); at(v, "allocations") != "0" || at(v, "drops", "handshake_failed") != "9" {
		t.Errorf("status %v", v)
	}
	for _, target := range []string{"GET /v1/allocations", "GET /v1/allocations/0000000100000001", "DELETE /v1/allocations?subject=a", "DELETE /v1/allocations/0000000100000001", "POST /v1/drain", "POST /v1/undrain"} {
		method, path, _ := strings.Cut(target, " ")
		if w := o.ask(method, path); w.Code != 503 || !strings.Contains(w.Body.String(), `"RelayUnavailable"`) {
			t.Errorf("%s: %d %s", target, w.Code, w.Body)
		}
	}
}

func TestList(t *testing.T) {
	t.Parallel()
	o := newOperated(t)
	for query, want := range map[string]string{
		"":                                       "5: 0 1 2 3 4",
		"?limit=2":                               "5: 0 1 next=0000000200000001",
		"?limit=2&cursor=0000000200000001":       "5: 2 3 next=0000000400000001",
		"?limit=1&cursor=0000000400000001":       "5: 4",
		"?limit=5":                               "5: 0 1 2 3 4",
		"?subject=alice":                         "5: 0 2 4",
		"?search=lic&limit=1":                    "5: 0 next=0000000100000001",
		"?subject=":                              "5: 0 1 2 3 4",
		"?transport=tls":                         "5: 1 3",
		"?client=198.51.100.3":                   "5: 3",
		"?client=198.51.100.2/31":                "5: 2 3",
		"?client=198.51.100.3/31":                "5: 2 3",
		"?client=198.51.100.3:4000":              "5: 3",
		"?client=198.51.100.3:4001":              "5:",
		"?relayed=50002":                         "5: 2",
		"?relayed=:50002":                        "5: 2",
		"?relayed=2001:db8::1":                   "5: 0 1 2 3 4",
		"?relayed=[2001:db8::1]":                 "5: 0 1 2 3 4",
		"?relayed=[2001:db8::1]:50001":           "5:",
		"?relayed=192.0.2.1:50004&subject=alice": "5: 4",
	} {
		v := o.object("GET", "/v1/allocations"+query)
		rows, _ := v["allocations"].([]any)
		got := at(v, "total") + ":"
		for _, row := range rows {
			got += " " + strings.TrimSuffix(strings.TrimPrefix(at(row, "client"), "198.51.100."), ":4000")
		}
		if next, ok := v["next"]; ok {
			got += fmt.Sprint(" next=", next)
		}
		if rows == nil || got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
	w := o.ask("GET", "/v1/allocations?limit=1&subject=bob")
	const want = `{"allocations":[{"id":"0000000200000001","subject":"bob","class":"gold","bandwidth":64000,"transport":"tls","client":"198.51.100.1:4000","server":"192.0.2.1:3478","protocol":"udp",` +
		`"relayed":["192.0.2.1:50001","[2001:db8::1]:50000"],"created":"2026-11-21T12:00:00Z","expires":"2026-11-21T12:10:00Z","permissions":2,"channels":1,` +
		`"fromClient":{"packets":3,"bytes":300},"toClient":{"packets":4,"bytes":400}}],"next":"0000000200000001","total":5}`
	if got := strings.TrimSpace(w.Body.String()); got != want {
		t.Errorf("a row is\n%s, want\n%s", got, want)
	}
}

func TestShowAndEnd(t *testing.T) {
	t.Parallel()
	o := newOperated(t)
	v := o.object("GET", "/v1/allocations/0000000300000001")
	peers, err := json.Marshal(v["peers"])
	const want = `[{"address":"203.0.113.10","permissionExpires":"2026-11-21T12:03:00Z"},` +
		`{"address":"203.0.113.9:9000","channel":16384,"channelExpires":"2026-11-21T12:02:00Z","permissionExpires":"2026-11-21T12:01:00Z"}]`
	if err != nil || string(peers) != want || at(v, "subject") != "alice" {
		t.Errorf("shown: %v", v)
	}
	for _, c := range []struct {
		method, target string
		code           int
		body           string
	}{
		{"DELETE", "/v1/allocations/0000000300000001", 204, ""},
		{"DELETE", "/v1/allocations/0000000300000001", 404, "AllocationNotFound"},
		{"GET", "/v1/allocations/0000000300000001", 404, "AllocationNotFound"},
		{"GET", "/v1/allocations/everything", 404, "AllocationNotFound"},
		{"DELETE", "/v1/allocations/everything", 404, "AllocationNotFound"},
		{"DELETE", "/v1/allocations", 400, "ValidationError"},
		{"DELETE", "/v1/allocations?subject=", 400, "ValidationError"},
		{"DELETE", "/v1/allocations?subject=alice&subject=bob", 400, "ValidationError"},
		{"DELETE", "/v1/allocations?subject=alice&client=198.51.100.0", 400, "ValidationError"},
		{"DELETE", "/v1/allocations?subject=%zz", 400, "ValidationError"},
		{"DELETE", "/v1/allocations?subject=nobody", 200, `{"ended":0}`},
		{"DELETE", "/v1/allocations?subject=alice", 200, `{"ended":2}`},
		{"GET", "/v1/allocations?limit=0", 400, "limit"},
		{"GET", "/v1/allocations?limit=1001", 400, "limit"},
		{"GET", "/v1/allocations?limit=ten", 400, "limit"},
		{"GET", "/v1/allocations?cursor=1", 400, "cursor"},
		{"GET", "/v1/allocations?transport=sctp", 400, "transport"},
		{"GET", "/v1/allocations?client=nobody", 400, "client"},
		{"GET", "/v1/allocations?relayed=0", 400, "relayed"},
		{"GET", "/v1/allocations?sbuject=alice", 400, "sbuject"},
		{"GET", "/v1/allocations/", 404, "NotFound"},
		{"GET", "/v1/", 404, "NotFound"},
		{"PUT", "/v1/drain", 405, "This path answers POST."},
		{"GET", "/v1/drain", 405, "This path answers POST."},
		{"POST", "/v1/allocations", 405, "This path answers DELETE, GET, HEAD."},
		{"HEAD", "/v1/status", 200, ""},
		{"GET", "/v1/config", 200, `{"realm":"turnout"}`},
		{"POST", "/v1/reload", 200, `{"changed":["log.level"],"restart":[],"hash":"fedcba9876543210"}`},
		{"POST", "/v1/drain", 200, `{"draining":true}`},
		{"POST", "/v1/drain", 200, `{"draining":true}`},
		{"POST", "/v1/undrain", 200, `{"draining":false}`},
		{"GET", "/debug/pprof/", 200, "goroutine"},
		{"GET", "/debug/pprof/goroutine?debug=1", 200, "goroutine profile"},
		{"GET", "/debug/pprof/cmdline", 404, ""},
		{"POST", "/debug/pprof/profile", 405, "GET and HEAD"},
	} {
		w := o.ask(c.method, c.target)
		if w.Code != c.code || !strings.Contains(w.Body.String(), c.body) {
			t.Errorf("%s %s: %d %s, want %d %s", c.method, c.target, w.Code, w.Body, c.code, c.body)
		}
		if c.code >= 400 && c.code != 404 && w.Header().Get("Content-Type") != "application/json; charset=utf-8" {
			t.Errorf("%s %s: an error of type %s", c.method, c.target, w.Header().Get("Content-Type"))
		}
	}
	o.control.broken = errors.New("turnout.yaml:3: realm: is too long")
	if w := o.ask("POST", "/v1/reload"); w.Code != 422 || !strings.Contains(w.Body.String(), `{"code":"ConfigurationRefused","message":"The configuration in use stays: turnout.yaml:3: realm: is too long"}`) {
		t.Errorf("reload of a broken file: %d %s", w.Code, w.Body)
	}
	o.control.stopping = true
	if w := o.ask("POST", "/v1/undrain"); w.Code != 409 || !strings.Contains(w.Body.String(), "turnout has been told to stop.") {
		t.Errorf("undrain on the way to the end: %d %s", w.Code, w.Body)
	}
}

// TestCrossOrigin asks for changes as a browser does for pages of other sites, and of this one.
func TestCrossOrigin(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		header string
		code   int
	}{
		{"Sec-Fetch-Site: cross-site", 403},
		{"Sec-Fetch-Site: same-site", 403},
		{"Origin: http://attacker.example", 403},
		{"Origin: null", 403},
		{"Origin: http://localhost:9999", 403},
		{"Sec-Fetch-Site: same-origin", 200},
		{"Sec-Fetch-Site: none", 200},
		{"Origin: http://localhost:9478", 200},
		{"User-Agent: curl", 200},
	} {
		o := newOperated(t)
		for _, target := range []string{"POST /v1/drain", "DELETE /v1/allocations?subject=alice", "DELETE /v1/allocations/0000000200000001"} {
			method, path, _ := strings.Cut(target, " ")
			w := o.ask(method, path, c.header)
			if got := w.Code; got != c.code && (got != 204 || c.code != 200) {
				t.Errorf("%s with %s: %d, want %d", target, c.header, got, c.code)
			}
		}
		if left := len(o.relay.rows); c.code == 403 && (left != 5 || o.control.Draining().Draining) {
			t.Errorf("%s: %d allocations are left, and it drains: %v", c.header, left, o.control.Draining().Draining)
		}
		w := o.ask("GET", "/v1/status", c.header)
		if w.Code != 200 || w.Header().Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("reading with %s: %d, and other origins may read it: %q", c.header, w.Code, w.Header().Get("Access-Control-Allow-Origin"))
		}
	}
}

// TestProfileOfOthers asks for profiles as a browser does for a picture on a page, for a link, and for an address typed in.
func TestProfileOfOthers(t *testing.T) {
	t.Parallel()
	o := newOperated(t)
	for _, c := range []struct {
		site, mode string
		code       int
	}{
		{"cross-site", "no-cors", 403},
		{"same-site", "cors", 403},
		{"cross-site", "navigate", 200},
		{"same-origin", "cors", 200},
		{"none", "navigate", 200},
		{"", "", 200},
	} {
		if w := o.ask("GET", "/debug/pprof/goroutine?debug=1", "Sec-Fetch-Site: "+c.site, "Sec-Fetch-Mode: "+c.mode); w.Code != c.code {
			t.Errorf("%s, %s: %d, want %d", c.site, c.mode, w.Code, c.code)
		}
	}
}

// TestBody sends more than any request needs.
func TestBody(t *testing.T) {
	t.Parallel()
	o := newOperated(t)
	for _, c := range []struct{ size, code int }{{0, 200}, {2, 200}, {mostBody, 200}, {mostBody + 1, 413}} {
		w := httptest.NewRecorder()
		o.handler.ServeHTTP(w, httptest.NewRequest("POST", "http://localhost/v1/drain", strings.NewReader(strings.Repeat("x", c.size))))
		if w.Code != c.code {
			t.Errorf("a body of %d bytes: %d, want %d", c.size, w.Code, c.code)
		}
	}
}

// TestSlowBody sends one that does not arrive: that is told as what it is.
func TestSlowBody(t *testing.T) {
	t.Parallel()
	o := newOperated(t)
	for _, body := range []io.Reader{iotest.ErrReader(os.ErrDeadlineExceeded), io.MultiReader(strings.NewReader("{"), iotest.ErrReader(io.ErrUnexpectedEOF))} {
		w := httptest.NewRecorder()
		o.handler.ServeHTTP(w, httptest.NewRequest("POST", "http://localhost/v1/drain", body))
		if w.Code != 408 || !strings.Contains(w.Body.String(), "RequestTimeout") || o.control.Draining().Draining {
			t.Errorf("%d %s, draining: %v", w.Code, w.Body, o.control.Draining().Draining)
		}
	}
}

// TestNames asks the API as a page would whose name was made to point here, and the second listener.
func TestNames(t *testing.T) {
	t.Parallel()
	o := newOperated(t)
	r := httptest.NewRequest("GET", "http://attacker.example/v1/status", nil)
	w := httptest.NewRecorder()
	o.handler.ServeHTTP(w, r)
	if w.Code != 421 {
		t.Errorf("another name: %d", w.Code)
	}
	o = newOperated(t, func(c *Config) { c.API = nil })
	for _, target := range []string{"/v1/status", "/v1/allocations", "/v1/config", "/debug/pprof/", "/debug/pprof/heap"} {
		if w := o.ask("GET", target); w.Code != 404 {
			t.Errorf("the second listener answers %s: %d", target, w.Code)
		}
	}
	if w := o.ask("POST", "/v1/drain"); w.Code != 405 {
		t.Errorf("the second listener drains: %d", w.Code)
	}
}
