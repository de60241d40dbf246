package bench

import (
	"context"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"runtime"
	"testing"
	"time"

	"turnout/allocation"
	"turnout/auth"
	"turnout/internal/netio"
	"turnout/relay"
)

// startRelay runs a relay in this process until the test ends, and makes a job against it.
func startRelay(t *testing.T, s Scenario) (*relay.Server, Job) {
	t.Helper()
	p, err := newPlace(t.TempDir(), s.Flows, s.Workers)
	if err != nil {
		t.Fatal(err)
	}
	keyring, err := auth.NewKeyring(auth.Key{ID: "bench", Secret: []byte(p.Secret)})
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := auth.NewVerifier(auth.VerifierConfig{Realm: p.Realm, Keyring: keyring})
	if err != nil {
		t.Fatal(err)
	}
	server, err := relay.New(relay.Config{
		Realm: p.Realm, Verifier: verifier, Workers: s.Workers,
		Listeners:      []relay.Listener{{Transport: allocation.UDP, Addr: p.Addr}, {Transport: allocation.TCP, Addr: p.Addr}},
		RelayAddresses: []allocation.RelayAddress{{Bind: p.Relay[0]}}, PortMin: p.MinPort, PortMax: p.MaxPort,
		PeersAllow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
		Logger:     slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	ctx, cancel := context.WithCancel(context.Background())
	go func() { served <- server.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return server, Job{
		Scenario: s, Server: p.Addr, ServerPIDs: []int{os.Getpid()}, Spread: true, Local: p.Peer, Release: true,
		Credentials: Credentials{Secret: p.Secret, Expires: time.Now().Add(time.Hour)},
		Warmup:      50 * time.Millisecond, Duration: 200 * time.Millisecond, Seed: 7,
	}
}

// small is a scenario of few flows.
func small(change func(*Scenario)) Scenario {
	s := Scenario{Name: "small", Purpose: Traffic, Transport: UDP, Flows: 4, Payload: 161, Direction: Echo, Carrier: Channel, Window: 8, Workers: 1}
	change(&s)
	return s
}

// TestGenerate has packets relayed in every way that a scenario may have, and wants them whole, without a loss, and the
// allocations gone afterwards.
func TestGenerate(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Scenario){
		"echo":             func(*Scenario) {},
		"up":               func(s *Scenario) { s.Direction = Up },
		"down":             func(s *Scenario) { s.Direction = Down },
		"indications":      func(s *Scenario) { s.Carrier = Indication },
		"indications, up":  func(s *Scenario) { s.Carrier, s.Direction = Indication, Up },
		"at a rate":        func(s *Scenario) { s.Rate = 200 },
		"at a rate, down":  func(s *Scenario) { s.Rate, s.Direction = 200, Down },
		"in trains":        func(s *Scenario) { s.Window, s.Burst, s.Payload, s.Segmented = 32, 16, 1200, true },
		"two workers":      func(s *Scenario) { s.Workers, s.Flows = 2, 32 },
		"only allocations": func(s *Scenario) { s.Purpose, s.Flows = Allocations, 200 },
		"smallest":         func(s *Scenario) { s.Payload = stampSize },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := small(change)
			server, job := startRelay(t, s)
			m, err := generate(t.Context(), job)
			if err != nil {
				t.Fatal(err)
			}
			checkMeasurement(t, s, m)
			if n := server.Stats().Allocations; n != 0 {
				t.Errorf("%d allocations are left", n)
			}
		})
	}
}

// TestGenerateGivesBack is interrupted with live allocations on a server that goes on living, and leaves none behind.
func TestGenerateGivesBack(t *testing.T) {
	t.Parallel()
	s := small(func(s *Scenario) { s.Flows, s.Rate = 100, 10 })
	server, job := startRelay(t, s)
	job.Duration = MaxDuration
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	failed := make(chan error, 1)
	go func() {
		_, err := generate(ctx, job)
		failed <- err
	}()
	allocated := func(n int) bool {
		for deadline := time.Now().Add(30 * time.Second); server.Stats().Allocations != n && time.Now().Before(deadline); <-time.After(time.Millisecond) {
		}
		return server.Stats().Allocations == n
	}
	if !allocated(s.Flows) {
		t.Errorf("%d allocations were made, want %d", server.Stats().Allocations, s.Flows)
	}
	cancel()
	if err := <-failed; err == nil {
		t.Error("it was interrupted, and says nothing")
	}
	if !allocated(0) {
		t.Errorf("%d allocations are left", server.Stats().Allocations)
	}
}

