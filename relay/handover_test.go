package relay

import (
	"errors"
	"io"
	"log/slog"
	"net/netip"
	"testing"

	"turnout/allocation"
	"turnout/auth"
	"turnout/internal/netio"
	"turnout/stun"
)

// idleWorkers makes a server of two workers that nobody runs: the test does what
// they would, one step at a time.
func idleWorkers(t *testing.T) (s *Server, network *netio.Memory) {
	t.Helper()
	verifier, err := auth.NewVerifier(auth.VerifierConfig{Realm: "bench", Users: map[string]string{"alice": "wonderland"}})
	if err != nil {
		t.Fatal(err)
	}
	network = netio.NewMemory()
	s, err = New(Config{
		Realm: "bench", Workers: 2, Network: network, Verifier: verifier, Mobility: true,
		Listeners: []Listener{{allocation.UDP, benchServer}}, RelayAddresses: relayAddresses(relayIPv4),
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	return s, network
}

func (s *Server) abandonIdle(t *testing.T, network *netio.Memory) {
	t.Helper()
	s.abandon()
	if s.ledger.Total() != 0 || s.ports.InUse() != 0 {
		t.Errorf("left behind: %d allocations, %d ports", s.ledger.Total(), s.ports.InUse())
	}
	if open := network.Open(); len(open) > 0 {
		t.Errorf("still open: %v", open)
	}
}

// clientAt is where a client's datagrams reach a worker.
func clientAt(w *worker, client netip.AddrPort) origin {
	return origin{
		tuple:  allocation.FiveTuple{Client: client, Server: benchServer, Transport: allocation.UDP},
		socket: w.listeners[0], listener: w.heard[0],
	}
}

// allocateAt makes an allocation of benchClient(1), who is nobody.
func allocateAt(t *testing.T, w *worker) *allocation.Allocation {
	t.Helper()
	return allocateOf(t, w, "")
}

// allocateOf is the same for a user.
func allocateOf(t *testing.T, w *worker, user string) *allocation.Allocation {
	t.Helper()
	from := clientAt(w, benchClient(1))
	a, err := w.table.Create(from.tuple, allocation.Request{IPv4: true, User: user, Subject: user, Lifetime: 600 * allocation.Second}, w.now)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.open(a, false); err != nil {
		t.Fatal(err)
	}
	w.established(a, &from)
	w.tickets.begin(a, stun.TransactionID{})
	return a
}

// moving makes a mobile allocation of a worker's, and a visit from another one's client.
func moving(t *testing.T, w, back *worker) (*allocation.Allocation, *visit) {
	t.Helper()
	return allocateAt(t, w), &visit{message: message(stun.MethodRefresh, func(*stun.Builder) {}), origin: clientAt(back, benchClient(2)), back: back}
}

// A worker has a bounded number of requests looked at by others, one of each client.
func TestVisitsAreBounded(t *testing.T) {
	t.Parallel()
	s, network := idleWorkers(t)
	defer s.abandonIdle(t, network)
	w, owner := s.workers[0], s.workers[1]
	a, _ := moving(t, owner, w)
	ticket := w.tickets.sealer.Append(&w.tickets.state, nil, uint64(owner.tickets.of(a).current))
	m, err := stun.Parse(message(stun.MethodRefresh, func(b *stun.Builder) { b.Add(stun.AttrMobilityTicket, ticket) }))
	if err != nil {
		t.Fatal(err)
	}
	for i := range maxVisits + 10 {
		from := clientAt(w, benchClient(10+i))
		for again := range 2 {
			want := notDropped
			if i >= maxVisits || again > 0 {
				want = DropMoving
			}
			if got := w.answer(m, &from); got != want {
				t.Fatalf("client %d: %v, want %v", i, got, want)
			}
		}
	}
	owner.serveInboxWhole()
	w.serveInboxWhole()
	if len(w.visiting) > 0 {
		t.Errorf("%d requests are still being looked at", len(w.visiting))
	}
}

// serveInboxWhole serves all that was posted.
func (w *worker) serveInboxWhole() {
	for w.serveInbox() {
		w.flush()
	}
	w.endRound()
}

// Datagrams that are forwarded wait in a bounded number, and are forgotten by those who have ended.
func TestForwardingIsBounded(t *testing.T) {
	t.Parallel()
	s, network := idleWorkers(t)
	defer s.abandonIdle(t, network)
	w, to := s.workers[0], s.workers[1]
	from := clientAt(w, benchClient(1))
	w.forwardTo(to, from.tuple)
	for i := range maxForwarded + 10 {
		want := notDropped
		if i >= maxForwarded {
			want = DropMoving
		}
		if got := w.forward(to, channelData(0x4000, 5), 0, &from); got != want {
			t.Fatalf("datagram %d: %v, want %v", i, got, want)
		}
	}
	to.serveInboxWhole()
	to.counters.publish(to.poller)
	if n := s.Stats().Dropped(DropNoAllocation); n != maxForwarded || to.forwarded.Load() != 0 {
		t.Errorf("%d of %d datagrams arrived, %d wait", n, maxForwarded, to.forwarded.Load())
	}
	w.stopForwarding(from.tuple, w)
	if w.forwarding[from.tuple] != to {
		t.Error("stopped by a worker that has not the allocation")
	}
	w.stopForwarding(from.tuple, to)
	if len(w.forwarding) != 0 {
		t.Error("forwarding goes on")
	}
	to.inbox.close()
	if got := w.forward(to, nil, 0, &from); got != DropMoving {
		t.Errorf("to a worker that has ended: %v", got)
	}
}

// A brokenPoller watches nothing.
type brokenPoller struct{ netio.Poller }

func (brokenPoller) Add(netio.Socket, uint64) error { return errors.New("no more sockets") }

// An allocation that cannot be adopted ends, and leaves nothing behind; its client is answered.
func TestHandOverFails(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(t *testing.T, back *worker){
		"the worker has ended":           func(t *testing.T, back *worker) { back.inbox.close() },
		"the sockets cannot be watched":  func(t *testing.T, back *worker) { back.poller = brokenPoller{back.poller} },
		"the 5-tuple is in use":          func(t *testing.T, back *worker) { allocateAt(t, back) },
		"the worker ends with it inside": func(*testing.T, *worker) {},
	} {
		t.Run(name, func(t *testing.T) {
			s, network := idleWorkers(t)
			w, back := s.workers[0], s.workers[1]
			a, v := moving(t, w, back)
			spoil(t, back)
			w.handOver(a, v)
			if w.table.Len() != 0 || s.ledger.Total() == 0 {
				t.Errorf("on its way: %d in the table, %d in the ledger", w.table.Len(), s.ledger.Total())
			}
			w.endRound()
			if name != "the worker ends with it inside" {
				back.serveInboxWhole()
				if a := w.table.Len() + back.table.Len(); a != 0 && name != "the 5-tuple is in use" {
					t.Errorf("%d allocations live", a)
				}
			}
			s.abandonIdle(t, network)
			w.counters.publish(w.poller)
			back.counters.publish(back.poller)
			stats := s.Stats()
			if live := stats.AllocationsBy[allocation.UDP]; live > 0 {
				t.Errorf("%d allocations are counted as live", live)
			}
			if told := len(s.ended); told != int(stats.AllocationsTotal) || stats.AllocationSeconds.Count != stats.AllocationsTotal {
				t.Errorf("of %d allocations the log tells the end of %d, and the histogram that of %d", stats.AllocationsTotal, told, stats.AllocationSeconds.Count)
			}
		})
	}
}

// A user whose allocation is on its way between two workers when users begin to be limited is limited, too.
func TestLimitWhileMoving(t *testing.T) {
	t.Parallel()
	s, network := idleWorkers(t)
	defer s.abandonIdle(t, network)
	w, back := s.workers[0], s.workers[1]
	a := allocateOf(t, w, "carol")
	w.handOver(a, &visit{message: message(stun.MethodRefresh, func(*stun.Builder) {}), origin: clientAt(back, benchClient(2)), back: back})
	s.setQuotas(newQuotas(Config{UserBandwidth: 1000}))
	back.serveInboxWhole() // it has nothing yet
	w.serveInboxWhole()    // the parcel leaves at the end of the round
	back.serveInboxWhole()
	var moved *allocation.Allocation
	for b := range back.table.All() {
		moved = b
	}
	if moved == nil {
		t.Fatal("the allocation has not arrived")
	}
	if l := back.links[moved.ID().Index()]; l.allowance == nil || l.allowance.rate.Load() == 0 {
		t.Error("the user has no limit")
	}
}
