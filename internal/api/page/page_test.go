package page

import (
	"io/fs"
	"net/http"
	"net/http/httptest"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

func ask(method, target string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	Handler().ServeHTTP(w, r)
	return w
}

// TestHeaders wants of every file its type, and what keeps a browser from doing
// anything with it that the page does not do by itself.
func TestHeaders(t *testing.T) {
	t.Parallel()
	kinds := map[string]string{
		".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml", "": "text/html; charset=utf-8",
	}
	if paths := Paths(); !slices.Contains(paths, "/") || !slices.Contains(paths, "/page/page.js") || slices.Contains(paths, "/page/page.go") {
		t.Errorf("paths %q: want the page, its script, and not its source in Go", paths)
	}
	for _, at := range Paths() {
		w := ask("GET", at)
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
		got := w.Header().Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "frame-ancestors 'none'"} {
			if !slices.Contains(strings.Split(got, "; "), want) {
				t.Errorf("%s: the policy %q lacks %s", at, got, want)
			}
		}
		if strings.Contains(got, "unsafe") || strings.Contains(got, "*") || strings.Contains(got, "http") {
			t.Errorf("%s: the policy %q lets in more than this service", at, got)
		}
	}
}

// TestETag sends nothing again that the browser has, and all of it when it has changed.
func TestETag(t *testing.T) {
	t.Parallel()
	tags := map[string]string{}
	for _, at := range Paths() {
		tag := ask("GET", at).Header().Get("ETag")
		if !regexp.MustCompile(`^"[\w-]{16}"$`).MatchString(tag) || tags[tag] != "" {
			t.Errorf("%s: ETag %s, of %q too", at, tag, tags[tag])
		}
		tags[tag] = at
		for _, known := range []string{tag, `"other", ` + tag, "W/" + tag, "*"} {
			w := ask("GET", at, "If-None-Match", known)
			if w.Code != http.StatusNotModified || w.Body.Len() != 0 || w.Header().Get("ETag") != tag || w.Header().Get("Cache-Control") != "no-cache" {
				t.Errorf("%s with If-None-Match %s: status %d, %d bytes, %v", at, known, w.Code, w.Body.Len(), w.Header())
			}
		}
		if w := ask("GET", at, "If-None-Match", `"other"`); w.Code != http.StatusOK {
			t.Errorf("%s with another ETag: status %d", at, w.Code)
		}
	}
	before, after := fstest.MapFS{"a.js": {Data: []byte("1")}}, fstest.MapFS{"a.js": {Data: []byte("2")}}
	if read(before)["/page/a.js"].etag == read(after)["/page/a.js"].etag {
		t.Error("another content has the same ETag")
	}
}

// TestMethods answers HEAD without a body, refuses to change anything, and knows no other path.
func TestMethods(t *testing.T) {
	t.Parallel()
	if w := ask("HEAD", "/"); w.Code != http.StatusOK || w.Body.Len() != 0 || w.Header().Get("Content-Length") == "" {
		t.Errorf("HEAD: status %d, %d bytes, %v", w.Code, w.Body.Len(), w.Header())
	}
	for _, method := range []string{"POST", "PUT", "DELETE"} {
		if w := ask(method, "/"); w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: status %d, Allow %q", method, w.Code, w.Header().Get("Allow"))
		}
	}
	for _, at := range []string{"/index.html", "/page", "/page/", "/page/index.html", "/page/page.go", "/page/../page/page.js", "/page//page.js"} {
		if w := ask("GET", at); w.Code != http.StatusNotFound {
			t.Errorf("%s: status %d, want 404", at, w.Code)
		}
	}
}

// TestSelfContained wants every file that a file names to be served here, every file
// to be named by one, and nothing that the policy would refuse.
func TestSelfContained(t *testing.T) {
	t.Parallel()
	named := map[string]bool{"/": true}
	patterns := map[string]*regexp.Regexp{
		".html": regexp.MustCompile(`(?:src|href)="(page/[^"]*)"`),
		".js":   regexp.MustCompile(`(?m)^import .* from "\./([^"]*)";$`),
	}
	names, err := fs.Glob(source, "*")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		content, err := fs.ReadFile(source, name)
		if err != nil {
			t.Fatal(err)
		}
		if lines := strings.Count(string(content), "\n"); lines > 400 {
			t.Errorf("%s has %d lines: split it", name, lines)
		}
		if p := patterns[path.Ext(name)]; p != nil {
			for _, m := range p.FindAllStringSubmatch(string(content), -1) {
				at := "/page/" + strings.TrimPrefix(m[1], "page/")
				named[at] = true
				if _, ok := documents[at]; !ok {
					t.Errorf("%s names %s, which is not there", name, at)
				}
			}
		}
		// A namespace is a name, not an address.
		plain := strings.ReplaceAll(string(content), "http://www.w3.org/2000/svg", "")
		if found := regexp.MustCompile(`https?://|<style|<script>| on[a-z]+="| style="|innerHTML|outerHTML|insertAdjacent|eval\(|url\(`).FindString(plain); found != "" {
			t.Errorf("%s has %q: the policy refuses it, or it loads from elsewhere", name, found)
		}
	}
	for at := range documents {
		if !named[at] {
			t.Errorf("nothing names %s", at)
		}
	}
}
