package relay

import (
	"bytes"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"testing"
	"time"

	"turnout/allocation"
	"turnout/stun"
)

// allocateTCP makes a TCP allocation with a permission for loopback.
func (c *realClient) allocateTCP() netip.AddrPort {
	c.t.Helper()
	relayed, err := c.request(stun.MethodAllocate, func(b *stun.Builder) {
		b.AddUint8(stun.AttrRequestedTransport, 6, 4)
	}).XORAddrPort(stun.AttrXORRelayedAddress)
	if err != nil {
		c.t.Fatal(err)
	}
	c.request(stun.MethodCreatePermission, func(b *stun.Builder) {
		b.AddXORAddrPort(stun.AttrXORPeerAddress, netip.MustParseAddrPort("127.0.0.1:1"))
	})
	return relayed
}

// connectionID is the CONNECTION-ID of an answer or an indication.
func (c *realClient) connectionID(m stun.Message) uint32 {
	c.t.Helper()
	id, err := m.Uint32(stun.AttrConnectionID)
	if err != nil {
		c.t.Fatalf("%s: %v", describe(m.Bytes()), err)
	}
	return id
}

// attempt reads a ConnectionAttempt.
func (c *realClient) attempt() uint32 {
	c.t.Helper()
	b, err := c.read()
	if err != nil {
		c.t.Fatal(err)
	}
	m, err := stun.Parse(b)
	if err != nil || m.Type() != connectionAttempt {
		c.t.Fatalf("got %s, want a ConnectionAttempt (%v)", describe(b), err)
	}
	return c.connectionID(m)
}

// bindConnection makes a data connection on a stream of its own.
func bindConnection(t testing.TB, s *Server, id uint32) net.Conn {
	t.Helper()
	c := dialReal(t, s, allocation.TCP)
	c.request(stun.MethodConnectionBind, func(b *stun.Builder) { b.AddUint32(stun.AttrConnectionID, id) })
	return c.conn
}

// exchange sends much both ways at once over a pair of connections, closes one way
// and then the other, and wants every byte at the other end and then its end.
func exchange(t *testing.T, a, b net.Conn) {
	t.Helper()
	up, down := bytes.Repeat([]byte("to the peer, "), 400_000), bytes.Repeat([]byte("to the client; "), 300_000)
	var all sync.WaitGroup
	write := func(c net.Conn, data []byte) {
		if _, err := c.Write(data); err != nil {
			t.Error(err)
		}
		if err := c.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
			t.Error(err)
		}
	}
	read := func(c net.Conn, want []byte) {
		if got, err := io.ReadAll(c); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d bytes of %d arrived, %v", len(got), len(want), err)
		}
	}
	for _, c := range []net.Conn{a, b} {
		if err := c.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
			t.Fatal(err)
		}
	}
	all.Go(func() { write(a, up) })
	all.Go(func() { write(b, down) })
	all.Go(func() { read(a, down) })
	all.Go(func() { read(b, up) })
	all.Wait()
}

// A client by TLS has its TCP connections relayed too, its data connections by TLS.
func TestRealConnectionSecurely(t *testing.T) {
	t.Parallel()
	s := serveReal(t, secureListeners(secureTransports(t)))
	control := dialSecure(t, s, allocation.TLS)
	relayed := control.allocateTCP()
	peer, err := net.Dial("tcp", relayed.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { peer.Close() })
	id := control.attempt()
	data := dialSecure(t, s, allocation.TLS)
	data.request(stun.MethodConnectionBind, func(b *stun.Builder) { b.AddUint32(stun.AttrConnectionID, id) })
	exchange(t, data.conn, peer)
	until(t, "the connection ended", func() bool { return s.Stats().PeerConnections == 0 })
}

func listenReal(t *testing.T) *net.TCPListener {
	t.Helper()
	l, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// until waits for a condition that another goroutine brings about.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline, tick := time.After(10*time.Second), time.NewTicker(5*time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("after 10 s: not %s", what)
		}
	}
}

