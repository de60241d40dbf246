package relay

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"turnout/allocation"
	"turnout/auth"
	"turnout/stun"
)

// listed is what a listing gives, its rows named by their clients.
func listed(t *testing.T, s *Server, f Filter) []string {
	t.Helper()
	var clients []string
	for a := range s.Allocations(t.Context(), f) {
		clients = append(clients, a.Client.String())
	}
	slices.Sort(clients)
	return clients
}

// TestAllocations filters the allocations of three workers.
func TestAllocations(t *testing.T) {
	t.Parallel()
	s, issuer := revocable(t)
	now := time.Now()
	clients := map[string][]string{} // by subject
	var udp, all []string
	for i := range 12 {
		subject := []string{"8:acs:alice", "bob", "bobby"}[i%3]
		c, err := issuer.Issue(auth.Grant{Subject: subject, Expires: now.Add(time.Hour)}, now)
		if err != nil {
			t.Fatal(err)
		}
		transport := []allocation.Transport{allocation.UDP, allocation.TCP}[i/3%2]
		d := dialReal(t, s, transport)
		d.allocateAs(c.Username, c.Password)
		local := d.conn.LocalAddr().String()
		clients[subject] = append(clients[subject], local)
		all = append(all, local)
		if transport == allocation.UDP {
			udp = append(udp, local)
		}
	}
	loopback := netip.MustParsePrefix("127.0.0.0/8")
	first := slices.Collect(s.Allocations(t.Context(), Filter{}))[0]
	for _, c := range []struct {
		name string
		f    Filter
		want []string
	}{
		{"everything", Filter{}, all},
		{"subject", Filter{Subject: "bob"}, clients["bob"]},
		{"part of the subject", Filter{Contains: "bob"}, slices.Concat(clients["bob"], clients["bobby"])},
		{"subject and part of another", Filter{Subject: "bob", Contains: "alice"}, nil},
		{"nobody", Filter{Subject: "bo"}, nil},
		{"transport", Filter{Transport: allocation.UDP}, udp},
		{"no such transport", Filter{Transport: allocation.TLS}, nil},
		{"client's block", Filter{Client: Block{Prefix: loopback}}, all},
		{"client's port", Filter{Client: Block{Prefix: loopback, Port: first.Client.Port()}}, []string{first.Client.String()}},
		{"another block", Filter{Client: Block{Prefix: netip.MustParsePrefix("192.0.2.0/24")}}, nil},
		{"relayed port", Filter{Relayed: Block{Port: first.Relayed[0].Port()}}, []string{first.Client.String()}},
		{"relayed block", Filter{Relayed: Block{Prefix: netip.MustParsePrefix("::/0")}}, nil},
	} {
		slices.Sort(c.want)
		if got := listed(t, s, c.f); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
		n := 0
		for a := range s.Allocations(t.Context(), Filter{}) {
			if c.f.Admits(&a) {
				n++
			}
		}
		if n != len(c.want) {
			t.Errorf("%s: %d rows are admitted, want %d", c.name, n, len(c.want))
		}
	}
	if got := first; got.Subject == "" || got.Created.Before(now.Add(-time.Second)) || got.Created.After(time.Now()) ||
		got.Expires.Sub(got.Created) != 10*time.Minute || !got.Relayed[0].IsValid() || got.Relayed[1].IsValid() || got.Server.Addr() != got.Relayed[0].Addr() {
		t.Errorf("a row: %+v", got)
	}
}

// TestAllocationsAfter reads in pages while allocations come and go.
func TestAllocationsAfter(t *testing.T) {
	t.Parallel()
	s, issuer := revocable(t)
	now := time.Now()
	allocate := func(i int) *realClient {
		c, err := issuer.Issue(auth.Grant{Subject: fmt.Sprint("user", i), Expires: now.Add(time.Hour)}, now)
		if err != nil {
			t.Fatal(err)
		}
		d := dialReal(t, s, allocation.UDP)
		d.allocateAs(c.Username, c.Password)
		return d
	}
	for i := range 20 {
		allocate(i)
	}
	began := map[string]bool{}
	for a := range s.Allocations(t.Context(), Filter{}) {
		began[a.Subject] = true
	}
	var last allocation.ID
	met := map[string]int{}
	for page := 0; ; page++ {
		n, subject := 0, ""
		for a := range s.Allocations(t.Context(), Filter{After: last}) {
			last, subject = a.ID, a.Subject
			met[subject]++
			if n++; n == 3 {
				break
			}
		}
		if n < 3 {
			break
		}
		if page < 5 {
			delete(began, fmt.Sprint("user", page)) // may be met or not
			s.EndAllOf(fmt.Sprint("user", page))
			s.End(t.Context(), last) // the next page begins behind what is not there any more
			delete(began, subject)
			allocate(100 + page)
		}
	}
	for subject := range began {
		if met[subject] != 1 {
			t.Errorf("%s was met %d times", subject, met[subject])
		}
	}
	for subject, n := range met {
		if n > 1 {
			t.Errorf("%s was met %d times", subject, n)
		}
	}
}

