// Package tally tells what became of HTTP requests, to whoever counts them.
package tally

import (
	"net/http"
	"time"
)

// A Told function hears of a request when it is answered: by which route, a word of a closed set, with which status, and how
// long that took. It is called concurrently.
type Told func(route string, status int, took time.Duration)

// Serve has serve answer a request, which gives the route that it went by, and tells of it. If told is nil, nobody is.
func Serve(w http.ResponseWriter, r *http.Request, told Told, serve func(http.ResponseWriter, *http.Request) (route string)) {
	if told == nil {
		serve(w, r)
		return
	}
	began, noted := time.Now(), &writer{ResponseWriter: w}
	route := serve(noted, r)
	if noted.status == 0 {
		noted.status = http.StatusOK // what net/http sends for a handler that writes nothing
	}
	told(route, noted.status, time.Since(began))
}

// A writer notes the status of an answer.
type writer struct {
	http.ResponseWriter
	status int // 0: not written yet
}

// WriteHeader writes the status. Of the informational ones (1xx) another follows.
func (w *writer) WriteHeader(status int) {
	if w.status == 0 && status >= http.StatusOK {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write writes a part of the body, which is 200's where no status was written.
func (w *writer) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap is the writer beneath, for http.ResponseController.
func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }
