package admin

import (
	"net/http"
	"net/http/pprof"
)

// profile serves what the Go runtime tells of itself, for go tool pprof. The command line is left out: it may hold a secret.
func profile(mux *http.ServeMux) {
	for pattern, serve := range map[string]http.HandlerFunc{
		"GET /debug/pprof/":        pprof.Index, // and the profiles by name below it
		"GET /debug/pprof/profile": pprof.Profile,
		"GET /debug/pprof/symbol":  pprof.Symbol,
		"POST /debug/pprof/symbol": pprof.Symbol,
		"GET /debug/pprof/trace":   pprof.Trace,
	} {
		mux.HandleFunc(pattern, asked(serve))
	}
}

// asked refuses what a page of another site has a browser fetch: it could not read a profile, but measuring one costs.
func asked(serve http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" && site != "none" && r.Header.Get("Sec-Fetch-Mode") != "navigate" {
			errCrossOrigin.write(w)
			return
		}
		serve(w, r)
	}
}
