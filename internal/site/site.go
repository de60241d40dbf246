// Package site serves the pages that are embedded in turnout: plain files, as they
// are written, under a policy that lets nothing else in. There is no build step,
// and nothing comes from elsewhere. What the pages have in common (colours, forms,
// an icon, making elements) is here too, and part of each.
package site

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"io/fs"
	"net/http"
	"path"
	"time"
)

// shared are the files that every page may name.
//
//go:embed *.css *.js *.svg
var shared embed.FS

// Policy is the Content-Security-Policy of all answers (CSP level 3). It has a page
// load and call nothing but the listener it came from, and the browser refuse to take
// text for markup or script, whatever a client, a peer or a user's name holds.
const Policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// headers are in every answer, beside the Permissions-Policy, which is the page's own.
var headers = map[string]string{
	"Content-Security-Policy":      Policy,
	"Cross-Origin-Opener-Policy":   "same-origin",
	"Cross-Origin-Resource-Policy": "same-origin",
	"Referrer-Policy":              "no-referrer",
	"X-Content-Type-Options":       "nosniff",
	"Cache-Control":                "no-cache", // kept, and asked for again by its ETag: a new version shows at once
}

// contentTypes are those of the kinds of files there are. Another kind needs a line here.
var contentTypes = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
}

// A Site is a page and what it loads. It is immutable and safe for concurrent use.
// Make it with New.
type Site struct {
	permissions string
	documents   map[string]document
}

// A document is one file as it is served.
type document struct {
	content     []byte
	contentType string
	etag        string // a strong one (RFC 9110 §8.8.3): a hash of the content
}

// New makes a site of the files in the root folder of files, of which index.html is
// the page, and of the shared ones. Permissions is the Permissions-Policy of all
// answers: what the page may ask the browser for. New panics where a file cannot be
// read or is of an unknown kind, since the files are part of the binary.
func New(files fs.FS, permissions string) *Site {
	s := &Site{permissions, map[string]document{}}
	s.read(shared)
	s.read(files)
	return s
}

// read makes the documents by path. The index is at the root, the others in /page/.
func (s *Site) read(files fs.FS) {
	names, err := fs.Glob(files, "*")
	if err != nil {
		panic(err) // the pattern is well formed
	}
	for _, name := range names {
		content, err := fs.ReadFile(files, name)
		if err != nil {
			panic(err)
		}
		contentType, ok := contentTypes[path.Ext(name)]
		if !ok {
			panic("site: no content type for " + name)
		}
		sum := sha256.Sum256(content)
		at := "/page/" + name
		if name == "index.html" {
			at = "/"
		}
		s.documents[at] = document{content, contentType, `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`}
	}
}

// Paths lists what the site serves, in no order: "/" and what the page there loads.
func (s *Site) Paths() []string {
	paths := make([]string, 0, len(s.documents))
	for at := range s.documents {
		paths = append(paths, at)
	}
	return paths
}

// ServeHTTP answers GET and HEAD to everybody, whole, in ranges and by ETag: a page
// holds nothing secret. Any other path is 404 and any other method 405.
func (s *Site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d, ok := s.documents[r.URL.Path]
	if !ok {
		http.NotFound(w, r)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "the page can only be read", http.StatusMethodNotAllowed)
		return
	}
	h := w.Header()
	for name, value := range headers {
		h.Set(name, value)
	}
	h.Set("Permissions-Policy", s.permissions)
	h.Set("Content-Type", d.contentType)
	h.Set("ETag", d.etag)
	// Without a time there is no Last-Modified: the ETag says it all.
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(d.content))
}