// TestAllocation shows one allocation, with its peers, and ends it.
func TestAllocation(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	client, other := benchClient(1), netip.MustParseAddr("8.8.4.4")
	_, relayed := b.allocate(t, client)
	b.bind(t, client, 0x4001, benchPeer)
	b.permit(t, client, netip.AddrPortFrom(other, 1))
	b.fromClient(client, channelData(0x4001, 100))
	a := b.w.table.LookupRelayed(relayed)
	id := a.ID()
	var info AllocationInfo
	var peers []PeerInfo
	l := newListing(&Filter{})
	l.fill(b.w)
	if len(l.rows) != 1 || l.next != -1 {
		t.Fatalf("%d rows, next %d", len(l.rows), l.next)
	}
	info, peers = l.rows[0], b.w.peersOf(a)
	if info.ID != id || info.Subject != "alice" || info.Permissions != 2 || info.Channels != 1 || info.Relayed[0] != relayed ||
		info.FromClient != (Traffic{1, 100}) || info.ToClient != (Traffic{}) || info.Client != client || info.Server != benchServer {
		t.Errorf("got %+v", info)
	}
	want := map[netip.AddrPort]allocation.ChannelNumber{benchPeer: 0x4001, netip.AddrPortFrom(other, 0): 0}
	got := map[netip.AddrPort]allocation.ChannelNumber{}
	for _, p := range peers {
		got[p.Address] = p.Channel
		if left := p.PermissionExpires.Sub(b.w.wall); left <= 299*time.Second || left > 300*time.Second {
			t.Errorf("%v is permitted for %v", p.Address, left)
		}
		if left := p.ChannelExpires.Sub(b.w.wall); p.Channel != 0 && (left <= 599*time.Second || left > 600*time.Second) {
			t.Errorf("%v has a channel for %v", p.Address, left)
		}
	}
	if !maps.Equal(got, want) {
		t.Errorf("peers %v, want %v", got, want)
	}
}

// TestAllocationWithConnections lists what the connections of a TCP allocation have carried while they go on, and counts it once.
func TestAllocationWithConnections(t *testing.T) {
	t.Parallel()
	s := serveReal(t, func(c *Config) { c.Workers = 1 })
	client := dialReal(t, s, allocation.TCP)
	client.request(stun.MethodAllocate, func(b *stun.Builder) { b.AddUint8(stun.AttrRequestedTransport, 6, 4) })
	for i := range uint16(2) {
		s.ask(t.Context(), s.workers[0], func(w *worker) {
			for a := range w.table.All() {
				c := w.newConnection(a, netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), 9000+i))
				w.connections.add(c, w.random32)
				c.up.Add(5)
				c.down.Add(700)
			}
		})
		for range 2 {
			for a := range s.Allocations(t.Context(), Filter{}) {
				if n := uint64(i) + 1; a.FromClient != (Traffic{0, 5 * n}) || a.ToClient != (Traffic{0, 700 * n}) {
					t.Errorf("with %d connections: %+v from the client, %+v to it", n, a.FromClient, a.ToClient)
				}
			}
		}
	}
	if ended := s.EndAllOf("alice"); ended != 1 {
		t.Errorf("%d allocations have ended", ended)
	}
	if bytes := observed(t, s, time.Now(), func(s Stats) bool { return s.AllocationBytes.Count == 1 }).AllocationBytes.Sum; bytes != 1410 {
		t.Errorf("%v bytes in all, want 1410", bytes)
	}
}

// TestEnd ends one allocation of several.
func TestEnd(t *testing.T) {
	t.Parallel()
	var log logBuffer
	s := serveReal(t, func(c *Config) { c.Workers, c.Logger = 3, slog.New(slog.NewTextHandler(&log, nil)) })
	for range 3 {
		dialReal(t, s, allocation.UDP).allocateAs("alice", "wonderland")
	}
	victim := slices.Collect(s.Allocations(t.Context(), Filter{}))[1]
	if d, ok := s.Allocation(t.Context(), victim.ID); !ok || d.Client != victim.Client || len(d.Peers) != 0 {
		t.Errorf("it is shown as %+v, %v", d, ok)
	}
	if !s.End(t.Context(), victim.ID) || s.End(t.Context(), victim.ID) {
		t.Error("it does not end once")
	}
	if _, ok := s.Allocation(t.Context(), victim.ID); ok {
		t.Error("it is still there")
	}
	if left := listed(t, s, Filter{}); len(left) != 2 || slices.Contains(left, victim.Client.String()) {
		t.Errorf("left: %v", left)
	}
	for _, id := range []allocation.ID{0, 1 << 63, victim.ID + 1} {
		if s.End(t.Context(), id) {
			t.Errorf("%v ended", id)
		}
	}
	if n := s.EndAllOf("alice"); n != 2 || s.ledger.Total() != 0 {
		t.Errorf("%d ended, %d are left", n, s.ledger.Total())
	}
	for deadline := time.Now().Add(10 * time.Second); strings.Count(log.String(), `why="ended by the operator"`) != 3; <-time.After(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the log says:\n%s", log.String())
		}
	}
}

// TestListingGivesUp asks a worker that does not answer.
func TestListingGivesUp(t *testing.T) {
	t.Parallel()
	s := serveReal(t, func(c *Config) { c.Workers = 2 })
	dialReal(t, s, allocation.UDP).allocateAs("alice", "wonderland")
	rows := slices.Collect(s.Allocations(t.Context(), Filter{}))
	held, release := make(chan struct{}), make(chan struct{})
	for _, w := range s.workers {
		w.inbox.put(post{do: func(*worker) { held <- struct{}{}; <-release }})
		<-held
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if n := len(slices.Collect(s.Allocations(ctx, Filter{}))); n != 0 {
		t.Errorf("%d rows of workers that hang", n)
	}
	if _, ok := s.Allocation(ctx, rows[0].ID); ok {
		t.Error("a worker that hangs shows an allocation")
	}
	close(release)
	if n := len(slices.Collect(s.Allocations(t.Context(), Filter{}))); n != 1 {
		t.Errorf("%d rows afterwards", n)
	}
}
