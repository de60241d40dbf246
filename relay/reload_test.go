package relay

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"turnout/allocation"
	"turnout/auth"
	"turnout/internal/netio"
	"turnout/internal/ports"
	"turnout/stun"
)

// A hundred allocations relay while several goroutines reload as fast as they can: secrets, quotas, peers, and listeners that come
// and go, the one that half of the clients use among them. Every datagram comes back, and nothing is dropped.
func TestRealReloadWhileRelaying(t *testing.T) {
	t.Parallel()
	s := serveReal(t, func(c *Config) { c.Workers = 3 })
	before := s.config
	peer := echoPeer(t)
	const clients, trips = 100, 20
	var all []*realClient
	for i := range clients {
		c := dialReal(t, s, []allocation.Transport{allocation.UDP, allocation.TCP}[i%2])
		c.allocate()
		c.bind(0x4000, peer)
		all = append(all, c)
	}
	extra := Listener{allocation.UDP, netip.MustParseAddrPort("127.0.0.2:0")}
	var done atomic.Bool
	var reloading, relaying sync.WaitGroup
	var reloads atomic.Int64
	for k := range 3 {
		reloading.Go(func() {
			for i := 0; !done.Load(); i++ {
				c := before
				c.UserAllocations, c.AllocationBandwidth = i%7, int64(1+i%2)<<33
				c.PeersDeny = prefixes("10.0.0.0/8")
				switch (i + k) % 3 {
				case 0:
					c.Listeners = append(slices.Clone(before.Listeners), extra)
				case 1:
					c.Listeners = before.Listeners[:1]
				}
				if err := s.Reload(c); err != nil {
					t.Errorf("reload: %v", err)
					return
				}
				reloads.Add(1)
			}
		})
	}
	for i, c := range all {
		relaying.Go(func() {
			for range trips {
				echo(t, c, i, 160)
			}
		})
	}
	relaying.Wait()
	for deadline := time.Now().Add(30 * time.Second); reloads.Load() < 20 && time.Now().Before(deadline); {
		echo(t, all[0], 0, 160)
	}
	done.Store(true)
	reloading.Wait()
	if err := s.Reload(before); err != nil {
		t.Fatal(err)
	}
	stats := s.Stats()
	stats.EachDrop(func(reason string, n uint64) {
		if n > 0 {
			t.Errorf("%d dropped: %s", n, reason)
		}
	})
	if stats.Allocations != clients {
		t.Errorf("%d allocations, want %d", stats.Allocations, clients)
	}
	if n := reloads.Load(); n < 20 {
		t.Errorf("%d reloads in 30 s", n)
	}
	t.Logf("%d reloads", reloads.Load())
	dialReal(t, s, allocation.TCP).allocate()
	dialReal(t, s, allocation.UDP).allocate()
}

// A port that was given up is another program's to open, by every transport.
func TestRealReloadFreesPorts(t *testing.T) {
	t.Parallel()
	tr, first := secureTransports(t), ports.Reserve(t, 4).First
	s := serveReal(t, func(c *Config) {
		c.Workers = 2
		secureListeners(tr)(c)
		for i := range c.Listeners { // ports that nobody else is given while they are free
			c.Listeners[i].Addr = netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(first+i))
		}
	})
	c := s.config
	c.Listeners = []Listener{{allocation.UDP, netip.MustParseAddrPort("127.0.0.3:0")}}
	if err := s.Reload(c); err != nil {
		t.Fatal(err)
	}
	if len(s.retired) != 4 {
		t.Errorf("%d listeners were taken out, want 4", len(s.retired))
	}
	for _, l := range s.retired {
		select {
		case <-l.gone:
		case <-time.After(30 * time.Second):
			t.Fatalf("%v is still open", l.at)
		}
		if l.overTCP() {
			held, err := realNetwork(t).ListenTCP(l.at.Addr)
			if err != nil {
				t.Fatal(err)
			}
			_ = held.Close()
			continue
		}
		group, err := realNetwork(t).ListenUDP(l.at.Addr, 1)
		if err != nil {
			t.Fatal(err)
		}
		_ = group[0].Close()
	}
}

