// Package admin serves the operator over HTTP: /metrics, /livez and /readyz, and
// on the operator's own listener the API by which allocations are listed and
// ended, and the relay is drained.
//
// The API asks for no password, unless there is a token, so that its listener
// belongs on loopback. There it refuses requests for other hosts' names: a web
// page whose name was made to point at 127.0.0.1 reads nothing. What pages of
// other sites ask to be changed is refused.
package admin

import (
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"

	"turnout/internal/tally"
	"turnout/internal/web"
)

// A Config describes a Server. Zero fields are defaults; Metrics and State are required.
type Config struct {
	Metrics http.Handler // answers /metrics
	State   func() State // asked at each /readyz, from any goroutine
	// Degraded tells what is wrong with a server that is Ready all the same; asked as State is. If nil, nothing ever is.
	Degraded func() []Reason
	Names    []string     // host names besides localhost and the address itself that a loopback listener answers to
	Logger   *slog.Logger // If nil, slog.Default.
	Told     tally.Told   // hears of every request, by its route (RouteOther where there is none of that path). If nil, nobody does.
	API      *API         // If nil, the listener has none: /metrics, /livez and /readyz alone.
}

// A State is what /readyz says.
type State string

const (
	Starting State = "starting" // not listening yet: 503
	Ready    State = "ok"       // takes new allocations: 200
	Draining State = "draining" // takes no new allocations: 503
)

// degraded is what /readyz says of a server that is Ready and lacks something. It is 200 all the same: a store or an
// issuer that every server of a fleet lacks must not take all of them out of service.
const degraded State = "degraded"

// A Reason is one thing that is wrong.
type Reason struct {
	Reason  string `json:"reason"`  // a word of a closed set, as in the metric turnout_degraded
	Message string `json:"message"` // a sentence for people; no secret, since whoever may ask for /readyz reads it
}

// A Server is one listener of the operator. Make it with New.
type Server struct {
	*web.Server
	handler http.Handler
	api     *API // nil where there is none
}

// New listens on addr. An error is the listener's: test for syscall.EADDRINUSE, EACCES and EADDRNOTAVAIL.
func New(addr netip.AddrPort, c Config) (*Server, error) {
	l, err := web.Listen(addr)
	if err != nil {
		return nil, err
	}
	return newServer(l, addr.Addr(), c), nil
}

// newServer serves a listener at an address, which is the zero Addr for a socket.
func newServer(l net.Listener, at netip.Addr, c Config) *Server {
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	handler, api := handle(at, c)
	return &Server{Server: web.New(l, nil, c.Logger), handler: handler, api: api}
}

// Serve answers until Shutdown; it returns nil then. Meanwhile it keeps what /v1/history gives.
func (s *Server) Serve() error {
	ctx, cancel := context.WithCancel(context.Background())
	var keeping sync.WaitGroup
	if s.api != nil {
		keeping.Go(func() { s.api.past.run(ctx, func() momentBody { return s.api.moment(s.api.stats()) }) })
	}
	defer keeping.Wait()
	defer cancel()
	return s.Server.Serve(s.handler)
}

// Handler answers what a listener on addr is asked. Only a Server keeps what /v1/history gives.
func Handler(addr netip.Addr, c Config) http.Handler {
	h, _ := handle(addr, c)
	return h
}

// handle makes a handler, and the API in it; nil where there is none.
func handle(addr netip.Addr, c Config) (http.Handler, *API) {
	mux := http.NewServeMux()
	mux.Handle("/metrics", c.Metrics)
	mux.HandleFunc("/livez", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, status{Status: Ready}) })
	mux.HandleFunc("/readyz", func(w http.ResponseWriter, _ *http.Request) { ready(w, c) })
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		refuse(w, http.StatusNotFound, "NotFound", "There is nothing here. See /metrics, /livez and /readyz.")
	})
	pages := readOnly(mux)
	var api *API
	if c.API != nil {
		servePage(mux)
		own := *c.API
		api = &own
		api.state, api.degraded, api.surveys, api.past = c.State, c.Degraded, newSurveys(), &history{}
		pages = api.handler(pages)
	}
	return told(c.Told, hostCheck(web.HostsOf(addr, c.Names...), pages)), api
}

// hostCheck answers those who ask for a name of the listener's.
func hostCheck(hosts web.Hosts, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// HTTP/1.0 may name no host, and health checks do; a browser always does.
		if r.Host != "" && !hosts.Answer(r.Host) {
			refuse(w, http.StatusMisdirectedRequest, "MisdirectedRequest", "This listener answers to localhost and 127.0.0.1 only.")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// ready answers /readyz.
func ready(w http.ResponseWriter, c Config) {
	now := status{Status: c.State()}
	if now.Status != Ready {
		answer(w, http.StatusServiceUnavailable, now)
		return
	}
	if c.Degraded != nil {
		if now.Reasons = c.Degraded(); len(now.Reasons) > 0 {
			now.Status = degraded
		}
	}
	answer(w, http.StatusOK, now)
}

// readOnly refuses what would change something.
func readOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			refuse(w, http.StatusMethodNotAllowed, "MethodNotAllowed", "Only GET and HEAD are answered here.")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// A status is the answer of /livez and /readyz.
type status struct {
	Status  State    `json:"status"`
	Reasons []Reason `json:"reasons,omitempty"`
}

// answer writes JSON, which must not be cached: it is true now.
func answer(w http.ResponseWriter, code int, body any) {
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(body) // the client is gone: nobody is left to tell
}

// refuse writes an error in the shape of every HTTP error of turnout.
func refuse(w http.ResponseWriter, code int, name, message string) {
	type detail struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	}
	answer(w, code, struct {
		Error detail `json:"error"`
	}{detail{name, message}})
}
