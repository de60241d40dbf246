// Package page is the test page at the root of the service: with a user's access
// token it asks for relay credentials and shows, in words for newcomers, whether a
// browser gets through the relay. Its files are embedded here; internal/site serves
// them.
package page

import (
	"embed"
	"net/http"

	"turnout/internal/site"
)

//go:embed *.html *.css *.js
var source embed.FS

// The page may ask for the camera, and for nothing else.
var served = site.New(source, "camera=(self), microphone=(), geolocation=(), display-capture=()")

// Paths lists what [Handler] serves, in no order: "/" and what the page there loads.
func Paths() []string { return served.Paths() }

// Handler serves the page to everybody: it holds nothing secret. Any path but [Paths]
// is 404. Safe for concurrent use.
func Handler() http.Handler { return served }
