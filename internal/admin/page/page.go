// Package page is the operator's page at the root of the admin listener: what the
// relay does now and did in the last ten minutes, the list of its allocations, and
// the switches for draining and reloading. It is a client of the admin API like any
// other. Its files are embedded here; internal/site serves them.
package page

import (
	"embed"
	"net/http"

	"turnout/internal/site"
)

//go:embed *.html *.css *.js
var source embed.FS

// The page asks the browser for nothing that a person would have to allow.
var served = site.New(source, "camera=(), microphone=(), geolocation=(), display-capture=()")

// Paths lists what [Handler] serves, in no order: "/" and what the page there loads.
func Paths() []string { return served.Paths() }

// Handler serves the page to everybody: it holds nothing secret, and shows nothing
// without the API's answers. Any path but [Paths] is 404. Safe for concurrent use.
func Handler() http.Handler { return served }
