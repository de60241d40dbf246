package relay

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"turnout/allocation"
	"turnout/auth"
	"turnout/internal/netio"
	"turnout/stun"
)

// allocateMobile makes an allocation and returns its ticket.
func (c *realClient) allocateMobile() (ticket []byte) {
	c.t.Helper()
	ticket, ok := c.request(stun.MethodAllocate, func(b *stun.Builder) {
		b.AddUint8(stun.AttrRequestedTransport, 17, 4)
		b.Add(stun.AttrMobilityTicket, nil)
	}).Attribute(stun.AttrMobilityTicket)
	if !ok {
		c.t.Fatal("no ticket")
	}
	return ticket
}

// moveHere takes over the allocation that a ticket names, and returns the next ticket.
func (c *realClient) moveHere(ticket []byte) (next []byte) {
	c.t.Helper()
	next, ok := c.request(stun.MethodRefresh, func(b *stun.Builder) {
		b.Add(stun.AttrMobilityTicket, ticket)
	}).Attribute(stun.AttrMobilityTicket)
	if !ok || slices.Equal(next, ticket) {
		c.t.Fatalf("no new ticket: %q", next)
	}
	return next
}

// A client moves from worker to worker over real sockets, and from UDP to TCP and
// back: every datagram goes to the peer and comes back whole, on the old path until
// the new one is used.
func TestRealMove(t *testing.T) {
	t.Parallel()
	s := serveReal(t, func(c *Config) { c.Workers, c.Mobility = 3, true })
	peer := echoPeer(t)
	at := dialReal(t, s, allocation.UDP)
	ticket := at.allocateMobile()
	at.bind(0x4000, peer)
	transports := []allocation.Transport{allocation.UDP, allocation.UDP, allocation.TCP, allocation.TCP}
	const moves = 40
	for i := range moves {
		next := dialReal(t, s, transports[i%len(transports)])
		echo(t, at, i, 160)
		ticket = next.moveHere(ticket)
		echo(t, at, i, 161)
		echo(t, next, i, 1200)
		at = next
	}
	stats := s.Stats()
	if stats.Allocations != 1 || stats.PortsInUse != 1 || stats.Moves != moves {
		t.Errorf("%d allocations, %d ports, %d moves, want 1, 1, %d", stats.Allocations, stats.PortsInUse, stats.Moves, moves)
	}
	// By chance alone a move stays with its worker one time in three.
	if len(s.workers) > 1 && stats.HandOvers < moves/4 {
		t.Errorf("%d of %d moves were between workers", stats.HandOvers, moves)
	}
	t.Logf("%d moves, %d between workers", stats.Moves, stats.HandOvers)
	at.request(stun.MethodRefresh, func(b *stun.Builder) { b.AddUint32(stun.AttrLifetime, 0) })
	if stats := s.Stats(); stats.Allocations != 0 || stats.PortsInUse != 0 {
		t.Errorf("left behind: %d allocations, %d ports", stats.Allocations, stats.PortsInUse)
	}
}

// Many clients move at once, both ways between all workers, and none gets another
// one's data.
func TestRealMoves(t *testing.T) {
	t.Parallel()
	s := serveReal(t, func(c *Config) { c.Workers, c.Mobility = 3, true })
	peer := echoPeer(t)
	var together sync.WaitGroup
	for i := range 8 {
		at := dialReal(t, s, allocation.UDP)
		ticket := at.allocateMobile()
		at.bind(0x4000, peer)
		var next []*realClient
		for n := range 12 {
			next = append(next, dialReal(t, s, []allocation.Transport{allocation.TCP, allocation.UDP}[n%2]))
		}
		together.Go(func() {
			for _, to := range next {
				ticket = to.moveHere(ticket)
				echo(t, at, i, 100+i)
				echo(t, to, i, 200+i)
				at = to
			}
		})
	}
	together.Wait()
	if stats := s.Stats(); stats.Allocations != 8 || stats.Moves != 96 || stats.Panics != 0 {
		t.Errorf("%d allocations, %d moves, %d panics", stats.Allocations, stats.Moves, stats.Panics)
	}
	for _, w := range s.workers {
		if err := inWorker(w, func(w *worker) error { return w.table.Check() }); err != nil {
			t.Error(err)
		}
	}
}

// The end of the server loses no socket and no port, wherever the allocations that
// are moving are.
func TestShutdownWhileMoving(t *testing.T) {
	t.Parallel()
	for range 20 {
		shutdownWhileMoving(t)
	}
}

func shutdownWhileMoving(t *testing.T) {
	t.Helper()
	verifier, err := auth.NewVerifier(auth.VerifierConfig{Realm: "bench", Users: map[string]string{"alice": "wonderland"}})
	if err != nil {
		t.Fatal(err)
	}
	network := netio.NewMemory()
	server := netip.MustParseAddrPort(serverIPv4 + ":3478")
	s, err := New(Config{
		Realm: "bench", Workers: 4, Network: network, Verifier: verifier, Mobility: true,
		Listeners: []Listener{{allocation.UDP, server}}, RelayAddresses: relayAddresses(relayIPv4),
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx) }()
	first := make(chan struct{}, 6)
	var together sync.WaitGroup
	for i := range byte(6) {
		together.Go(func() { roam(network, server, i, first) })
	}
	for range 6 {
		<-first
	}
	stop()
	if err := <-served; err != nil {
		t.Error(err)
	}
	together.Wait()
	if s.ledger.Total() != 0 || s.ports.InUse() != 0 {
		t.Errorf("left behind: %d allocations, %d ports", s.ledger.Total(), s.ports.InUse())
	}
	if open := network.Open(); len(open) > 0 {
		t.Errorf("still open: %v", open)
	}
}

// roam moves an allocation about until nobody answers.
func roam(network *netio.Memory, server netip.AddrPort, client byte, first chan<- struct{}) {
	told := false
	defer func() {
		if !told {
			first <- struct{}{}
		}
	}()
	var ticket []byte
	for n := range byte(200) {
		conn, err := network.ListenPacket(netip.AddrPortFrom(netip.AddrFrom4([4]byte{8, 8, client, n}), 4000))
		if err != nil {
			panic(fmt.Sprint("roam: ", err))
		}
		ask := func(b []byte) (m stun.Message, ok bool) {
			_ = conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
			if _, err := conn.WriteToAddrPort(b, server); err != nil {
				return m, false
			}
			p, err := conn.ReadPacket()
			if err != nil {
				return m, false
			}
			m, err = stun.Parse(p.Payload)
			return m, err == nil
		}
		method := stun.MethodRefresh
		if ticket == nil {
			method = stun.MethodAllocate
		}
		challenge, ok := ask(message(method, func(*stun.Builder) {}))
		nonce, _ := challenge.Attribute(stun.AttrNonce)
		var answer stun.Message
		if ok {
			answer, ok = ask(message(method, func(b *stun.Builder) {
				b.AddUint8(stun.AttrRequestedTransport, 17, 4)
				b.Add(stun.AttrMobilityTicket, ticket)
				b.AddString(stun.AttrUsername, "alice")
				b.AddString(stun.AttrRealm, "bench")
				b.Add(stun.AttrNonce, nonce)
				b.AddIntegrity(benchKey, stun.IntegritySHA1)
			}))
		}
		conn.Close()
		if !ok {
			return
		}
		if next, ok := answer.Attribute(stun.AttrMobilityTicket); ok {
			ticket = slices.Clone(next)
		}
		if n == 3 {
			told = true
			first <- struct{}{}
		}
	}
}
