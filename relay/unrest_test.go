package relay

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"turnout/allocation"
	"turnout/auth"
	"turnout/internal/netio"
	"turnout/internal/ports"
)

// Everything that operators do, at once and at random, while clients allocate, refresh, move, send and go: reloads of
// listeners, secrets, peers and limits, of which some are refused, drains that are taken back, ends of allocations, listings
// and scrapes. In the end nothing is left, and what was counted fits.
func TestUnrest(t *testing.T) {
	t.Parallel()
	var all eventful
	for seed := range uint64(4) {
		synctest.Test(t, func(t *testing.T) {
			network := netio.NewMemory()
			network.SetUnpolled(seed%2 == 1)
			network.SetHosts(netip.MustParseAddr(serverIPv4), netip.MustParseAddr("93.184.216.6"), netip.MustParseAddr(relayIPv4))
			var clients atomic.Uint32
			ground := &memoryGround{network, func() netip.AddrPort {
				n := clients.Add(1)
				return netip.AddrPortFrom(netip.AddrFrom4([4]byte{9, byte(n >> 16), byte(n >> 8), byte(n)}), 4000)
			}}
			u := newUnrest(t, ground, seed, func(c *Config) { c.Network, c.RelayAddresses = network, relayAddresses(relayIPv4) })
			all.add(u.rage(150, 300))
			u.settle()
			u.stop()
			synctest.Wait()
			if open := network.Open(); len(open) > 0 {
				t.Errorf("still open: %v", open)
			}
		})
	}
	all.check(t)
	if all.handOvers == 0 {
		t.Error("no allocation moved to another worker")
	}
}

// rest takes virtual time.
func (g *memoryGround) rest(r *rand.Rand) { time.Sleep(time.Duration(r.IntN(20)) * time.Millisecond) }

// The same on the system's sockets, for a shorter time.
func TestRealUnrest(t *testing.T) {
	t.Parallel()
	ground := &loopbackGround{echo: echoPeer(t)}
	port := ports.Reserve(t, 1).First // at both addresses: reloads close and open all of them again and again
	for i, a := range []string{"127.0.0.1", "127.0.0.2"} {
		at := netip.AddrPortFrom(netip.MustParseAddr(a), uint16(port))
		ground.at[0][i], ground.at[1][i] = Listener{allocation.UDP, at}, Listener{allocation.TCP, at}
	}
	u := newUnrest(t, ground, 1, func(c *Config) {
		c.Network, c.RelayAddresses = realNetwork(t), relayAddresses("127.0.0.1")
		c.PeersAllow = prefixes("127.0.0.0/8")
	})
	var all eventful
	for tries := 0; !all.enough() && tries < 20; tries++ { // on a busy machine few clients have the patience to get anywhere
		all.add(u.rage(40, 60))
	}
	u.settle()
	u.stop()
	all.check(t)
}

// An unrest is one run of it.
type unrest struct {
	t      *testing.T
	ground battleground
	seed   uint64
	base   Config
	server *Server
	served chan error
}

func unrestKeyring() *auth.Keyring {
	ring, err := auth.NewKeyring(auth.Key{ID: "k1", Secret: []byte("a secret of the keyring")})
	if err != nil {
		panic(err)
	}
	return ring
}

func newUnrest(t *testing.T, ground battleground, seed uint64, change func(*Config)) *unrest {
	t.Helper()
	all := ground.listen()
	c := Config{
		Realm: "bench", Workers: 3, DefaultLifetime: time.Second, Mobility: true, Verifier: unrestVerifier(t, true), MaxConnections: 4,
		Listeners: []Listener{all[0][0], all[1][0], all[0][1], all[1][1]}, Logger: slog.New(slog.DiscardHandler),
	}
	change(&c)
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	u := &unrest{t: t, ground: ground, seed: seed, base: c, server: s, served: make(chan error, 1)}
	go func() { u.served <- s.Serve(context.Background()) }()
	return u
}

