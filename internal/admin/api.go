package admin

import (
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"time"

	"turnout/allocation"
	"turnout/relay"
)

// An API is what an operator's listener answers besides /metrics, /livez and /readyz: what goes on, who has which
// allocation, and the switches. Relay, Control and Build are required.
type API struct {
	// Relay is the running relay; nil before it listens, and where there is none. Asked at each request, from any goroutine.
	Relay   func() Relay
	Control Control
	Build   Build
	Started time.Time
	// Token, if not nil, is what callers have to show.
	Token *Token
	// Drops, if not nil, yields what was dropped before the relay saw it, by reason, with reasons that the relay does not have.
	Drops func(yield func(reason string, n uint64))

	state    func() State    // Config.State
	degraded func() []Reason // Config.Degraded; may be nil
	surveys  *surveys
	past     *history
}

// A Relay is what the listener needs of a relay. *relay.Server has it.
type Relay interface {
	// Stats are totals since the start, and gauges.
	Stats() relay.Stats
	// Allocations yields those that a filter lets through, in an order that stays; it ends early when the context is done.
	Allocations(context.Context, relay.Filter) iter.Seq[relay.AllocationInfo]
	// Allocation is one of them; false if there is none with this ID.
	Allocation(context.Context, allocation.ID) (relay.AllocationDetail, bool)
	// End ends one; false if there is none with this ID.
	End(context.Context, allocation.ID) bool
	// EndAllOf ends those of a subject, and says how many.
	EndAllOf(subject string) int
}

// A Control is what the listener can do to the process. Its methods are called from any goroutine.
type Control interface {
	// Drain refuses new allocations.
	Drain() DrainState
	// Undrain takes new allocations again; the error says why it cannot be.
	Undrain() (DrainState, error)
	// Draining says whether they are refused.
	Draining() DrainState
	// Configuration is the one in use.
	Configuration() Configuration
	// Reload reads the configuration again and goes by it: by all of it or, where it returns an error, by none. The error
	// says what is wrong, with its line.
	Reload(context.Context) (Reloaded, error)
}

// A Reloaded says what a reload changed.
type Reloaded struct {
	Changed []string // keys whose new values are in use
	Restart []string // keys that stay as they were until turnout is started again
	Hash    string   // of the configuration in use now
}

// A DrainState says whether new allocations are refused.
type DrainState struct {
	Draining bool
	Deadline time.Time // when what is live then is ended; zero for never
}

// A Configuration is the one in use.
type Configuration struct {
	JSON   json.RawMessage // every key, without secrets
	Hash   string          // the same for the same configuration
	Loaded time.Time
}

// A Build says which turnout runs.
type Build struct {
	Version  string
	Revision string // empty where the build does not know it
}

// A reply is what a handler answers: body as JSON, or nothing.
type reply struct {
	code int
	body any
}

// A route is one thing that can be asked for. Handlers return errors; call makes answers of them, in one place.
type route struct {
	method, pattern string
	serve           func(*API, *http.Request) (reply, error)
}

// routes are all of the API's, but for the pages of package pprof.
var routes = []route{
	{"GET", "/v1/status", (*API).status},
	{"GET", "/v1/history", (*API).history},
	{"GET", "/v1/allocations", (*API).list},
	{"DELETE", "/v1/allocations", (*API).endSubject},
	{"GET", "/v1/allocations/{id}", (*API).show},
	{"DELETE", "/v1/allocations/{id}", (*API).end},
	{"POST", "/v1/drain", (*API).drain},
	{"POST", "/v1/undrain", (*API).undrain},
	{"POST", "/v1/reload", (*API).reload},
	{"GET", "/v1/config", (*API).configuration},
	{"GET", "/openapi.json", (*API).describe},
}

// handler answers the API's paths, and has next answer all others.
func (a *API) handler(next http.Handler) http.Handler {
	byPattern := map[string]map[string]route{}
	for _, r := range routes {
		if byPattern[r.pattern] == nil {
			byPattern[r.pattern] = map[string]route{}
		}
		byPattern[r.pattern][r.method] = r
	}
	mux := http.NewServeMux()
	for pattern, methods := range byPattern {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { a.call(w, r, methods) })
	}
	profile(mux)
	guarded := a.Token.guard(mux)
	all := http.NewServeMux()
	all.Handle("/", next)
	all.Handle("/v1/", guarded)
	all.Handle("/debug/pprof/", guarded)
	all.Handle("/openapi.json", mux)
	mux.Handle("/", next) // what is neither a route nor a profile
	var across http.CrossOriginProtection
	across.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { errCrossOrigin.write(w) }))
	return across.Handler(all)
}

// patience is how long the workers have to answer. They take less than a second for 50,000 allocations.
const patience = 10 * time.Second

// call has a route's handler answer.
func (a *API) call(w http.ResponseWriter, r *http.Request, methods map[string]route) {
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	serving, ok := methods[method]
	if !ok {
		notAllowed(w, methods)
		return
	}
	if err := noBody(w, r); err != nil {
		failed(err).write(w)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	answered, err := serving.serve(a, r.WithContext(ctx))
	if ctx.Err() != nil { // what there is may be less than all
		err = errTimeout
	}
	if err != nil {
		failed(err).write(w)
		return
	}
	if answered.body == nil {
		w.WriteHeader(answered.code)
		return
	}
	answer(w, answered.code, answered.body)
}

// relay is the relay that runs, or errNoRelay.
func (a *API) relay() (Relay, error) {
	if r := a.Relay(); r != nil {
		return r, nil
	}
	return nil, errNoRelay
}
