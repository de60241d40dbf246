package api

import (
	"net/http"

	"turnout/internal/api/page"
)

// pageRoutes serve the page at the root and what it loads. It asks nobody who they
// are and holds nothing secret: the token that it works with stands in its address's
// fragment, which browsers send to no one.
var pageRoutes = makePageRoutes()

func makePageRoutes() []route {
	var routes []route
	for _, path := range page.Paths() {
		routes = append(routes, route{method: http.MethodGet, pattern: path, serve: showPage})
	}
	return routes
}

// showPage leaves the answer to the page, which knows its headers and its ETags.
func showPage(*request) (reply, error) { return reply{handler: page.Handler()}, nil }
