package tally

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// TestServe answers in every way that a handler can.
func TestServe(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		serve  func(http.ResponseWriter)
		status int
		body   string
	}{
		"status and body":  {func(w http.ResponseWriter) { w.WriteHeader(404); _, _ = io.WriteString(w, "none") }, 404, "none"},
		"body alone":       {func(w http.ResponseWriter) { _, _ = io.WriteString(w, "here") }, 200, "here"},
		"nothing":          {func(http.ResponseWriter) {}, 200, ""},
		"status twice":     {func(w http.ResponseWriter) { w.WriteHeader(201); w.WriteHeader(500) }, 201, ""},
		"status too late":  {func(w http.ResponseWriter) { _, _ = io.WriteString(w, "here"); w.WriteHeader(500) }, 200, "here"},
		"wait, and answer": {func(w http.ResponseWriter) { w.WriteHeader(102); w.WriteHeader(403) }, 403, ""},
		"flushed": {func(w http.ResponseWriter) {
			w.WriteHeader(202)
			if err := http.NewResponseController(w).Flush(); err != nil {
				t.Error(err)
			}
		}, 202, ""},
	} {
		for _, told := range []bool{true, false} {
			got := ""
			var tell Told
			if told {
				tell = func(route string, status int, took time.Duration) {
					if took < 0 {
						t.Errorf("%s: took %v", name, took)
					}
					got += fmt.Sprintln(route, status)
				}
			}
			w := httptest.NewRecorder()
			Serve(w, httptest.NewRequest("GET", "/", nil), tell, func(w http.ResponseWriter, _ *http.Request) string { c.serve(w); return "route" })
			want := ""
			if told {
				want = fmt.Sprintln("route", c.status)
			}
			if got != want || w.Body.String() != c.body || w.Code != c.status && name != "wait, and answer" {
				t.Errorf("%s: told %q, want %q; answered %d %s", name, got, want, w.Code, w.Body)
			}
		}
	}
}