// checkMeasurement wants a run without a fault of the relay's or the generator's.
func checkMeasurement(t *testing.T, s Scenario, m Measurement) {
	t.Helper()
	if m.Setup.Allocations != s.Flows || m.Setup.Elapsed <= 0 {
		t.Errorf("set-up: %+v", m.Setup)
	}
	f := m.Traffic
	if s.Purpose == Allocations {
		if f != nil {
			t.Error("packets were relayed")
		}
		return
	}
	// On a machine that gives the relay no processor for long, clients send again what they had under way, and sockets have no
	// room for all of it: the system has counted that.
	if f.Delivered == 0 || f.Sent == 0 || f.Lost > f.Dropped+f.ServerDropped || f.Corrupt+f.Misdelivered+f.Duplicate+f.Orphan != 0 {
		t.Errorf("delivered %d, sent %d, lost %d, dropped %d and %d, corrupt %d (%s), misdelivered %d, duplicate %d, orphans %d",
			f.Delivered, f.Sent, f.Lost, f.Dropped, f.ServerDropped, f.Corrupt, f.Evidence, f.Misdelivered, f.Duplicate, f.Orphan)
	}
	if n := uint64(f.Latency.Count()); n != f.Sent-f.Lost {
		t.Errorf("%d latencies of %d packets", n, f.Sent)
	}
	if s.Rate > 0 && f.Planned == 0 {
		t.Error("a rate without a plan")
	}
}

// TestGenerateStreams does the same over TCP, with the peer in a loop of its own.
func TestGenerateStreams(t *testing.T) {
	t.Parallel()
	_, job := startRelay(t, small(func(s *Scenario) { s.Transport = TCP }))
	network := netio.System()
	group, err := network.ListenUDP(netip.AddrPortFrom(job.Local, 0), 1)
	if err != nil {
		t.Fatal(err)
	}
	defer group[0].Close()
	poller, err := network.NewPoller(netio.PollerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer poller.Close()
	if err := poller.Add(group[0], 0); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer context.AfterFunc(ctx, poller.Wake)()
	ended := make(chan error, 1)
	go func() { ended <- echo(ctx, poller, group[0]) }()
	job.Peer = group[0].Local()
	m, err := generate(t.Context(), job)
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	f := m.Traffic
	if f.Delivered == 0 || f.Lost != 0 || f.Corrupt+f.Misdelivered+f.Duplicate+f.Orphan != 0 || f.Latency.Count() != int64(f.Delivered) {
		t.Errorf("%+v", f)
	}
}

// surveyed is everything that a relay has counted, calls to the system included.
func surveyed(t *testing.T, server *relay.Server) relay.Stats {
	t.Helper()
	if err := server.Survey(t.Context()); err != nil {
		t.Fatal(err)
	}
	return server.Stats()
}

// Gates of TestSteady. An echo of a batched relay takes far less than a call for each datagram: one datagram a call is what
// unbatched ones have. The relay's and the generator's steady state allocate nothing; what is left is the runtime's own.
const (
	minDatagramsPerCall = 4.0
	maxAllocsPerPacket  = 0.01
	steadyPackets       = 30_000
)

// TestSteady gates on what a relayed packet costs in allocations and system calls, not in time: relay and generator run in this
// process, in a closed loop that keeps batches full.
func TestSteady(t *testing.T) {
	s := small(func(s *Scenario) { s.Flows, s.Window, s.Payload = 10, 32, 160 })
	server, job := startRelay(t, s)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	l, err := newLoop(job, netio.System())
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	var m Measurement
	if err := l.setUp(t.Context(), newUsage(job), &m); err != nil {
		t.Fatal(err)
	}
	l.beginTraffic()
	if err := l.runUntil(t.Context(), l.now+int64(100*time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	l.phase = phaseWindow
	stats := surveyed(t, server)
	before := mallocs()
	// So many packets that what the runtime allocates by itself hardly counts, however long this machine takes for them.
	for last := l.now + int64(time.Minute); l.result.Delivered < steadyPackets && l.now < last; {
		if err := l.runUntil(t.Context(), l.now+int64(10*time.Millisecond)); err != nil {
			t.Fatal(err)
		}
	}
	after := mallocs()
	now := surveyed(t, server)
	calls := now.RecvCalls - stats.RecvCalls + now.SendCalls - stats.SendCalls
	datagrams := now.RecvDatagrams - stats.RecvDatagrams + now.SendDatagrams - stats.SendDatagrams
	perCall, perPacket := float64(datagrams)/float64(calls), float64(after-before)/float64(datagrams)
	t.Logf("%d datagrams, %.1f a system call, %.5f allocations each", datagrams, perCall, perPacket)
	if datagrams == 0 || perCall < minDatagramsPerCall {
		t.Errorf("%.2f datagrams a system call (%d in %d), want %v at least", perCall, datagrams, calls, minDatagramsPerCall)
	}
	if perPacket > maxAllocsPerPacket && !raceEnabled {
		t.Errorf("%.3f allocations a datagram, want %v at most", perPacket, maxAllocsPerPacket)
	}
	if l.result.Corrupt != 0 {
		t.Errorf("%d packets are corrupt: %s", l.result.Corrupt, l.result.Evidence)
	}
}

func mallocs() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.Mallocs
}
