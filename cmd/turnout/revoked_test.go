package main

import (
	"context"
	"log/slog"
	"math"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/turn/v4"
	"github.com/prometheus/client_golang/prometheus"

	"turnout/allocation"
	"turnout/auth"
	"turnout/auth/identity"
	"turnout/internal/metrics"
	"turnout/internal/netio"
	"turnout/relay"
)

// A distant store tells its watchers of every change late by as much.
type distant struct {
	*identity.Memory
	lag time.Duration
}

func (d *distant) Watch(ctx context.Context, k identity.Kind, apply func(identity.Record), ready func()) error {
	return d.Memory.Watch(ctx, k, func(r identity.Record) { time.Sleep(d.lag); apply(r) }, ready)
}

// A twin is a relay on a network in memory that hears of revocations from a store which other services write to.
type twin struct {
	*service
	directory *identity.Directory // of another process
	network   *netio.Memory
	server    *relay.Server
	issuer    *auth.Issuer
	clients   uint16
}

var twinAddress = netip.MustParseAddrPort("93.184.216.5:3478")

const twinRealm = "turnout.test"

// newTwin makes one in a bubble, which ends it.
func newTwin(t *testing.T, lag time.Duration) *twin {
	t.Helper()
	w := &twin{service: &service{log: slog.New(slog.DiscardHandler)}, network: netio.NewMemory()}
	w.meter = metrics.NewService(func() metrics.Reading {
		return metrics.Reading{Degraded: func(func(string, bool)) {}, Log: func(func(string, uint64)) {}}
	})
	memory := identity.NewMemory()
	heard := w.revoked(time.Now)
	view := viewOf(t, &distant{memory, lag}, identity.RevocationsConfig{OnSubject: heard.subject, OnUsername: heard.username})
	var err error
	w.directory, err = identity.NewDirectory(identity.DirectoryConfig{
		Store: memory, Revocations: viewOf(t, memory, identity.RevocationsConfig{}), Resource: "6f0c1f2e-9a53-4f5b-8b1f-0d6a6c1f7a10",
	})
	must(t, err)
	ring, err := auth.NewKeyring(auth.Key{ID: "k1", Secret: []byte("a secret of the twin's keyring")})
	must(t, err)
	w.issuer = auth.NewIssuer(ring)
	verifier, err := auth.NewVerifier(auth.VerifierConfig{Realm: twinRealm, Keyring: ring, Revoked: view.Revoked})
	must(t, err)
	w.server, err = relay.New(relay.Config{
		Realm: twinRealm, Network: w.network, Workers: 3, Verifier: verifier, Logger: w.log,
		Listeners:      []relay.Listener{{Transport: allocation.UDP, Addr: twinAddress}},
		RelayAddresses: []allocation.RelayAddress{{Bind: twinAddress.Addr(), External: twinAddress.Addr()}},
	})
	must(t, err)
	served := make(chan error, 1)
	go func() { served <- w.server.Serve(context.Background()) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel() // what is live ends now
		_ = w.server.Shutdown(ctx)
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	var running relayServer = w.server
	w.relay.Store(&running)
	synctest.Wait()
	return w
}

// viewOf is a view of a store that has read it.
func viewOf(t *testing.T, s identity.Store, c identity.RevocationsConfig) *identity.Revocations {
	t.Helper()
	view, err := identity.NewRevocations(c)
	must(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); view.Run(ctx, s) }()
	t.Cleanup(func() { cancel(); <-ended })
	<-view.Ready()
	return view
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// allocate makes an allocation for a subject, and gives its username.
func (w *twin) allocate(t *testing.T, subject string) (username string) {
	t.Helper()
	time.Sleep(time.Millisecond) // credentials of one millisecond for one subject are the same
	now := time.Now()
	c, err := w.issuer.Issue(auth.Grant{Subject: subject, Issued: now, Expires: now.Add(time.Hour)}, now)
	must(t, err)
	w.clients++
	conn, err := w.network.ListenPacket(netip.AddrPortFrom(netip.AddrFrom4([4]byte{8, 8, 8, byte(w.clients)}), 4000))
	must(t, err)
	client, err := turn.NewClient(&turn.ClientConfig{
		Conn: conn, STUNServerAddr: twinAddress.String(), TURNServerAddr: twinAddress.String(), Realm: twinRealm, Username: c.Username, Password: c.Password,
	})
	must(t, err)
	t.Cleanup(func() { client.Close(); _ = conn.Close() })
	must(t, client.Listen())
	relayed, err := client.Allocate()
	must(t, err)
	t.Cleanup(func() { _ = relayed.Close() }) // where it was revoked, the relay says so
	return c.Username
}

// live is how many allocations there are once everything has settled.
func (w *twin) live() int {
	synctest.Wait()
	return w.server.Stats().Allocations
}

// observed is what a histogram of the twin's has.
func (w *twin) observed(t *testing.T, name string) (count, sum float64) {
	t.Helper()
	registry := prometheus.NewRegistry()
	registry.MustRegister(w.meter)
	families, err := registry.Gather()
	must(t, err)
	for _, f := range families {
		if f.GetName() == name {
			h := f.GetMetric()[0].GetHistogram()
			return float64(h.GetSampleCount()), h.GetSampleSum()
		}
	}
	t.Fatalf("no %s", name)
	return 0, 0
}

// TestRevocationTakes measures, in time that stands still while anybody works, how long a revocation takes to end the live
// allocations of a user, on every worker, and no others: as long as the store needs to tell of it, to the nanosecond, and
// the histograms say the same.
func TestRevocationTakes(t *testing.T) {
	t.Parallel()
	for _, lag := range []time.Duration{0, 300 * time.Millisecond} {
		t.Run(lag.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newTwin(t, lag)
				user, err := w.directory.Create(t.Context(), "")
				must(t, err)
				for range 8 {
					w.allocate(t, user.ID)
				}
				for range 3 {
					w.allocate(t, "bystander")
				}
				one := w.allocate(t, "bystander")
				if n := w.live(); n != 12 {
					t.Fatalf("%d live allocations, want 12", n)
				}
				time.Sleep(time.Until(time.Now().Truncate(time.Millisecond).Add(time.Millisecond))) // revocations are in whole milliseconds
				revoked := time.Now()
				_, err = w.directory.Revoke(t.Context(), user.ID)
				must(t, err)
				if lag > 0 {
					time.Sleep(lag - time.Nanosecond)
					if n := w.live(); n != 12 {
						t.Errorf("%d live allocations %v after the revocation, of which the relay does not know", n, time.Since(revoked))
					}
					time.Sleep(time.Nanosecond)
				}
				if n, took := w.live(), time.Since(revoked); n != 4 || took != lag {
					t.Errorf("%d live allocations %v after the revocation, want 4", n, took)
				}
				must(t, w.directory.RevokeUsername(t.Context(), one, time.Now().Add(time.Hour)))
				time.Sleep(lag)
				if n := w.live(); n != 3 {
					t.Errorf("%d live allocations after the revocation of one username, want 3", n)
				}
				// One that ends nothing is known as fast, and took no time to end what it did not.
				must(t, w.directory.Delete(t.Context(), user.ID))
				time.Sleep(lag)
				synctest.Wait()
				for name, n := range map[string]float64{"turnout_revocation_delay_seconds": 3, "turnout_revocation_teardown_seconds": 2} {
					if count, sum := w.observed(t, name); count != n || math.Abs(sum-n*lag.Seconds()) > 1e-9 {
						t.Errorf("%s has %v observations of %v s altogether, want %v of %v each", name, count, sum, n, lag)
					}
				}
			})
		})
	}
}