// A peer's connection to the relayed address carries megabytes both ways, and is
// counted.
func TestRealConnectionAttempt(t *testing.T) {
	t.Parallel()
	s := serveReal(t, func(c *Config) { c.Workers = 3 })
	control := dialReal(t, s, allocation.TCP)
	relayed := control.allocateTCP()
	var together sync.WaitGroup
	for range 3 {
		peer, err := net.Dial("tcp", relayed.String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { peer.Close() })
		if _, err := peer.Write([]byte("early")); err != nil {
			t.Fatal(err)
		}
		data := bindConnection(t, s, control.attempt())
		early := make([]byte, 5)
		if _, err := io.ReadFull(data, early); err != nil || string(early) != "early" {
			t.Fatalf("%q, %v", early, err)
		}
		together.Go(func() { exchange(t, data, peer) })
	}
	together.Wait()
	const up, down = 3 * 13 * 400_000, 3 * (5 + 15*300_000)
	until(t, "all connections ended", func() bool { return s.Stats().PeerConnections == 0 })
	if stats := s.Stats(); stats.FromClients.Bytes != up || stats.ToPeers.Bytes != up || stats.FromPeers.Bytes != down || stats.ToClients.Bytes != down {
		t.Errorf("%+v from clients, %+v to peers, %+v from peers, %+v to clients; want %d up, %d down",
			stats.FromClients, stats.ToPeers, stats.FromPeers, stats.ToClients, up, down)
	}
}

// A connection that the client asks for leaves from the relayed address, which is
// listened on at the same time. The portable network need not be able to do that,
// and says 447 then.
func TestRealConnect(t *testing.T) {
	t.Parallel()
	s := serveReal(t, func(*Config) {})
	control := dialReal(t, s, allocation.TCP)
	relayed := control.allocateTCP()
	listeners := []*net.TCPListener{listenReal(t), listenReal(t)}
	var together sync.WaitGroup
	for _, l := range listeners {
		m := control.ask(control.sign(stun.MethodConnect, func(b *stun.Builder) {
			b.AddXORAddrPort(stun.AttrXORPeerAddress, l.Addr().(*net.TCPAddr).AddrPort())
		}))
		if code, _, err := m.ErrorCode(); err == nil && code == stun.CodeConnectionTimeoutOrFailure &&
			os.Getenv("TESTNETWORK") == "portable" {
			continue
		}
		id := control.connectionID(m)
		peer, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { peer.Close() })
		if got := addrPort(peer.RemoteAddr()); got != relayed {
			t.Errorf("the peer is reached from %v, want %v", got, relayed)
		}
		together.Go(func() { exchange(t, bindConnection(t, s, id), peer) })
	}
	together.Wait()
	until(t, "all connections ended", func() bool { return s.Stats().PeerConnections == 0 })
}

// What ends with the control connection: the relayed address, connections that are
// bound and connections that wait, on every worker.
func TestRealControlConnectionEnds(t *testing.T) {
	t.Parallel()
	s := serveReal(t, func(c *Config) { c.Workers = 2 })
	control := dialReal(t, s, allocation.TCP)
	relayed := control.allocateTCP()
	var conns []net.Conn
	for i := range 4 {
		peer, err := net.Dial("tcp", relayed.String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { peer.Close() })
		conns = append(conns, peer)
		if id := control.attempt(); i%2 == 0 {
			conns = append(conns, bindConnection(t, s, id))
		}
	}
	control.conn.Close()
	for i, c := range conns {
		if err := c.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if n, err := c.Read(make([]byte, 1)); n != 0 || err == nil || os.IsTimeout(err) {
			t.Errorf("connection %d: %d bytes, %v; want it closed", i, n, err)
		}
	}
	until(t, "everything ended", func() bool {
		st := s.Stats()
		return st.PeerConnections == 0 && st.Allocations == 0 && st.TCPPortsInUse == 0 && st.Streams == 0
	})
	if c, err := net.DialTimeout("tcp", relayed.String(), time.Second); err == nil {
		c.Close()
		t.Errorf("%v still accepts connections", relayed)
	}
}
