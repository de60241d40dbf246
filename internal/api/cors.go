package api

import (
	"net/http"
	"slices"
	"strings"
)

// Pages of other origins may be let in to the routes that take a user's access
// token, and to no other: an access key has no place in a page. Credentials of the
// browser (cookies) are never admitted, since nothing here uses any.

// preflight answers a browser that asks whether a page may call a route (Fetch
// §4.8); false for a path without one that takes tokens, or where no origin is let in.
func (s *Service) preflight(w http.ResponseWriter, r *http.Request) bool {
	wanted := r.Header.Get("Access-Control-Request-Method")
	if len(s.Origins) == 0 || r.Header.Get("Origin") == "" {
		return false
	}
	m, _ := s.find(wanted, r.URL)
	if m.route == nil || m.admits&byToken == 0 {
		return false
	}
	if !s.allowOrigin(w, r) {
		refuse(w, &failure{status: http.StatusForbidden, code: "OriginNotAllowed", message: "api.cors does not list this origin."}, nil)
		return true
	}
	h := w.Header()
	h.Set("Access-Control-Allow-Methods", wanted)
	h.Set("Access-Control-Allow-Headers", allowedHeaders)
	h.Set("Access-Control-Max-Age", "600") // seconds; Chromium takes no more than two hours
	w.WriteHeader(http.StatusNoContent)
	return true
}

// allowedHeaders are those that fetch, and the SDKs in a browser, send.
var allowedHeaders = strings.Join([]string{
	"authorization", "content-type", "x-ms-client-request-id", "x-ms-return-client-request-id", "x-ms-useragent",
}, ", ")

// allowOrigin lets a page of a listed origin read the answer.
func (s *Service) allowOrigin(w http.ResponseWriter, r *http.Request) bool {
	if len(s.Origins) == 0 {
		return false
	}
	h := w.Header()
	h.Add("Vary", "Origin")
	origin := r.Header.Get("Origin")
	if origin == "" || !slices.Contains(s.Origins, origin) && !slices.Contains(s.Origins, "*") {
		return false
	}
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Expose-Headers", "retry-after, x-ms-client-request-id")
	return true
}
