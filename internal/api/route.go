package api

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// An admission says by what a caller may prove who it is.
type admission uint8

const (
	byKey   admission = 1 << iota // an access key has signed the request
	byToken                       // a user access token, as Bearer
	bySelf                        // the route sees to it by itself; see route.authenticate
)

// A content is what the body of a request is.
type content uint8

const (
	noContent   content = iota // read, since signatures cover it, and not looked at
	jsonContent                // empty, or a JSON object
	formContent                // empty, or a form
)

// A route is one thing that can be asked for.
type route struct {
	method  string
	pattern string   // segments between slashes; {name} stands for any one
	parts   []string // the segments; see divide
	name    string   // for who counts; see divide
	// folded patterns match without regard to case: versions of the contract
	// spell them differently.
	folded bool
	admits admission // 0: everybody
	// authenticate is for bySelf.
	authenticate func(*request) error
	versions     []string // that api-version may name; nil: it is not looked at
	content      content
	serve        func(*request) (reply, error)
	product      string // what it is that is asked for, one of Products; empty for none
	dialect      string // of product
	// fault is the body of an error, for dialects with errors of their own. If nil,
	// the contract's.
	fault func(*failure) any
}

// A match is a route with what stood in its pattern's places.
type match struct {
	*route
	places map[string]string
}

// find gives the route of a request. Of a path without it, allowed are the methods
// that it has. There is no tidying of paths: what is not written as a route is not one.
func (s *Service) find(method string, u *url.URL) (m match, allowed []string) {
	segments := strings.Split(u.EscapedPath(), "/")
	for i := range s.routes {
		r := &s.routes[i]
		places, ok := r.match(segments)
		if !ok {
			continue
		}
		if r.method == method || r.method == http.MethodGet && method == http.MethodHead {
			return match{r, places}, nil
		}
		allowed = append(allowed, r.method)
	}
	slices.Sort(allowed)
	return match{}, slices.Compact(allowed)
}

// match compares the escaped segments of a path: an escaped slash separates nothing.
func (r *route) match(segments []string) (places map[string]string, ok bool) {
	if len(r.parts) != len(segments) {
		return nil, false
	}
	for i, want := range r.parts {
		got, err := url.PathUnescape(segments[i])
		if err != nil {
			return nil, false
		}
		if name, ok := strings.CutPrefix(want, "{"); ok {
			if got == "" {
				return nil, false
			}
			if places == nil {
				places = map[string]string{}
			}
			places[strings.TrimSuffix(name, "}")] = got
			continue
		}
		if got != want && !(r.folded && strings.EqualFold(got, want)) {
			return nil, false
		}
	}
	return places, true
}

// allRoutes are those of this service.
func (s *Service) allRoutes() ([]route, error) {
	routes := slices.Concat(identityRoutes, relayRoutes, exchangeRoutes, nativeRoutes, keyRoutes, discoveryRoutes,
		s.Dialects.routes(), pageRoutes)
	document, err := s.openAPI()
	if err != nil {
		return nil, err
	}
	return divide(append(routes, route{method: http.MethodGet, pattern: "/openapi.json", serve: func(*request) (reply, error) {
		return reply{status: http.StatusOK, raw: document, contentType: jsonType}, nil
	}})), nil
}

// divide divides patterns into their segments and names the routes, once.
func divide(routes []route) []route {
	for i := range routes {
		routes[i].parts = strings.Split(routes[i].pattern, "/")
		routes[i].name = routes[i].method + " " + routes[i].pattern
	}
	return routes
}
