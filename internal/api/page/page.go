// Package page is the test page at the root of the service: with a user's access
// token it asks for relay credentials and shows, in words for newcomers, whether a
// browser gets through the relay. Everything it loads is embedded here and served
// as it is written; there is no build step, and nothing comes from elsewhere.
package page

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

// source are the files of the page. A file of another kind would need a content
// type, and a line here.
//
//go:embed *.html *.css *.js *.svg
var source embed.FS

// Policy is the Content-Security-Policy of all answers (CSP level 3). It has the page
// load and call nothing but this service, and the browser refuse to take text for
// markup or script, whatever the relay or a peer sends.
const Policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// headers are in every answer. The page may ask for the camera, and for nothing else.
var headers = map[string]string{
	"Content-Security-Policy":      Policy,
	"Permissions-Policy":           "camera=(self), microphone=(), geolocation=(), display-capture=()",
	"Cross-Origin-Opener-Policy":   "same-origin",
	"Cross-Origin-Resource-Policy": "same-origin",
	"Referrer-Policy":              "no-referrer",
	"X-Content-Type-Options":       "nosniff",
	"Cache-Control":                "no-cache", // kept, and asked for again by its ETag: a new version shows at once
}

var contentTypes = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
}

// A document is one file as it is served.
type document struct {
	content     []byte
	contentType string
	etag        string // a strong one (RFC 9110 §8.8.3): a hash of the content
}

var documents = read(source)

// read makes the documents by path. The index is at the root, the others in /page/.
func read(files fs.FS) map[string]document {
	names, err := fs.Glob(files, "*")
	if err != nil {
		panic(err) // the pattern is well formed
	}
	all := map[string]document{}
	for _, name := range names {
		content, err := fs.ReadFile(files, name)
		if err != nil {
			panic(err) // it is part of the binary
		}
		sum := sha256.Sum256(content)
		at := "/page/" + name
		if name == "index.html" {
			at = "/"
		}
		all[at] = document{content, contentTypes[path.Ext(name)], `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`}
	}
	return all
}

// Paths lists what [Handler] serves, in no order: "/" and what the page there loads.
func Paths() []string {
	paths := make([]string, 0, len(documents))
	for at := range documents {
		paths = append(paths, at)
	}
	return paths
}

// Handler serves the page to everybody: it holds nothing secret. GET and HEAD, whole,
// in ranges and by ETag; any other path is 404 and any other method 405. Safe for
// concurrent use.
func Handler() http.Handler { return http.HandlerFunc(serve) }

func serve(w http.ResponseWriter, r *http.Request) {
	d, ok := documents[r.URL.Path]
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
	h.Set("Content-Type", d.contentType)
	h.Set("ETag", d.etag)
	// Without a time there is no Last-Modified: the ETag says it all.
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(d.content))
}
