package admin

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"turnout/relay"
)

// A survey of all allocations is taken for whoever wants them in the order of what they relay now. Who asks within freshFor
// gets the last one again: the workers are asked once a second, however many look. One older than forgetAfter is forgotten,
// since the rates of the next one would be averages over all that time.
const (
	freshFor    = 800 * time.Millisecond
	forgetAfter = 10 * time.Second
)

// surveys keeps the last survey. Make it with newSurveys. Safe for concurrent use.
type surveys struct {
	turn chan struct{} // holds one value while somebody takes a survey

	mu     sync.Mutex
	last   *survey     // guarded by mu; a survey does not change
	forget *time.Timer // guarded by mu
}

// A survey is every allocation at one time.
type survey struct {
	at   time.Time
	over time.Duration // since the one before; 0: there was none, and rates are zero
	rows []surveyed    // by ascending ID
}

// A surveyed is an allocation with what it relayed since the survey before, a second.
type surveyed struct {
	relay.AllocationInfo
	fromClient, toClient rateBody
}

func newSurveys() *surveys { return &surveys{turn: make(chan struct{}, 1)} }

// take is a survey of now, or of just now; ctx ends waiting for it.
func (s *surveys) take(ctx context.Context, server Relay) (*survey, error) {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	before := s.kept()
	now := time.Now()
	if before != nil && now.Sub(before.at) < freshFor {
		return before, nil
	}
	v := &survey{at: now}
	for row := range server.Allocations(ctx, relay.Filter{}) {
		v.rows = append(v.rows, surveyed{AllocationInfo: row})
	}
	if err := ctx.Err(); err != nil {
		return nil, err // it may lack some
	}
	v.compare(before)
	s.keep(v)
	return v, nil
}

func (s *surveys) kept() *survey {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last
}

// keep keeps v until the next one, or for a while.
func (s *surveys) keep(v *survey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = v
	if s.forget != nil {
		s.forget.Stop()
	}
	s.forget = time.AfterFunc(forgetAfter, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.last == v {
			s.last = nil
		}
	})
}

// compare sets the rates. Both surveys are in the order of IDs, as the relay yields them.
func (v *survey) compare(before *survey) {
	if before == nil {
		return
	}
	v.over = v.at.Sub(before.at)
	seconds := v.over.Seconds()
	old := before.rows
	for i := range v.rows {
		row := &v.rows[i]
		for len(old) > 0 && old[0].ID < row.ID {
			old = old[1:]
		}
		var from, to relay.Traffic // of one that is new
		switch {
		case len(old) > 0 && old[0].ID == row.ID:
			from, to = old[0].FromClient, old[0].ToClient
		case row.Created.Before(before.at): // its client has moved, and it has another id: the next survey tells
			from, to = row.FromClient, row.ToClient
		}
		row.fromClient = rateBody{float64(row.FromClient.Packets-from.Packets) / seconds, float64(row.FromClient.Bytes-from.Bytes) / seconds}
		row.toClient = rateBody{float64(row.ToClient.Packets-to.Packets) / seconds, float64(row.ToClient.Bytes-to.Bytes) / seconds}
	}
}

// Orders that a list may be asked for in. Where two are equal the older id is first, so that rows do not jump.
var orders = map[string]func(a, b *surveyed) int{
	orderRate:  func(a, b *surveyed) int { return cmp.Compare(b.rate(), a.rate()) },
	orderBytes: func(a, b *surveyed) int { return cmp.Compare(b.bytes(), a.bytes()) },
	"created":  func(a, b *surveyed) int { return b.Created.Compare(a.Created) },
	"subject":  func(a, b *surveyed) int { return cmp.Compare(a.Subject, b.Subject) },
}

const (
	orderRate  = "rate"
	orderBytes = "bytes"
)

func (s *surveyed) rate() float64 { return s.fromClient.Bytes + s.toClient.Bytes }
func (s *surveyed) bytes() uint64 { return s.FromClient.Bytes + s.ToClient.Bytes }

// order is the one that a list has which is asked for in an order. Rates of a first survey are all zero: what was relayed
// altogether decides then.
func (v *survey) order(asked string) string {
	if asked == orderRate && v.over == 0 {
		return orderBytes
	}
	return asked
}

// page is the rows in an order that a filter admits and that come behind one, unless that is nil; more says that there are
// further ones.
func (v *survey) page(f *relay.Filter, order string, behind *surveyed, limit int) (rows []*surveyed, more bool) {
	first := orders[order]
	compare := func(a, b *surveyed) int {
		if c := first(a, b); c != 0 {
			return c
		}
		return cmp.Compare(a.ID, b.ID)
	}
	for i := range v.rows {
		row := &v.rows[i]
		if (behind == nil || compare(row, behind) > 0) && f.Admits(&row.AllocationInfo) {
			rows = append(rows, row)
		}
	}
	slices.SortFunc(rows, compare)
	return rows[:min(limit, len(rows))], len(rows) > limit
}
