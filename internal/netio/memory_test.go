package netio

import (
	"bytes"
	"errors"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
)

// inBubble runs a test of the twin under virtual time and has it leave nothing open.
func inBubble(t *testing.T, test func(t *testing.T, m *Memory)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := NewMemory()
		t.Cleanup(func() { // after the test's own cleanups
			if left := m.Open(); len(left) > 0 {
				t.Errorf("left open: %q", left)
			}
		})
		test(t, m)
	})
}

func TestMemoryGroupKeepsClients(t *testing.T) {
	inBubble(t, func(t *testing.T, m *Memory) {
		const workers, clients = 4, 200
		sockets, err := m.ListenUDP(anyPort4, workers)
		if err != nil {
			t.Fatal(err)
		}
		var group []*station
		for _, s := range sockets {
			group = append(group, newStationOn(t, m, s, clients*3))
		}
		if _, err := m.ListenUDP(sockets[0].Local(), workers); !errors.Is(err, ErrAddrInUse) {
			t.Fatalf("a second group: %v", err)
		}
		for i := range clients {
			c := newStation(t, m, netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 51, 100, byte(i)}), 0), 0)
			for range 3 {
				c.send(Out{Dst: sockets[0].Local(), Payload: number(i)})
			}
		}
		owner := make(map[netip.AddrPort]int)
		for w, s := range group {
			got := s.recv(clients * 3)
			if len(got) < clients*3/workers/2 {
				t.Errorf("worker %d received %d datagrams of %d", w, len(got), clients*3)
			}
			for _, p := range got {
				if first, known := owner[p.Addr]; known && first != w {
					t.Fatalf("client %v is on workers %d and %d", p.Addr, first, w)
				}
				owner[p.Addr] = w
			}
		}
		if len(owner) != clients {
			t.Fatalf("%d clients of %d", len(owner), clients)
		}
	})
}

func TestMemoryLimitSockets(t *testing.T) {
	inBubble(t, func(t *testing.T, m *Memory) {
		m.LimitSockets(3)
		newStation(t, m, anyPort4, 0)
		if _, err := m.ListenUDP(anyPort4, 3); !errors.Is(err, ErrTooManyFiles) {
			t.Fatalf("4 sockets of 3: %v", err)
		}
		group, err := m.ListenUDP(anyPort4, 2)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := m.OpenUDP(anyPort4); !errors.Is(err, ErrTooManyFiles) {
			t.Fatalf("4 sockets of 3: %v", err)
		}
		// A test's own sockets are another process's.
		c, err := m.ListenPacket(netip.MustParseAddrPort("198.51.100.1:0"))
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(c.Close(), group[0].Close(), group[1].Close()); err != nil {
			t.Fatal(err)
		}
		newStation(t, m, anyPort4, 0)
	})
}

func TestMemoryOccupiedPorts(t *testing.T) {
	inBubble(t, func(t *testing.T, m *Memory) {
		m.OccupyPorts(firstFreePort, 50000)
		taken := netip.AddrPortFrom(loopback4, 50000)
		for _, err := range []error{
			errorOf(m.OpenUDP(taken)), errorOf(m.ListenUDP(taken, 1)), errorOf(m.ListenTCP(taken)), errorOf(m.ListenPacket(taken)),
		} {
			if !errors.Is(err, ErrAddrInUse) {
				t.Errorf("bound a port of another process: %v", err)
			}
		}
		a := newStation(t, m, anyPort4, 0)
		if a.addr().Port() != firstFreePort+1 {
			t.Errorf("port 0 gave %d", a.addr().Port())
		}
		// The other process has the datagram: no ICMP error.
		a.send(Out{Dst: taken, Payload: number(1)})
		if got := a.poller.RecvErrors(a.socket); len(got) != 0 {
			t.Errorf("errors %v", got)
		}
		m.VacatePorts(50000)
		newStation(t, m, taken, 0)
	})
}

func errorOf[T any](_ T, err error) error { return err }

func TestMemoryPortsRunOut(t *testing.T) {
	inBubble(t, func(t *testing.T, m *Memory) {
		for p := firstFreePort; p <= lastFreePort; p++ {
			if p != 40000 {
				m.OccupyPorts(uint16(p))
			}
		}
		a := newStation(t, m, anyPort4, 0)
		if a.addr().Port() != 40000 {
			t.Fatalf("bound %v where 40000 alone is free", a.addr())
		}
		if _, err := m.OpenUDP(anyPort4); !errors.Is(err, ErrAddrInUse) {
			t.Fatalf("no port is free: %v", err)
		}
	})
}

