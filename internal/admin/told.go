package admin

import (
	"net/http"
	"strings"

	"turnout/internal/tally"
)

// RouteOther stands for every request that is for nothing there is.
const RouteOther = "other"

// told has next answer, and whoever counts hear of it: by the pattern that it went by, never by the path that somebody sent.
func told(hears tally.Told, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		tally.Serve(w, r, hears, func(w http.ResponseWriter, r *http.Request) string {
			next.ServeHTTP(w, r)
			return routeOf(r)
		})
	})
}

// routeOf is method and pattern of a request that was answered: a multiplexer notes the pattern in the request.
func routeOf(r *http.Request) string {
	method := r.Method
	switch method {
	case http.MethodHead:
		method = http.MethodGet
	case http.MethodGet, http.MethodPost, http.MethodDelete:
	default:
		return RouteOther
	}
	pattern := r.Pattern
	if _, path, ok := strings.Cut(pattern, " "); ok { // one that names its method
		pattern = path
	}
	if pattern == "" || pattern == "/" { // of the page at the root, it is /{$}
		return RouteOther
	}
	return method + " " + pattern
}
