package api

import (
	"net/http"
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"turnout/internal/site"
)

// TestHost is a listener on loopback: a page whose name was made to point here is refused.
func TestHost(t *testing.T) {
	t.Parallel()
	loopback := newFixture(t, func(c *Config) {
		c.Address, c.Names = netip.MustParseAddr("127.0.0.1"), []string{"turn.example.org"}
	})
	anywhere := newFixture(t, func(c *Config) { c.Address = netip.MustParseAddr("0.0.0.0") })
	for host, own := range map[string]bool{
		"localhost": true, "localhost:8080": true, "LocalHost:8080": true, "127.0.0.1:8080": true, "127.0.0.1:8443:8443": true, "[::1]:8080": true, "[::1]": true,
		"turn.example.org": true, "Turn.Example.ORG:443": true,
		"evil.example": false, "evil.example:8080": false, "localhost.evil.example": false, "127.0.0.1.evil.example": false, "": false, "[::2]": false, "0.0.0.0:8080": false,
	} {
		for _, path := range []string{"/", "/openapi.json", "/nowhere", identities} {
			edits := []edit{func(r *http.Request) { r.Host = host }}
			if w := loopback.call("GET", path, "", edits...); (w.Code != 421) != own {
				t.Errorf("%q %s: %d", host, path, w.Code)
			} else if !own {
				refused(t, w, 421, "MisdirectedRequest", "")
			}
			if w := anywhere.call("GET", path, "", edits...); w.Code == 421 {
				t.Errorf("%q %s on a public address: 421", host, path)
			}
		}
	}
}

// TestCORS lets pages of listed origins in to the routes that take a token, and no further.
func TestCORS(t *testing.T) {
	t.Parallel()
	const page = "https://app.example.org"
	listed := newFixture(t, func(c *Config) { c.Origins = []string{page}; c.Dialects.Matrix = true })
	all := newFixture(t, func(c *Config) { c.Origins = []string{"*"} })
	off := newFixture(t)
	preflight := func(f *fixture, path, origin, method string) (status int, h http.Header) {
		w := f.call("OPTIONS", path, "", unsigned, header("Origin", origin), header("Access-Control-Request-Method", method),
			header("Access-Control-Request-Headers", "authorization,content-type"))
		if w.Header().Get("Access-Control-Allow-Credentials") != "" {
			t.Error("credentials of the browser are allowed")
		}
		return w.Code, w.Header()
	}
	for _, path := range []string{"/v1/ice-servers", relaying} {
		status, h := preflight(listed, path, page, "POST")
		if status != 204 || h.Get("Access-Control-Allow-Origin") != page || h.Get("Access-Control-Allow-Methods") != "POST" ||
			h.Get("Access-Control-Allow-Headers") != allowedHeaders || h.Get("Vary") != "Origin" {
			t.Errorf("%s: %d %v", path, status, h)
		}
	}
	if status, _ := preflight(listed, "/_matrix/client/v3/voip/turnServer", page, "GET"); status != 204 {
		t.Errorf("matrix: %d", status)
	}
	if status, h := preflight(all, "/v1/ice-servers", "https://else.example", "POST"); status != 204 || h.Get("Access-Control-Allow-Origin") != "https://else.example" {
		t.Errorf("*: %d %v", status, h)
	}
	for _, c := range []struct {
		f                    *fixture
		path, origin, method string
		status               int
	}{
		{listed, "/v1/ice-servers", "https://evil.example", "POST", 403},
		{listed, "/v1/ice-servers", "null", "POST", 403},
		{listed, identities, page, "POST", 405},
		{listed, "/v1/users", page, "GET", 405},
		{listed, "/v1/ice-servers", page, "DELETE", 405},
		{listed, "/nowhere", page, "POST", 404},
		{off, "/v1/ice-servers", page, "POST", 405},
	} {
		status, h := preflight(c.f, c.path, c.origin, c.method)
		if status != c.status || h.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s from %s: %d %v", c.path, c.origin, status, h)
		}
	}
	_, text := listed.user()
	w := listed.call("POST", "/v1/ice-servers", ``, bearing(text), header("Origin", page))
	if w.Code != 200 || w.Header().Get("Access-Control-Allow-Origin") != page || w.Header().Get("Vary") != "Origin" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	// A page reads why it is refused, too.
	if w := listed.call("POST", "/v1/ice-servers", ``, bearing("x"), header("Origin", page)); w.Code != 401 || w.Header().Get("Access-Control-Allow-Origin") != page {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	for _, w := range []http.Header{
		listed.call("POST", "/v1/ice-servers", ``, bearing(text), header("Origin", "https://evil.example")).Header(),
		listed.call("POST", identities, ``, header("Origin", page)).Header(),
		listed.call("POST", "/v1/ice-servers", ``, bearing(text)).Header(),
		off.call("POST", "/v1/ice-servers", ``, bearing(text), header("Origin", page)).Header(),
	} {
		if w.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("let in: %v", w)
		}
	}
}

// TestPage serves the page and what it is made of, which loads nothing from elsewhere.
func TestPage(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	loaded := regexp.MustCompile(`(?:src|href)="([^"]+)"`)
	index := f.call("GET", "/", "", unsigned)
	seen := 0
	for _, m := range loaded.FindAllStringSubmatch(index.Body.String(), -1) {
		w := f.call("GET", "/"+m[1], "", unsigned)
		if w.Code != 200 || w.Header().Get("Content-Type") == "" || w.Body.Len() == 0 {
			t.Errorf("%s: %d %v", m[1], w.Code, w.Header())
		}
		if strings.Contains(w.Body.String(), "://") && !strings.Contains(m[1], ".svg") && !strings.Contains(m[1], ".json") {
			t.Errorf("%s names another place", m[1])
		}
		seen++
	}
	if seen < 5 {
		t.Errorf("the page names %d files", seen)
	}
	if got := index.Header().Get("Content-Security-Policy"); got != site.Policy || index.Header().Get("Content-Type") != "text/html; charset=utf-8" {
		t.Errorf("policy %q, type %q", got, index.Header().Get("Content-Type"))
	}
	if w := f.call("HEAD", "/", "", unsigned); w.Code != 200 {
		t.Errorf("HEAD: %d", w.Code)
	}
	for _, path := range []string{"/page/index.htm", "/page/%2e%2e/api.go", "/page/..", "/page"} {
		refused(t, f.call("GET", path, "", unsigned), 404, "NotFound", "")
	}
}
