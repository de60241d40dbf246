package admin

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"
)

// A history goes back historySpan, which is what the page draws, in steps of historyEvery.
const (
	historySpan  = 10 * time.Minute
	historyEvery = 5 * time.Second
)

// A history keeps what was counted lately, for a page that is opened in the middle of something. Safe for concurrent use.
type history struct {
	mu      sync.Mutex
	moments []momentBody // guarded by mu; oldest first, and none changes once it is here
}

// A historyBody is the answer of GET /v1/history.
type historyBody struct {
	Started time.Time    `json:"started"`
	Moments []momentBody `json:"moments"` // oldest first
}

// run looks every historyEvery until ctx ends.
func (h *history) run(ctx context.Context, moment func() momentBody) {
	tick := time.NewTicker(historyEvery)
	defer tick.Stop()
	for {
		h.add(moment())
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// add keeps a moment, without what was never counted, and forgets those before the span.
func (h *history) add(m momentBody) {
	none := func(_ string, n uint64) bool { return n == 0 }
	maps.DeleteFunc(m.Drops, none)
	maps.DeleteFunc(m.Authentications, none)
	h.mu.Lock()
	defer h.mu.Unlock()
	oldest := m.Now.Add(-historySpan)
	h.moments = slices.DeleteFunc(h.moments, func(o momentBody) bool { return o.Now.Before(oldest) })
	h.moments = append(h.moments, m)
}

// all are the moments, oldest first.
func (h *history) all() []momentBody {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]momentBody{}, h.moments...)
}

// history gives what was counted lately.
func (a *API) history(*http.Request) (reply, error) {
	return reply{http.StatusOK, historyBody{a.Started.UTC(), a.past.all()}}, nil
}
