package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"

	"turnout/internal/tally"
)

const jsonType = "application/json; charset=utf-8"

// A reply is what a handler answers with: JSON of body, raw of another type, or
// whatever handler makes of the request.
type reply struct {
	status      int
	body        any
	raw         []byte
	contentType string // of raw
	header      http.Header
	handler     http.Handler // if set, nothing else is
}

// ServeHTTP answers a request. No failure is left to package net/http, whose
// answers are plain text.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var told tally.Told
	if s.Meter != nil {
		told = s.Meter.Answered
	}
	tally.Serve(w, r, told, s.answer)
}

// answer answers a request, and gives its route for who counts.
func (s *Service) answer(w http.ResponseWriter, r *http.Request) (asked string) {
	asked = RouteOther
	defer func() {
		if v := recover(); v != nil {
			s.Logger.Error("a request handler panicked", "method", r.Method, "path", r.URL.Path, "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
			refuse(w, errInternal, nil)
		}
	}()
	s.commonHeaders(w, r)
	if !s.hosts.Answer(undoubled(r.Host)) {
		refuse(w, errHost, nil)
		return asked
	}
	m, allowed := s.find(r.Method, r.URL)
	switch {
	case m.route != nil:
		asked = m.name
	case r.Method == http.MethodOptions && s.preflight(w, r):
		return asked
	case allowed != nil:
		refuse(w, methodNotAllowed(allowed), nil)
		return asked
	default:
		refuse(w, errNotFound, nil)
		return asked
	}
	if m.admits&byToken != 0 {
		s.allowOrigin(w, r)
	}
	if m.versions != nil {
		w.Header().Set("api-supported-versions", strings.Join(m.versions, ", "))
	}
	rq := &request{Request: r, service: s, match: m, now: s.Now()}
	answer, err := rq.run()
	if err != nil {
		f, known := failed(err)
		if !known {
			s.Logger.Error("a request could not be served", "method", r.Method, "route", m.pattern, "error", err)
		}
		refuse(w, f, m.fault)
		return asked
	}
	if answer.handler != nil {
		answer.handler.ServeHTTP(w, r)
		return asked
	}
	answer.write(w)
	return asked
}

// commonHeaders are in every answer: most hold a token or a credential, and none
// is to be guessed at.
func (s *Service) commonHeaders(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	const longest = 256
	if id := r.Header.Get("x-ms-client-request-id"); id != "" && len(id) <= longest {
		h.Set("x-ms-client-request-id", id)
	}
}

func methodNotAllowed(allowed []string) *failure {
	list := strings.Join(allowed, ", ")
	return failure{status: http.StatusMethodNotAllowed, code: "MethodNotAllowed",
		message: "This path is for " + list + "."}.with("Allow", list)
}

func (p reply) write(w http.ResponseWriter) {
	for name, values := range p.header {
		w.Header()[name] = values
	}
	text, kind := p.raw, p.contentType
	if p.body != nil {
		text, kind = encode(p.body), jsonType
	}
	if kind != "" {
		w.Header().Set("Content-Type", kind)
	}
	if p.status != http.StatusNoContent {
		w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	}
	w.WriteHeader(p.status)
	_, _ = w.Write(text) // the client is gone: nobody is left to tell
}

// refuse is the one place that writes errors.
func refuse(w http.ResponseWriter, f *failure, fault func(*failure) any) {
	p := reply{status: f.status, body: f.body(), header: f.header}
	if fault != nil {
		p.body = fault(f)
	}
	p.write(w)
}

// encode writes JSON of our own structs, which always have some. No page is made of
// it, so that nothing needs escaping for one.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// undoubled is a Host header without the second port that some versions of the SDKs put behind the first.
func undoubled(host string) string {
	if i := strings.LastIndexByte(host, ':'); i >= 0 && strings.HasSuffix(host[:i], host[i:]) {
		return host[:i]
	}
	return host
}
