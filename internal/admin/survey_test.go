package admin

import (
	"context"
	"fmt"
	"iter"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"turnout/allocation"
	"turnout/relay"
)

// TestSorted asks for orders while allocations relay.
func TestSorted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOperated(t)
		asked := &countedRelay{Relay: o.relay}
		o = newOperated(t, func(c *Config) { c.API.Relay = func() Relay { return asked } })
		asked.Relay = o.relay
		relayed := func(i int, packets, bytes uint64) {
			o.relay.mu.Lock()
			defer o.relay.mu.Unlock()
			o.relay.rows[i].ToClient.Packets += packets
			o.relay.rows[i].ToClient.Bytes += bytes
		}
		order := func(query string) (clients, rate string) {
			t.Helper()
			v := o.object("GET", "/v1/allocations?"+query)
			rows, _ := v["allocations"].([]any)
			for _, row := range rows {
				clients += " " + strings.TrimSuffix(strings.TrimPrefix(at(row, "client"), "198.51.100."), ":4000")
			}
			return clients, at(v, "interval") + " " + at(rows[0], "rate")
		}
		relayed(3, 1, 1000)
		if clients, rate := order("sort=rate"); clients != " 3 0 1 2 4" || rate != "<nil> <nil>" {
			t.Errorf("at first: %s, %s", clients, rate)
		}
		relayed(1, 4, 400)
		if clients, rate := order("sort=rate"); clients != " 3 0 1 2 4" || rate != "<nil> <nil>" || asked.n.Load() != 1 {
			t.Errorf("at once: %s, %s, asked %d times", clients, rate, asked.n.Load())
		}
		time.Sleep(2 * time.Second)
		if clients, rate := order("sort=rate&limit=2"); clients != " 1 0" || rate != "2 map[fromClient:map[bytes:0 packets:0] toClient:map[bytes:200 packets:2]]" {
			t.Errorf("after 2 s: %s, %s", clients, rate)
		}
		o.relay.EndAllOf("alice")
		time.Sleep(time.Second)
		if clients, _ := order("sort=bytes"); clients != " 3 1" || asked.n.Load() != 3 {
			t.Errorf("by bytes: %s, asked %d times", clients, asked.n.Load())
		}
		if clients, _ := order("sort=created&client=198.51.100.1"); clients != " 1" {
			t.Errorf("filtered: %s", clients)
		}
		time.Sleep(forgetAfter + time.Second)
		if _, rate := order("sort=subject"); rate != "<nil> <nil>" {
			t.Errorf("a survey that is over: %s", rate)
		}
		if w := o.ask("GET", "/v1/allocations?sort=size"); w.Code != 400 {
			t.Errorf("an order that there is not: %d %s", w.Code, w.Body)
		}
		time.Sleep(forgetAfter) // and nothing is left running
	})
}