// What cannot change while the server runs is refused by name, and changes nothing else.
func TestReloadFixed(t *testing.T) {
	t.Parallel()
	s := serveReal(t, func(c *Config) { c.Workers = 2 })
	changes := map[string]func(*Config){
		"Realm":          func(c *Config) { c.Realm = "other" },
		"RelayAddresses": func(c *Config) { c.RelayAddresses = relayAddresses("127.0.0.2") },
		"PortMin":        func(c *Config) { c.PortMin = 50000 },
		"PortMax":        func(c *Config) { c.PortMax = 60000 },
		"Batch":          func(c *Config) { c.Batch = 3 },
		"GSO":            func(c *Config) { c.GSO = netio.SwitchOff },
		"GRO":            func(c *Config) { c.GRO = netio.SwitchOff },
		"LatencySample":  func(c *Config) { c.LatencySample = 3 },
		"LegacyChannels": func(c *Config) { c.LegacyChannels = true },
		"NoTCP":          func(c *Config) { c.NoTCP = true },
		"Discovery": func(c *Config) {
			c.Discovery = []DiscoveryAddress{{Bind: netip.MustParseAddrPort("127.0.0.2:1")}}
		},
		"NonceLifetime": func(c *Config) { c.NonceLifetime = time.Minute },
	}
	if len(s.workers) > 1 { // the portable network has one worker whatever is asked for: no other number is a change there
		changes["Workers"] = func(c *Config) { c.Workers = 1 }
	}
	for name, change := range changes {
		c := s.config
		c.UserAllocations = 5
		change(&c)
		if err := s.Reload(c); err == nil || !strings.Contains(err.Error(), name+" cannot change while the relay runs") {
			t.Errorf("%s: %v", name, err)
		}
		if s.config.UserAllocations != 0 || s.quotas.Load().user.Allocations != 0 {
			t.Fatalf("%s: something changed", name)
		}
	}
	c := s.config
	c.Verifier = nil
	if err := s.Reload(c); err == nil || !strings.Contains(err.Error(), "needs a verifier") {
		t.Errorf("without verifier: %v", err)
	}
}

// What a reload is for another time is not asked after: the network and the log stay.
func TestReloadKeepsNetworkAndLog(t *testing.T) {
	t.Parallel()
	s := serveReal(t, func(*Config) {})
	c := s.config
	c.Network, c.Logger = netio.NewMemory(), slog.Default()
	if err := s.Reload(c); err != nil {
		t.Fatal(err)
	}
	if s.config.Network != s.network || s.config.Logger != s.log {
		t.Error("the network or the log is another one")
	}
}

// A nonce that was given out before is good after a reload, also one that switches anonymity: no client asks twice.
func TestReloadKeepsNonces(t *testing.T) {
	t.Parallel()
	s := serveReal(t, func(*Config) {})
	client := dialReal(t, s, allocation.UDP)
	client.allocate()
	keyring, err := auth.NewKeyring(auth.Key{ID: "k1", Secret: []byte("a secret of the keyring")})
	if err != nil {
		t.Fatal(err)
	}
	c := s.config
	if c.Verifier, err = auth.NewVerifier(auth.VerifierConfig{
		Realm: "bench", Users: map[string]string{"alice": "wonderland"}, Keyring: keyring,
	}); err != nil {
		t.Fatal(err)
	}
	if c.Verifier.Anonymity() == s.config.Verifier.Anonymity() {
		t.Fatal("this shows nothing")
	}
	if err := s.Reload(c); err != nil {
		t.Fatal(err)
	}
	client.request(stun.MethodRefresh, func(*stun.Builder) {})
	s.Stats().EachAuthentication(func(result string, n uint64) {
		if result == "stale_nonce" && n != 0 {
			t.Errorf("%d stale nonces", n)
		}
	})
}

// A reload of a server that has ended, or is about to, says so and leaves nothing open.
func TestReloadAfterTheEnd(t *testing.T) {
	t.Parallel()
	network := netio.NewMemory()
	verifier, err := auth.NewVerifier(auth.VerifierConfig{Realm: "bench", Users: map[string]string{"a": "b"}})
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(Config{
		Realm: "bench", Verifier: verifier, Network: network, Workers: 2, Logger: slog.New(slog.DiscardHandler),
		Listeners: []Listener{{allocation.UDP, benchServer}}, RelayAddresses: relayAddresses(relayIPv4),
	})
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(t.Context()) }()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for i := 0; ; i++ {
			c := s.config
			c.Listeners = []Listener{{allocation.UDP, benchServer}, {allocation.TCP, benchServer}, {allocation.UDP, netip.AddrPortFrom(benchServer.Addr(), uint16(4000+i))}}
			if err := s.Reload(c); err != nil {
				if !errors.Is(err, ErrClosed) {
					t.Errorf("reload %d: %v", i, err)
				}
				return
			}
		}
	}()
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.Shutdown(gone); err == nil {
		t.Error("nobody waited for")
	}
	<-ended
	if err := <-served; err != nil {
		t.Error(err)
	}
	if open := network.Open(); len(open) > 0 {
		t.Errorf("still open: %v", open)
	}
	if s.Undrain() || s.Ready() {
		t.Error("a server that has ended takes allocations")
	}
}
