package main

import (
	"bytes"
	"io"
	"net/http"
)

// inside is a transport to a handler in this process.
type inside struct{ handler http.Handler }

// RoundTrip has the handler answer.
func (i inside) RoundTrip(r *http.Request) (*http.Response, error) {
	q := r.Clone(r.Context())
	q.RequestURI, q.Host = r.URL.RequestURI(), r.URL.Host
	if q.Body == nil {
		q.Body = http.NoBody
	}
	w := &written{header: http.Header{}, status: http.StatusOK}
	i.handler.ServeHTTP(w, q)
	return &http.Response{
		StatusCode: w.status, Header: w.header, Body: io.NopCloser(&w.body), ContentLength: int64(w.body.Len()),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
	}, nil
}

// written is what a handler has written.
type written struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *written) Header() http.Header         { return w.header }
func (w *written) WriteHeader(status int)      { w.status = status }
func (w *written) Write(b []byte) (int, error) { return w.body.Write(b) }
