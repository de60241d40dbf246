package admin

import (
	"net/http/httptest"
	"strings"
	"testing"
)

// TestPage wants the page where the API is, and nowhere else.
func TestPage(t *testing.T) {
	t.Parallel()
	state := Ready
	ask := func(api *API, method, path string) *httptest.ResponseRecorder {
		c := testConfig(&state)
		c.API = api
		w := httptest.NewRecorder()
		Handler(loopback, c).ServeHTTP(w, httptest.NewRequest(method, "http://localhost"+path, nil))
		return w
	}
	for path, want := range map[string]string{"/": "<!doctype html>", "/page/page.js": "import ", "/page/base.css": ":root"} {
		if w := ask(&API{}, "GET", path); w.Code != 200 || !strings.Contains(w.Body.String(), want) || w.Header().Get("Content-Security-Policy") == "" {
			t.Errorf("%s: %d %.80s", path, w.Code, w.Body)
		}
		if w := ask(&API{}, "POST", path); w.Code != 405 {
			t.Errorf("POST %s: %d", path, w.Code)
		}
		if w := ask(nil, "GET", path); w.Code != 404 {
			t.Errorf("%s on a listener without an API: %d", path, w.Code)
		}
	}
	if w := ask(&API{}, "GET", "/page/"); w.Code != 404 || !strings.Contains(w.Body.String(), "There is nothing here.") {
		t.Errorf("/page/: %d %s", w.Code, w.Body)
	}
}
