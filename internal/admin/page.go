package admin

import (
	"net/http"

	"turnout/internal/admin/page"
)

// servePage has mux answer for the operator's page and what it loads, without asking for a token: they hold nothing
// secret, and the page asks the person for the token that its questions to the API need.
func servePage(mux *http.ServeMux) {
	for _, path := range page.Paths() {
		if path == "/" {
			path = "/{$}" // and nothing below it
		}
		mux.Handle(path, page.Handler())
	}
}
