package relay

import (
	"context"
	"io"
	"log/slog"
	"net/netip"
	"slices"
	"testing"
	"time"

	"turnout/allocation"
	"turnout/auth"
	"turnout/internal/callers"
	"turnout/internal/netio"
)

// crowded is a relay of one worker on the in-memory network that has n allocations, each with a permission.
func crowded(t testing.TB, n int) *Server {
	t.Helper()
	network := netio.NewMemory()
	verifier, err := auth.NewVerifier(auth.VerifierConfig{Realm: "bench", Users: map[string]string{"alice": "wonderland"}})
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(Config{
		Realm: "bench", Workers: 1, Network: network, Verifier: verifier, UnauthenticatedRate: -1,
		Listeners:      []Listener{{Transport: allocation.UDP, Addr: benchServer}},
		RelayAddresses: relayAddresses(relayIPv4), PortMin: 1024, PortMax: 65535,
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	ctx, cancel := context.WithCancel(context.Background())
	go func() { served <- s.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	populate(t, network, n)
	return s
}

// populate makes n allocations, each by a client that goes away.
func populate(t testing.TB, network *netio.Memory, n int) {
	t.Helper()
	if err := callers.Fill(network, benchServer, benchPeer, n, callers.Caller{Username: "alice", Realm: "bench", Key: benchKey}); err != nil {
		t.Fatal(err)
	}
}

// held is as long as an operator's question may hold a worker: 1 ms, in which a call's next packet is not late. The race
// detector makes everything several times as slow.
func held() time.Duration {
	if raceEnabled {
		return 10 * time.Millisecond
	}
	return time.Millisecond
}

// TestListingHoldsNoWorker lists 50,000 allocations of one worker, and measures how long each of its pages takes the
// worker. Of several measurements of a page the shortest counts: the others include what the machine did meanwhile.
func TestListingHoldsNoWorker(t *testing.T) {
	t.Parallel()
	const n, passes = 50_000, 5
	began := time.Now()
	s := crowded(t, n)
	t.Logf("%d allocations made in %v", n, time.Since(began))
	for _, c := range []struct {
		name string
		f    Filter
		rows int
	}{
		{"all", Filter{}, n},
		{"all of a subject", Filter{Subject: "alice"}, n},
		{"none, by part of the subject", Filter{Contains: "nobody"}, 0},
		{"none, by client", Filter{Client: Block{Prefix: netip.MustParsePrefix("192.0.2.0/24")}}, 0},
		{"none, by relayed address", Filter{Relayed: Block{Prefix: netip.MustParsePrefix("192.0.2.0/24"), Port: 1}}, 0},
	} {
		var shortest []time.Duration // by page
		var longest, whole time.Duration
		for pass := range passes {
			l := newListing(&c.f)
			began, rows, page := time.Now(), 0, 0
			for next := 0; next >= 0; page++ {
				l.next = next
				var took time.Duration
				if !s.ask(t.Context(), s.workers[0], func(w *worker) {
					start := time.Now()
					l.fill(w)
					took = time.Since(start)
				}) {
					t.Fatal("the worker has ended")
				}
				if pass == 0 {
					shortest = append(shortest, took)
				}
				shortest[page], longest = min(shortest[page], took), max(longest, took)
				rows, next = rows+len(l.rows), l.next
			}
			if whole = time.Since(began); rows != c.rows {
				t.Fatalf("%s: %d rows, want %d", c.name, rows, c.rows)
			}
		}
		got := slices.Max(shortest)
		t.Logf("%-30s %3d pages; the longest held its worker for %v, with what else the machine did %v; the list took %v", c.name+":", len(shortest), got, longest, whole)
		if got > held() {
			t.Errorf("%s: a page holds its worker for %v, which is more than %v", c.name, got, held())
		}
	}
}

// TestShowingHoldsNoWorker shows an allocation with as many permissions and channels as one may have.
func TestShowingHoldsNoWorker(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	_, relayed := b.allocate(t, benchClient(1))
	a := b.w.table.LookupRelayed(relayed)
	for i := range 1024 {
		peer := netip.AddrPortFrom(netip.AddrFrom4([4]byte{9, 9, byte(i >> 8), byte(i)}), 9000)
		if err := b.w.table.BindChannel(a, allocation.ChannelNumber(0x4000+i), peer, false, b.w.now); err != nil {
			t.Fatal(err)
		}
	}
	shortest := time.Hour
	for range 10 {
		start := time.Now()
		if n := len(b.w.peersOf(a)); n != 1024 {
			t.Fatalf("%d peers", n)
		}
		shortest = min(shortest, time.Since(start))
	}
	t.Logf("1024 permissions and channels held the worker for %v", shortest)
	if shortest > held() {
		t.Errorf("that is more than %v", held())
	}
}
