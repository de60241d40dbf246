package relay

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"turnout/allocation"
	"turnout/auth"
	"turnout/internal/netio"
	"turnout/internal/secure"
	"turnout/stun"
)

// secureListeners are of TLS and DTLS, on free ports.
func secureListeners(tr *secure.Transports) func(*Config) {
	return func(c *Config) {
		c.ListenStream = listenWith(tr)
		c.Workers = 2
		for _, t := range []allocation.Transport{allocation.TLS, allocation.DTLS} {
			c.Listeners = append(c.Listeners, Listener{t, netip.MustParseAddrPort("127.0.0.1:0")})
		}
	}
}

// dialSecure connects to a server on real sockets.
func dialSecure(t testing.TB, s *Server, transport allocation.Transport) *realClient {
	t.Helper()
	for _, l := range s.Addrs() {
		if l.Transport != transport {
			continue
		}
		var conn net.Conn
		var err error
		if transport == allocation.TLS {
			var raw net.Conn
			if raw, err = net.Dial("tcp", l.Addr.String()); err == nil {
				conn, err = dialTLS(t.Context(), raw)
			}
		} else {
			var socket net.PacketConn
			if socket, err = net.ListenPacket("udp4", "127.0.0.1:0"); err == nil {
				t.Cleanup(func() { socket.Close() })
				conn, err = dialDTLS(t.Context(), socket, l.Addr)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
			t.Fatal(err)
		}
		return &realClient{t: t, conn: conn, udp: transport == allocation.DTLS, buf: make([]byte, 66000)}
	}
	t.Fatalf("no listener for %v", transport)
	return nil
}

// A call over real sockets: every datagram goes to the peer and comes back whole.
func TestRealRelaySecurely(t *testing.T) {
	t.Parallel()
	tr := secureTransports(t)
	s := serveReal(t, secureListeners(tr))
	peer := echoPeer(t)
	for _, transport := range []allocation.Transport{allocation.TLS, allocation.DTLS} {
		t.Run(transport.String(), func(t *testing.T) {
			var together sync.WaitGroup
			for i := range 6 {
				c := dialSecure(t, s, transport)
				c.allocate()
				c.bind(0x4000, peer)
				together.Go(func() {
					for _, size := range []int{1, 2, 3, 160, 1200, 8000} {
						for range 20 {
							echo(t, c, i, size)
						}
					}
				})
			}
			together.Wait()
			if n := s.Stats().AllocationsBy[transport]; n != 6 {
				t.Errorf("%d allocations, want 6", n)
			}
		})
	}
	if st := tr.Stats(); st.CompletedBy[secure.TLS] != 6 || st.CompletedBy[secure.DTLS] != 6 || st.HalfOpen != 0 {
		t.Errorf("%+v", st)
	}
}

// A crowd opens connections, some of which do a handshake and some an allocation,
// and is gone without a word. Another client notices nothing; when what was left
// has run out, memory is where it was, and every connection is accounted for.
func TestSecureConnectionsDropped(t *testing.T) { // not in parallel: it measures memory
	synctest.Test(t, func(t *testing.T) {
		network := netio.NewMemory()
		verifier, err := auth.NewVerifier(auth.VerifierConfig{Realm: "bench", Users: map[string]string{"alice": "wonderland"}})
		if err != nil {
			t.Fatal(err)
		}
		tr := secureTransports(t)
		s, err := New(Config{
			Realm: "bench", Verifier: verifier, Network: network, Workers: 2, ListenStream: listenWith(tr),
			Listeners: []Listener{
				{allocation.TLS, netip.MustParseAddrPort(serverIPv4 + ":5349")},
				{allocation.DTLS, netip.MustParseAddrPort(serverIPv4 + ":5349")},
			},
			RelayAddresses: relayAddresses(relayIPv4), Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
		})
		if err != nil {
			t.Fatal(err)
		}
		served := make(chan error, 1)
		go func() { served <- s.Serve(context.Background()) }()
		crowd := &crowd{t: t, network: network, server: netip.MustParseAddrPort(serverIPv4 + ":5349")}
		const n = 300
		first := crowd.dial(allocation.DTLS, "9.9.9.9:9")
		first.allocate()
		crowd.comeAndGo(n, 1, first)
		time.Sleep(20 * time.Minute)
		crowd.leave()
		bystander := crowd.dial(allocation.TLS, "9.9.9.9:10")
		bystander.allocate()
		crowd.gone = nil // the bystander stays
		before, goroutines := memoryInUse(), runtime.NumGoroutine()
		crowd.comeAndGo(n, 2, bystander)
		full := memoryInUse()
		time.Sleep(5 * time.Minute)
		bystander.request(stun.MethodRefresh, func(*stun.Builder) {})
		time.Sleep(7 * time.Minute)
		bystander.request(stun.MethodRefresh, func(*stun.Builder) {})
		crowd.leave()
		// What TLS remembers of keys and certificates goes when goroutines of the runtime's have run, which may take some
		// collections on a busy machine.
		after, most := memoryInUse(), before+(full-before)/5
		for tries := 1; after > most && tries < 100; tries++ {
			t.Logf("after %d tries %d KiB are in use, want %d", tries, after>>10, most>>10)
			runtime.Gosched()
			after = memoryInUse()
		}
		t.Logf("memory %d KiB before, %d KiB with the crowd, %d KiB after", before>>10, full>>10, after>>10)
		if after > most {
			t.Errorf("memory was %d KiB, with the crowd %d KiB, is %d KiB", before>>10, full>>10, after>>10)
		}
		if now := runtime.NumGoroutine(); now > goroutines+10 {
			t.Errorf("there were %d goroutines, there are %d", goroutines, now)
		}
		stats, secured := s.Stats(), tr.Stats()
		if stats.Allocations != 1 || stats.Streams != 1 || secured.HalfOpen != 0 {
			t.Errorf("%d allocations, %d connections, %d handshakes are left", stats.Allocations, stats.Streams, secured.HalfOpen)
		}
		// Of n connections a round n/3 do no handshake, of each transport.
		completed := secured.CompletedBy[secure.TLS] + secured.CompletedBy[secure.DTLS]
		lost := secured.DroppedBy[secure.DropHandshakeFailed] + secured.DroppedBy[secure.DropHandshakeTimeout] + secured.DroppedBy[secure.DropHandshakeDisplaced]
		if completed != 2*n*2/3+2 || lost != 2*n/3 || stats.AllocationsTotal != 2*n/3+2 {
			t.Errorf("%d handshakes completed, %d not, %d allocations", completed, lost, stats.AllocationsTotal)
		}
		bystander.conn.Close()
		synctest.Wait()
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = s.Shutdown(ctx)
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
}

// A crowd are clients on a network of the test's.
type crowd struct {
	t       *testing.T
	network *netio.Memory
	server  netip.AddrPort
	gone    []io.Closer // what the test holds of those who have gone
}

// comeAndGo has n clients come from addresses of their own, by TLS and DTLS: a
// third opens a connection, a third does a handshake, a third allocates. Then no
// byte of theirs arrives any more. Now and then the bystander is served.
func (c *crowd) comeAndGo(n, round int, bystander *realClient) {
	for i := range n {
		transport := allocation.TLS
		if i%2 == 1 {
			transport = allocation.DTLS
		}
		from := fmt.Sprintf("8.%d.%d.%d:%d", round, i>>8, i&255, 1000+round)
		if i%3 == 0 {
			c.begin(transport, from)
		} else if client := c.dial(transport, from); i%3 == 2 {
			client.allocate()
		}
		if i%30 == 0 {
			bystander.request(stun.MethodRefresh, func(*stun.Builder) {})
		}
	}
	synctest.Wait()
}

// begin opens a connection and does no handshake.
func (c *crowd) begin(transport allocation.Transport, from string) {
	at := netip.MustParseAddrPort(from)
	if transport == allocation.TLS {
		conn, err := c.network.DialTCP(context.Background(), at, c.server)
		if err != nil {
			c.t.Fatal(err)
		}
		c.gone = append(c.gone, conn)
		return
	}
	socket, err := c.network.ListenPacket(at)
	if err != nil {
		c.t.Fatal(err)
	}
	if _, err := socket.WriteToAddrPort(datagramHello, c.server); err != nil {
		c.t.Fatal(err)
	}
	synctest.Wait()
	socket.Close()
}

// datagramHello is a ClientHello of DTLS 1.2 that offers one cipher suite.
var datagramHello = append([]byte{
	22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 54, // record: handshake, epoch 0
	1, 0, 0, 42, 0, 0, 0, 0, 0, 0, 0, 42, // ClientHello, whole
	254, 253,
}, append(make([]byte, 32+1+1), 0, 2, 0xc0, 0x2b, 1, 0)...) // random, session, cookie; the suite; no compression

// dial does a handshake. The connection's end is the caller's or, when the crowd
// has left, never told.
func (c *crowd) dial(transport allocation.Transport, from string) *realClient {
	at := netip.MustParseAddrPort(from)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	var conn net.Conn
	var err error
	if transport == allocation.TLS {
		var raw net.Conn
		if raw, err = c.network.DialTCP(ctx, at, c.server); err == nil {
			c.gone = append(c.gone, raw)
			conn, err = dialTLS(ctx, raw)
		}
	} else {
		var socket *netio.MemoryPacketConn
		if socket, err = c.network.ListenPacket(at); err == nil {
			c.gone = append(c.gone, socket)
			conn, err = dialDTLS(ctx, socket, c.server)
		}
	}
	if err != nil {
		c.t.Fatal(err)
	}
	return &realClient{t: c.t, conn: conn, udp: transport == allocation.DTLS, buf: make([]byte, 66000)}
}

// leave frees what the test holds of clients that have gone.
func (c *crowd) leave() {
	for _, conn := range c.gone {
		conn.Close()
	}
	c.gone = nil
	synctest.Wait()
}

// memoryInUse is what is reachable, and stacks.
func memoryInUse() uint64 {
	least := uint64(math.MaxUint64)
	for range 5 { // stacks and pools are given back a few collections later
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		least = min(least, m.HeapAlloc+m.StackInuse)
	}
	return least
}