func TestMemoryWildcardOverlaps(t *testing.T) {
	inBubble(t, func(t *testing.T, m *Memory) {
		wildcard := newStation(t, m, netip.AddrPortFrom(netip.IPv4Unspecified(), 3478), 0)
		if _, err := m.OpenUDP(netip.AddrPortFrom(loopback4, 3478)); !errors.Is(err, ErrAddrInUse) {
			t.Errorf("an address under the wildcard: %v", err)
		}
		newStation(t, m, netip.AddrPortFrom(loopback6, 3478), 0) // IPv6 sockets are V6ONLY
		if _, err := m.OpenUDP(netip.AddrPortFrom(netip.IPv6Unspecified(), 3478)); !errors.Is(err, ErrAddrInUse) {
			t.Errorf("a wildcard over an address: %v", err)
		}
		l, err := m.ListenTCP(netip.AddrPortFrom(loopback4, 3478))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := m.ListenTCP(wildcard.addr()); !errors.Is(err, ErrAddrInUse) {
			t.Errorf("a wildcard over a listener's address: %v", err)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestMemoryHosts(t *testing.T) {
	inBubble(t, func(t *testing.T, m *Memory) {
		first, second := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
		m.SetHosts(first, second)
		server := newStation(t, m, netip.AddrPortFrom(netip.IPv4Unspecified(), 3478), 0)
		client, err := m.ListenPacket(netip.MustParseAddrPort("198.51.100.1:3478"))
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		for _, to := range []string{"192.0.2.2:3478", "192.0.2.3:3478", "192.0.2.1:3478"} {
			if _, err := client.WriteToAddrPort([]byte(to), netip.MustParseAddrPort(to)); err != nil {
				t.Fatal(err)
			}
		}
		got := server.recv(64)
		if len(got) != 2 || got[0].Local.Addr() != second || got[1].Local.Addr() != first {
			t.Fatalf("received %v", got)
		}
		if s := m.Stats(); s.Delivered != 2 || s.Unbound != 1 {
			t.Fatalf("stats %+v", s)
		}
		// The answer leaves from the address asked for, the first by default, and from no foreign one.
		server.send(Out{Dst: client.LocalAddrPort(), Local: second}, Out{Dst: client.LocalAddrPort()})
		for _, want := range []netip.Addr{second, first} {
			if p, err := client.ReadPacket(); err != nil || p.Addr != netip.AddrPortFrom(want, 3478) {
				t.Fatalf("answer from %v, %v", p.Addr, err)
			}
		}
		failures := server.poller.Send([]Out{{Socket: server.socket, Dst: client.LocalAddrPort(), Local: client.LocalAddrPort().Addr()}})
		if len(failures) != 1 || !errors.Is(failures[0].Err, ErrUnreachable) {
			t.Fatalf("failures %v", failures)
		}
	})
}

func TestMemoryFullQueue(t *testing.T) {
	inBubble(t, func(t *testing.T, m *Memory) {
		m.SetReceiveQueue(10)
		b := newStation(t, m, anyPort4, 0)
		m.SetReceiveQueue(0)
		a := newStation(t, m, anyPort4, 0)
		for i := range 25 {
			a.send(Out{Dst: b.addr(), Payload: number(i)})
			b.send(Out{Dst: a.addr(), Payload: number(i)})
		}
		for i, p := range b.receive(10) {
			if !bytes.Equal(p.Payload, number(i)) {
				t.Fatalf("datagram %d is %x: the oldest are to stay", i, p.Payload)
			}
		}
		a.receive(25)
		if s := m.Stats(); s != (MemoryStats{Delivered: 35, Overflowed: 15}) {
			t.Fatalf("stats %+v", s)
		}
	})
}

// TestMemoryPayloadIdentity relays a datagram as the relay does: the payload sent on is the memory Recv gave.
func TestMemoryPayloadIdentity(t *testing.T) {
	inBubble(t, func(t *testing.T, m *Memory) {
		a, relay, b := newStation(t, m, anyPort4, 0), newStation(t, m, anyPort4, 0), newStation(t, m, anyPort4, 0)
		a.send(Out{Dst: relay.addr(), Header: []byte{0x40, 0, 0, 5}, Payload: []byte("hello")})
		received := relay.recv(1)[0].Payload
		var sent []byte
		m.SetFate(func(tr Transit) Fate {
			sent = tr.Payload
			return Fate{}
		})
		relay.send(Out{Dst: b.addr(), Payload: received[4:]})
		if &sent[0] != &received[4] {
			t.Error("the payload was copied")
		}
		relay.poller.EndRound()
		if !bytes.Equal(received, bytes.Repeat([]byte{poison}, 9)) {
			t.Errorf("after EndRound the payload is %x: who reads it still would not be found out", received)
		}
		if got := b.recv(1); len(got) != 1 || string(got[0].Payload) != "hello" {
			t.Errorf("received %v", got)
		}
	})
}

func TestMemoryOpenNamesWhatIsLeft(t *testing.T) {
	inBubble(t, func(t *testing.T, m *Memory) {
		s, err := m.OpenUDP(netip.MustParseAddrPort("192.0.2.1:5000"))
		if err != nil {
			t.Fatal(err)
		}
		l, err := m.ListenTCP(netip.MustParseAddrPort("192.0.2.1:6000"))
		if err != nil {
			t.Fatal(err)
		}
		c, err := m.DialTCP(t.Context(), netip.MustParseAddrPort("198.51.100.1:7000"), netip.MustParseAddrPort("192.0.2.1:6000"))
		if err != nil {
			t.Fatal(err)
		}
		want := []string{
			"tcp 192.0.2.1:6000", "tcp 192.0.2.1:6000 to 198.51.100.1:7000", "tcp 198.51.100.1:7000 to 192.0.2.1:6000", "udp 192.0.2.1:5000",
		}
		if got := m.Open(); !slices.Equal(got, want) {
			t.Errorf("open %q", got)
		}
		if err := errors.Join(s.Close(), c.Close(), l.Close()); err != nil {
			t.Error(err)
		}
		if s.Close() == nil || c.Close() == nil || l.Close() == nil {
			t.Error("closed twice")
		}
	})
}
