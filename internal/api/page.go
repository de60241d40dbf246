package api

import (
	"embed"
	"io/fs"
	"net/http"
	"path"
)

// files are the page at the root: everything it loads is here.
//
//go:embed page
var files embed.FS

// pageRoutes serve the page and what it is made of.
var pageRoutes = makePageRoutes()

func makePageRoutes() []route {
	routes := []route{{method: http.MethodGet, pattern: "/", serve: page}}
	names, err := fs.ReadDir(files, "page")
	if err != nil {
		panic(err) // it is part of the binary
	}
	for _, n := range names {
		routes = append(routes, route{method: http.MethodGet, pattern: "/page/" + n.Name(), serve: func(*request) (reply, error) {
			return file(n.Name())
		}})
	}
	return routes
}

// page is the one at the root. It asks nobody who they are and holds nothing secret:
// the token that it works with stands in its address's fragment, which browsers send
// to no one.
func page(*request) (reply, error) { return file("index.html") }

// pagePolicy has the page load and call nothing but this service (CSP level 3).
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

func file(name string) (reply, error) {
	text, err := files.ReadFile("page/" + name)
	if err != nil {
		return reply{}, errNotFound
	}
	kinds := map[string]string{".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
	return reply{status: http.StatusOK, raw: text, contentType: kinds[path.Ext(name)] + "; charset=utf-8", header: http.Header{
		"Content-Security-Policy": {pagePolicy}, "Referrer-Policy": {"no-referrer"}, "Cache-Control": {"no-cache"},
	}}, nil
}
