package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"turnout/allocation"
	"turnout/relay"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// A fakeRelay has a few allocations, which can be ended.
type fakeRelay struct {
	mu   sync.Mutex
	rows []relay.AllocationInfo // guarded by mu; in the order of their ids
}

// newFakeRelay has the allocations of alice and bob by turns.
func newFakeRelay(n int) *fakeRelay {
	f := &fakeRelay{}
	for i := range n {
		f.rows = append(f.rows, relay.AllocationInfo{
			ID: allocation.ID(i+1)<<32 | 1, Subject: []string{"alice", "bob"}[i%2], Class: []string{"", "gold"}[i%2],
			Transport: []allocation.Transport{allocation.UDP, allocation.TLS}[i%2],
			Client:    netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 51, 100, byte(i)}), 4000),
			Server:    netip.MustParseAddrPort("192.0.2.1:3478"),
			Relayed:   [2]netip.AddrPort{netip.AddrPortFrom(netip.MustParseAddr("192.0.2.1"), uint16(50000+i)), netip.MustParseAddrPort("[2001:db8::1]:50000")},
			Bandwidth: []int64{0, 64_000}[i%2],
			Created:   noon, Expires: noon.Add(10 * time.Minute), Permissions: 2, Channels: 1,
			FromClient: relay.Traffic{Packets: 3, Bytes: 300}, ToClient: relay.Traffic{Packets: 4, Bytes: 400},
		})
	}
	return f
}

func (f *fakeRelay) Stats() relay.Stats {
	f.mu.Lock()
	defer f.mu.Unlock()
	return relay.Stats{
		Allocations: len(f.rows), AllocationsTotal: 12, AllocationsBy: map[allocation.Transport]int{allocation.UDP: 2, allocation.TLS: 1},
		FromClients: relay.Traffic{Packets: 5, Bytes: 6}, PortsInUse: 3, Ports: 16384, Streams: 7, Workers: 2,
		LatencyToPeers:   relay.Histogram{Count: 9, Classic: []relay.ClassicBucket{{UpTo: 0.001, Count: 5}, {UpTo: 0.01, Count: 8}}},
		LatencyToClients: relay.Histogram{Count: 2, Classic: []relay.ClassicBucket{{UpTo: 0.001, Count: 1}, {UpTo: 0.01, Count: 2}}},
	}
}

func (f *fakeRelay) Allocations(_ context.Context, filter relay.Filter) iter.Seq[relay.AllocationInfo] {
	return func(yield func(relay.AllocationInfo) bool) {
		f.mu.Lock()
		rows := slices.Clone(f.rows)
		f.mu.Unlock()
		for _, a := range rows {
			if a.ID > filter.After && filter.Admits(&a) && !yield(a) {
				return
			}
		}
	}
}

func (f *fakeRelay) Allocation(_ context.Context, id allocation.ID) (d relay.AllocationDetail, ok bool) {
	for a := range f.Allocations(context.Background(), relay.Filter{}) {
		if a.ID == id {
			return relay.AllocationDetail{AllocationInfo: a, Peers: []relay.PeerInfo{
				{Address: netip.MustParseAddrPort("203.0.113.9:9000"), PermissionExpires: noon.Add(time.Minute), Channel: 0x4000, ChannelExpires: noon.Add(2 * time.Minute)},
				{Address: netip.MustParseAddrPort("203.0.113.10:0"), PermissionExpires: noon.Add(3 * time.Minute)},
			}}, true
		}
	}
	return d, false
}

func (f *fakeRelay) End(_ context.Context, id allocation.ID) bool {
	return f.endWhere(func(a relay.AllocationInfo) bool { return a.ID == id }) == 1
}

func (f *fakeRelay) EndAllOf(subject string) int {
	return f.endWhere(func(a relay.AllocationInfo) bool { return a.Subject == subject })
}

func (f *fakeRelay) endWhere(is func(relay.AllocationInfo) bool) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := len(f.rows)
	f.rows = slices.DeleteFunc(f.rows, is)
	return n - len(f.rows)
}

// A fakeControl drains and undrains, unless it is stopping.
type fakeControl struct {
	mu       sync.Mutex
	state    DrainState // guarded by mu
	stopping bool
	broken   error // of the configuration
}

func (f *fakeControl) Reload(context.Context) (Reloaded, error) {
	return Reloaded{Changed: []string{"log.level"}, Hash: "fedcba9876543210"}, f.broken
}

func (f *fakeControl) set(draining bool) DrainState {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.state.Draining = draining
	return f.state
}

func (f *fakeControl) Drain() DrainState { return f.set(true) }

func (f *fakeControl) Undrain() (DrainState, error) {
	if f.stopping {
		return f.Draining(), errors.New("turnout has been told to stop")
	}
	return f.set(false), nil
}

func (f *fakeControl) Draining() DrainState {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.state
}

func (f *fakeControl) Configuration() Configuration {
	return Configuration{JSON: json.RawMessage(`{"realm":"turnout"}`), Hash: "0123456789abcdef", Loaded: noon}
}

// An operated is a listener with an API, and what is behind it.
type operated struct {
	t       *testing.T
	handler http.Handler
	relay   *fakeRelay
	control *fakeControl
	state   State
	config  Config
	api     *API
}

func newOperated(t *testing.T, changes ...func(*Config)) *operated {
	o := &operated{t: t, relay: newFakeRelay(5), control: &fakeControl{}, state: Ready}
	c := testConfig(&o.state)
	c.API = &API{
		Relay: func() Relay { return o.relay }, Control: o.control,
		Build: Build{"v1.2.3", "abc"}, Started: noon,
		Drops: func(yield func(string, uint64)) { yield("handshake_failed", 9) },
	}
	for _, change := range changes {
		change(&c)
	}
	o.config = c
	o.handler, o.api = handle(loopback, c)
	return o
}

// ask sends a request with the header given as "Name: value" and returns the answer.
func (o *operated) ask(method, target string, header ...string) *httptest.ResponseRecorder {
	o.t.Helper()
	r := httptest.NewRequest(method, "http://localhost:9478"+target, nil)
	for _, h := range header {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	o.handler.ServeHTTP(w, r)
	return w
}

// object is the answer of a request that must succeed, as JSON.
func (o *operated) object(method, target string) (v map[string]any) {
	o.t.Helper()
	w := o.ask(method, target)
	if w.Code != http.StatusOK {
		o.t.Fatalf("%s %s: %d %s", method, target, w.Code, w.Body)
	}
	if err := json.NewDecoder(io.TeeReader(w.Body, io.Discard)).Decode(&v); err != nil {
		o.t.Fatal(err)
	}
	return v
}

// at is what stands at a path of members and indexes in a JSON value, as text.
func at(v any, path ...any) string {
	for _, p := range path {
		switch p := p.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[p]
		case int:
			l, _ := v.([]any)
			if p >= len(l) {
				return "<none>"
			}
			v = l[p]
		}
	}
	return fmt.Sprint(v)
}