// TestSortedPages goes through all pages of lists in every order.
func TestSortedPages(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOperated(t)
		for i := range o.relay.rows {
			o.relay.rows[i].Created = noon.Add(time.Duration(i%2) * time.Nanosecond)
		}
		o.relay.rows[0].ToClient.Bytes += 10
		page := func(query, cursor string) (clients, next string) {
			t.Helper()
			if cursor != "" {
				query += "&cursor=" + cursor
			}
			v := o.object("GET", "/v1/allocations?"+query)
			rows, _ := v["allocations"].([]any)
			for _, row := range rows {
				clients += " " + strings.TrimSuffix(strings.TrimPrefix(at(row, "client"), "198.51.100."), ":4000")
			}
			if at(v, "total") != strconv.Itoa(len(o.relay.rows)) {
				t.Errorf("%s: %s in total", query, at(v, "total"))
			}
			if n, more := v["next"]; more {
				return clients, fmt.Sprint(n)
			}
			return clients, ""
		}
		pages := func(query string) (all string) {
			t.Helper()
			for cursor, left := "", 10; ; left-- {
				clients, next := page(query, cursor)
				if all += clients; next == "" || left == 0 {
					return all
				}
				all, cursor = all+" |", next
			}
		}
		for query, want := range map[string]string{
			"sort=rate&limit=3":              " 0 1 2 | 3 4", // of a first survey: by bytes
			"sort=bytes&limit=2":             " 0 1 | 2 3 | 4",
			"sort=created&limit=2":           " 1 3 | 0 2 | 4",
			"sort=subject&limit=2":           " 0 2 | 4 1 | 3",
			"sort=subject&limit=5":           " 0 2 4 1 3",
			"sort=subject&limit=1&search=li": " 0 | 2 | 4",
		} {
			if got := pages(query); got != want {
				t.Errorf("%s: %s, want %s", query, got, want)
			}
		}
		_, bytes := page("sort=rate&limit=1", "") // before there are rates
		o.relay.mu.Lock()
		for i := range o.relay.rows {
			o.relay.rows[i].ToClient.Bytes += uint64([]int{10, 20, 30, 30, 5}[i])
		}
		o.relay.mu.Unlock()
		time.Sleep(3 * time.Second)
		if got := pages("sort=rate&limit=2"); got != " 2 3 | 1 0 | 4" {
			t.Errorf("by rate: %s", got)
		}
		if got, _ := page("sort=rate&limit=5", bytes); got != " 4" { // which has fewer bytes than the first one had
			t.Errorf("behind a page of the time without rates: %s", got)
		}

		// What comes and goes moves nothing else.
		_, next := page("sort=subject&limit=2", "")
		o.relay.End(t.Context(), o.relay.rows[2].ID) // the last row of that page
		time.Sleep(time.Second)
		if got, _ := page("sort=subject&limit=2", next); got != " 4 1" {
			t.Errorf("behind a row that has ended: %s", got)
		}

		_, rate := page("sort=rate&limit=1", "")
		time.Sleep(forgetAfter + time.Second)
		for query, sentence := range map[string]string{
			"sort=rate&cursor=" + rate:                  "begin with its first page",
			"sort=bytes&cursor=" + next:                 "write that",
			"sort=rate&cursor=" + next:                  "write that",
			"sort=rate&cursor=0000000200000001":         "what the last page had as next",
			"cursor=" + next:                            "what the last page had as next",
			"sort=subject&cursor=" + next + "x":         "what the last page had as next",
			"sort=subject&cursor=e30":                   "what the last page had as next", // {}
			"sort=subject&cursor=" + next[:len(next)/2]: "what the last page had as next",
		} {
			if w := o.ask("GET", "/v1/allocations?"+query); w.Code != 400 || !strings.Contains(w.Body.String(), sentence) {
				t.Errorf("%s: %d %s", query, w.Code, w.Body)
			}
		}
		time.Sleep(forgetAfter) // and nothing is left running
	})
}

// TestRateOfMoved compares surveys between which a client has moved to another worker, and another one has come.
func TestRateOfMoved(t *testing.T) {
	t.Parallel()
	row := func(id allocation.ID, created time.Time, bytes uint64) surveyed {
		return surveyed{AllocationInfo: relay.AllocationInfo{ID: id, Created: created, ToClient: relay.Traffic{Packets: 1, Bytes: bytes}}}
	}
	before := &survey{at: noon, rows: []surveyed{row(1, noon.Add(-time.Hour), 100), row(2, noon.Add(-time.Hour), 1_000_000)}}
	now := &survey{at: noon.Add(2 * time.Second), rows: []surveyed{row(1, noon.Add(-time.Hour), 300), row(7, noon.Add(-time.Hour), 1_000_200), row(8, noon.Add(time.Second), 400)}}
	now.compare(before)
	for i, want := range []float64{100, 0, 200} {
		if got := now.rows[i].toClient.Bytes; got != want {
			t.Errorf("row %d: %v bytes a second, want %v", i, got, want)
		}
	}
}

// A countedRelay counts how often it was asked for its allocations.
type countedRelay struct {
	Relay
	n atomic.Int64
}

func (c *countedRelay) Allocations(ctx context.Context, f relay.Filter) iter.Seq[relay.AllocationInfo] {
	c.n.Add(1)
	return c.Relay.Allocations(ctx, f)
}

// A hangingRelay never answers.
type hangingRelay struct{ *fakeRelay }

func (hangingRelay) Allocations(ctx context.Context, _ relay.Filter) iter.Seq[relay.AllocationInfo] {
	return func(func(relay.AllocationInfo) bool) { <-ctx.Done() }
}

// TestHangingWorker gives up on workers that do not answer, and says so: a list that lacks some must not look whole.
func TestHangingWorker(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOperated(t, func(c *Config) { c.API.Relay = func() Relay { return hangingRelay{newFakeRelay(1)} } })
		answers := make(chan *httptest.ResponseRecorder)
		targets := []string{"/v1/allocations", "/v1/allocations?sort=rate", "/v1/allocations?sort=bytes"}
		began := time.Now()
		for _, target := range targets {
			go func() { answers <- o.ask("GET", target) }()
		}
		for range targets {
			if w := <-answers; w.Code != 503 || !strings.Contains(w.Body.String(), `"Timeout"`) {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		}
		if took := time.Since(began); took != patience {
			t.Errorf("it took %v", took)
		}
	})
}
