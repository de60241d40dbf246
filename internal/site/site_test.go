package site_test

import (
	"net/http"
	"net/http/httptest"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	operator "turnout/internal/admin/page"
	user "turnout/internal/api/page"
	"turnout/internal/site"
)

// A page is one of those that turnout has.
type page struct {
	handler http.Handler
	paths   []string
}

var pages = map[string]page{
	"the service's":  {user.Handler(), user.Paths()},
	"the operator's": {operator.Handler(), operator.Paths()},
}

// eachPage runs a test for every page.
func eachPage(t *testing.T, test func(*testing.T, page)) {
	t.Parallel()
	for name, p := range pages {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, p)
		})
	}
}

func (p page) ask(method, target string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	p.handler.ServeHTTP(w, r)
	return w
}

// TestHeaders wants of every file its type, and what keeps a browser from doing
// anything with it that the page does not do by itself.
func TestHeaders(t *testing.T) {
	kinds := map[string]string{
		".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml", "": "text/html; charset=utf-8",
	}
	eachPage(t, func(t *testing.T, p page) {
		for _, want := range []string{"/", "/page/page.js", "/page/page.css", "/page/base.css"} {
			if !slices.Contains(p.paths, want) {
				t.Errorf("paths %q: %s is missing", p.paths, want)
			}
		}
		if slices.Contains(p.paths, "/page/page.go") {
			t.Error("the page's source in Go is served")
		}
		for _, at := range p.paths {
			w := p.ask("GET", at)
			if w.Code != http.StatusOK || w.Body.Len() == 0 {
				t.Errorf("%s: status %d, %d bytes", at, w.Code, w.Body.Len())
			}
			for name, want := range map[string]string{
				"Content-Type": kinds[path.Ext(at)], "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-cache",
			} {
				if got := w.Header().Get(name); got != want {
					t.Errorf("%s: %s %q, want %q", at, name, got, want)
				}
			}
			if got := w.Header().Get("Permissions-Policy"); !strings.Contains(got, "microphone=()") {
				t.Errorf("%s: the permissions policy is %q", at, got)
			}
			checkPolicy(t, at, w.Header().Get("Content-Security-Policy"))
		}
	})
}

func checkPolicy(t *testing.T, at, got string) {
	t.Helper()
	for _, want := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "frame-ancestors 'none'"} {
		if !slices.Contains(strings.Split(got, "; "), want) {
			t.Errorf("%s: the policy %q lacks %s", at, got, want)
		}
	}
	if strings.Contains(got, "unsafe") || strings.Contains(got, "*") || strings.Contains(got, "http") {
		t.Errorf("%s: the policy %q lets in more than this listener", at, got)
	}
}

// TestETag sends nothing again that the browser has, and all of it when it has changed.
func TestETag(t *testing.T) {
	eachPage(t, func(t *testing.T, p page) {
		tags := map[string]string{}
		for _, at := range p.paths {
			tag := p.ask("GET", at).Header().Get("ETag")
			if !regexp.MustCompile(`^"[\w-]{16}"$`).MatchString(tag) || tags[tag] != "" {
				t.Errorf("%s: ETag %s, of %q too", at, tag, tags[tag])
			}
			tags[tag] = at
			for _, known := range []string{tag, `"other", ` + tag, "W/" + tag, "*"} {
				w := p.ask("GET", at, "If-None-Match", known)
				if w.Code != http.StatusNotModified || w.Body.Len() != 0 || w.Header().Get("ETag") != tag || w.Header().Get("Cache-Control") != "no-cache" {
					t.Errorf("%s with If-None-Match %s: status %d, %d bytes, %v", at, known, w.Code, w.Body.Len(), w.Header())
				}
			}
			if w := p.ask("GET", at, "If-None-Match", `"other"`); w.Code != http.StatusOK {
				t.Errorf("%s with another ETag: status %d", at, w.Code)
			}
		}
	})
	tag := func(content string) string {
		s := site.New(fstest.MapFS{"a.js": {Data: []byte(content)}}, "")
		return page{s, s.Paths()}.ask("GET", "/page/a.js").Header().Get("ETag")
	}
	if tag("1") == "" || tag("1") == tag("2") {
		t.Errorf("another content has the ETag %s too", tag("2"))
	}
}

// TestMethods answers HEAD without a body, refuses to change anything, and knows no other path.
func TestMethods(t *testing.T) {
	eachPage(t, func(t *testing.T, p page) {
		if w := p.ask("HEAD", "/"); w.Code != http.StatusOK || w.Body.Len() != 0 || w.Header().Get("Content-Length") == "" {
			t.Errorf("HEAD: status %d, %d bytes, %v", w.Code, w.Body.Len(), w.Header())
		}
		for _, method := range []string{"POST", "PUT", "DELETE"} {
			if w := p.ask(method, "/"); w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "GET, HEAD" {
				t.Errorf("%s: status %d, Allow %q", method, w.Code, w.Header().Get("Allow"))
			}
		}
		for _, at := range []string{"/index.html", "/page", "/page/", "/page/index.html", "/page/page.go", "/page/../page/page.js", "/page//page.js"} {
			if w := p.ask("GET", at); w.Code != http.StatusNotFound {
				t.Errorf("%s: status %d, want 404", at, w.Code)
			}
		}
	})
}

// TestSelfContained wants every file that a file names to be served here, every file
// to be named by one, and nothing that the policy would refuse.
func TestSelfContained(t *testing.T) {
	patterns := map[string]*regexp.Regexp{
		"":    regexp.MustCompile(`(?:src|href)="(page/[^"]*)"`),
		".js": regexp.MustCompile(`(?m)^import .* from "\./([^"]*)";$`),
	}
	eachPage(t, func(t *testing.T, p page) {
		named := map[string]bool{"/": true}
		for _, at := range p.paths {
			content := p.ask("GET", at).Body.String()
			if lines := strings.Count(content, "\n"); lines > 400 {
				t.Errorf("%s has %d lines: split it", at, lines)
			}
			if pattern := patterns[path.Ext(at)]; pattern != nil {
				for _, m := range pattern.FindAllStringSubmatch(content, -1) {
					other := "/page/" + strings.TrimPrefix(m[1], "page/")
					named[other] = true
					if !slices.Contains(p.paths, other) {
						t.Errorf("%s names %s, which is not there", at, other)
					}
				}
			}
			// A namespace is a name, not an address.
			plain := strings.ReplaceAll(content, "http://www.w3.org/2000/svg", "")
			if found := regexp.MustCompile(`https?://|<style|<script>| on[a-z]+="| style="|innerHTML|outerHTML|insertAdjacent|eval\(|url\(`).FindString(plain); found != "" {
				t.Errorf("%s has %q: the policy refuses it, or it loads from elsewhere", at, found)
			}
		}
		for _, at := range p.paths {
			if !named[at] {
				t.Errorf("nothing names %s", at)
			}
		}
	})
}