// unrestVerifier knows alice, and perhaps who has a credential.
func unrestVerifier(t *testing.T, derived bool) *auth.Verifier {
	c := auth.VerifierConfig{Realm: "bench", Users: map[string]string{"alice": "wonderland"}}
	if derived {
		c.Keyring = unrestKeyring()
	}
	v, err := auth.NewVerifier(c)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// eventful is how much happened in all runs together: in a single one, an operator may by chance have refused nearly
// everything.
type eventful struct{ allocations, moves, handOvers, datagrams uint64 }

func (e *eventful) add(s Stats) {
	e.allocations, e.moves = e.allocations+s.AllocationsTotal, e.moves+s.Moves
	e.handOvers, e.datagrams = e.handOvers+s.HandOvers, e.datagrams+s.FromClients.Packets
}

// enough says whether everything has happened that a run is about.
func (e *eventful) enough() bool { return e.allocations > 0 && e.moves > 0 && e.datagrams > 0 }

func (e *eventful) check(t *testing.T) {
	t.Helper()
	if !e.enough() {
		t.Errorf("this shows nothing: %+v", *e)
	}
}

// rage has clients and operators do so many things each, and answers what the server has counted then.
func (u *unrest) rage(acts, steps int) Stats {
	ctx, cancel := context.WithCancel(u.t.Context())
	defer cancel()
	var operators, clients sync.WaitGroup
	all := make([]*restlessClient, 16)
	for i := range all {
		all[i] = newRestlessClient(u.ground, i)
		clients.Go(func() { all[i].run(ctx, steps) })
	}
	for i, act := range []func(*rand.Rand){u.reload, u.reload, u.drain, u.end, u.list} {
		random := rand.New(rand.NewPCG(u.seed, uint64(i)))
		operators.Go(func() {
			for range acts {
				act(random)
				u.ground.rest(random)
			}
		})
	}
	var scrapes sync.WaitGroup
	scraping, done := context.WithCancel(ctx)
	scrapes.Go(func() { u.scrape(scraping) })
	operators.Wait()
	clients.Wait()
	done()
	scrapes.Wait()
	answered, refused := 0, 0
	for _, c := range all {
		answered, refused = answered+c.answered, refused+c.refused
	}
	stats := u.server.Stats()
	u.t.Logf("%d requests were answered and %d not; %d allocations made, %d moves, %d hand-overs, %d datagrams",
		answered, refused, stats.AllocationsTotal, stats.Moves, stats.HandOvers, stats.FromClients.Packets)
	return stats
}

// reload goes over to something else, or back, or asks for what cannot be.
func (u *unrest) reload(random *rand.Rand) {
	c := u.base
	if random.IntN(3) == 0 {
		if err := u.server.Reload(c); err != nil {
			u.t.Errorf("reload: %v", err)
		}
		return
	}
	c.Listeners = nil
	for _, l := range u.base.Listeners {
		if random.IntN(3) > 0 {
			c.Listeners = append(c.Listeners, l)
		}
	}
	if len(c.Listeners) == 0 {
		c.Listeners = slices.Clone(u.base.Listeners[:1])
	}
	c.Verifier = unrestVerifier(u.t, random.IntN(3) > 0)
	c.Mobility = random.IntN(4) > 0
	c.UserBandwidth = []int64{0, 10_000_000, 1_000_000, 1}[random.IntN(4)]
	c.UserAllocations, c.TotalAllocations = random.IntN(3)*10, random.IntN(3)*50
	c.NewPeers, c.MaxPermissions = random.IntN(5), 1+random.IntN(3)
	c.Classes = map[string]Class{"gold": {Bandwidth: random.Int64N(2)}}
	c.LatencySample = u.base.LatencySample
	if random.IntN(4) == 0 {
		c.PeersDeny = prefixes("8.8.0.0/16")
	}
	switch random.IntN(6) {
	case 0:
		c.Realm = "another"
		if err := u.server.Reload(c); err == nil {
			u.t.Error("the realm changed")
		}
	case 1: // an address of another host, at the end, so that others are open by then
		c.Listeners = append(c.Listeners, Listener{allocation.TCP, netip.MustParseAddrPort("192.0.2.99:1")})
		if err := u.server.Reload(c); err == nil {
			u.t.Error("a listener at another host's address is open")
		}
	default:
		if err := u.server.Reload(c); err != nil {
			u.t.Errorf("reload: %v", err)
		}
	}
}

func (u *unrest) drain(random *rand.Rand) {
	if random.IntN(3) > 0 {
		return
	}
	u.server.Drain()
	u.ground.rest(random)
	if !u.server.Undrain() {
		u.t.Error("a drain cannot be taken back")
	}
}

// end ends one of those that are listed, a user's, or what was issued before.
func (u *unrest) end(random *rand.Rand) {
	switch random.IntN(6) {
	case 0:
		u.server.EndAllOf("user1")
	case 1:
		u.server.EndSubject("user2", time.Now())
	case 2:
		u.server.EndUsername("alice")
	default:
		for row := range u.server.Allocations(u.t.Context(), Filter{}) {
			if random.IntN(4) == 0 {
				u.server.End(u.t.Context(), row.ID)
				return
			}
		}
	}
}

func (u *unrest) list(*rand.Rand) {
	seen := map[allocation.ID]bool{}
	for row := range u.server.Allocations(u.t.Context(), Filter{}) {
		if seen[row.ID] {
			u.t.Errorf("%v is listed twice", row.ID)
		}
		seen[row.ID] = true
		u.server.Allocation(u.t.Context(), row.ID)
	}
}

// scrape reads everything until ctx ends: no counter goes down, no gauge below nothing.
func (u *unrest) scrape(ctx context.Context) {
	random := rand.New(rand.NewPCG(u.seed, 99))
	var before Stats
	for ctx.Err() == nil {
		if err := u.server.Survey(context.Background()); err != nil {
			u.t.Error(err)
		}
		now := u.server.Stats()
		if now.AllocationsTotal < before.AllocationsTotal {
			u.t.Errorf("%d allocations were made, and %d before", now.AllocationsTotal, before.AllocationsTotal)
		}
		for i := range counterGSO {
			if now.counts[i] < before.counts[i] {
				u.t.Errorf("counter %d goes down from %d to %d", i, before.counts[i], now.counts[i])
			}
		}
		for transport, n := range now.AllocationsBy {
			if n < 0 {
				u.t.Errorf("%d allocations of %v", n, transport)
			}
		}
		for _, h := range []Histogram{now.AllocationSeconds, now.AllocationBytes, now.Reads} {
			if h.Count < h.Classic[len(h.Classic)-1].Count {
				u.t.Errorf("a histogram has %d values, and %d below a bound", h.Count, h.Classic[len(h.Classic)-1].Count)
			}
		}
		before = now
		u.ground.rest(random)
	}
}

// settle goes back to the first configuration, ends what is live, and looks for what is left.
func (u *unrest) settle() {
	s, t := u.server, u.t
	if err := s.Reload(u.base); err != nil {
		t.Fatal(err)
	}
	for s.ledger.Total() > 0 { // one that is on its way between workers is in no list
		for row := range s.Allocations(t.Context(), Filter{}) {
			s.End(t.Context(), row.ID)
		}
	}
	for _, l := range s.retired {
		select {
		case <-l.gone:
		case <-time.After(30 * time.Second):
			t.Errorf("%v is out and still open, for %d uses", l.at, l.uses.Load())
		}
	}
	for _, l := range s.current.Load().listeners {
		if n := l.uses.Load(); n != 1 || l.removed.Load() {
			t.Errorf("%v has %d uses, of nobody's", l.at, n)
		}
	}
	for _, w := range s.workers {
		inWorker(w, func(w *worker) error {
			if err := w.table.Check(); err != nil {
				t.Error(err)
			}
			for i := range w.links {
				if l := w.links[i]; l.live || l.allowance != nil || len(l.connections()) > 0 || l.next != nil {
					t.Errorf("worker %d: link %d is left", w.index, i)
				}
			}
			if len(w.visiting) > 0 {
				t.Errorf("worker %d: %d visits are left", w.index, len(w.visiting))
			}
			return nil
		})
	}
	u.settleShared()
}

// settleShared looks at what all workers share.
func (u *unrest) settleShared() {
	s, t := u.server, u.t
	s.ports.Expire(s.now() + allocation.Time(time.Hour)) // reservations
	if udp, tcp := s.ports.InUse(), s.ports.InUseTCP(); udp != 0 || tcp != 0 {
		t.Errorf("%d UDP and %d TCP ports are left", udp, tcp)
	}
	for name, a := range s.allowances.byName {
		if a.allocations != 0 {
			t.Errorf("%d allocations are counted as %s's", a.allocations, name)
		}
	}
	for _, w := range s.workers {
		inWorker(w, func(w *worker) error { w.counters.publish(w.poller); return nil })
	}
	stats := s.Stats()
	var created, ended uint64
	for i := range transports {
		created, ended = created+stats.counts[counterCreated+i], ended+stats.counts[counterEnded+i]
	}
	for transport, n := range stats.AllocationsBy {
		if n != 0 {
			t.Errorf("%d allocations of %v", n, transport)
		}
	}
	if created != ended || stats.AllocationSeconds.Count != stats.AllocationsTotal {
		t.Errorf("%d created, %d ended; of %d made %d have a duration", created, ended, stats.AllocationsTotal, stats.AllocationSeconds.Count)
	}
	if stats.Panics != 0 {
		t.Errorf("%d panics", stats.Panics)
	}
}

// stop ends the server.
func (u *unrest) stop() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = u.server.Shutdown(ctx)
	if err := <-u.served; err != nil {
		u.t.Error(err)
	}
	if n := u.server.Stats().PeerConnections; n != 0 {
		u.t.Errorf("%d connections to peers are left", n)
	}
	if u.server.Undrain() {
		u.t.Error("a server that has ended takes allocations")
	}
}
