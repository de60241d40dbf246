package secure

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"turnout/internal/netio"
)

// The answer to a ClientHello without cookie asks for one and no more: it is
// shorter than the question, so that a forged address gains nobody anything, and
// no certificate is shown. RFC 6347 §4.2.1.
func TestCookieFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		network := netio.NewMemory()
		h := newHub(t, network, nil)
		at, stop := h.datagrams(netip.MustParseAddrPort("127.0.0.1:5349"))
		defer stop()
		socket, err := network.ListenPacket(netip.MustParseAddrPort("8.8.8.8:4000"))
		if err != nil {
			t.Fatal(err)
		}
		hello := datagramHello(0)
		socket.WriteToAddrPort(hello, at)
		answer, err := socket.ReadPacket()
		const helloVerifyRequest = 3
		if err != nil || !isHandshake(answer.Payload, helloVerifyRequest) || len(answer.Payload) > len(hello) {
			t.Fatalf("%d bytes are answered by %x, %v", len(hello), answer.Payload, err)
		}
		// Nothing more comes, but what asks for a cookie again.
		if err := socket.SetReadDeadline(time.Now().Add(2 * handshakeTime)); err != nil {
			t.Fatal(err)
		}
		for {
			more, err := socket.ReadPacket()
			if err != nil {
				break
			}
			if !isHandshake(more.Payload, helloVerifyRequest) {
				t.Errorf("without a cookie the server says %x", more.Payload)
			}
		}
		if n := h.Stats().DroppedBy[DropHandshakeTimeout]; n != 1 {
			t.Errorf("%d handshakes timed out, want 1", n)
		}
	})
}

// A client that returns the cookie has shown its address: those that have not are
// displaced before it. What it may send before it is done is bounded all the same.
func TestCookieReturned(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		network := netio.NewMemory()
		h := newHub(t, network, func(c *Config) { c.Handshakes = 3 })
		at, stop := h.datagrams(netip.MustParseAddrPort("127.0.0.1:5349"))
		defer stop()
		open := func(address string) *netio.MemoryPacketConn {
			socket, err := network.ListenPacket(netip.MustParseAddrPort(address))
			if err != nil {
				t.Fatal(err)
			}
			return socket
		}
		socket := open("8.8.8.8:4000")
		socket.WriteToAddrPort(datagramHello(0), at)
		request, err := socket.ReadPacket()
		if err != nil {
			t.Fatal(err)
		}
		const cookieAt = recordHeader + 12 + 2 + 1 // record, handshake, version, length
		socket.WriteToAddrPort(datagramHello(0, request.Payload[cookieAt:]...), at)
		if answer, err := socket.ReadPacket(); err != nil || !isHandshake(answer.Payload, serverHello) {
			t.Fatalf("the cookie is answered by %x, %v", answer.Payload, err)
		}
		for i := range 3 {
			open(netip.AddrPortFrom(netip.AddrFrom4([4]byte{9, 9, 9, byte(i)}), 4000).String()).WriteToAddrPort(datagramHello(0), at)
			time.Sleep(time.Second)
		}
		if s := h.Stats(); s.HalfOpen != 3 || s.DroppedBy[DropHandshakeDisplaced] != 1 {
			t.Errorf("%d under way, %d displaced, want 3, 1", s.HalfOpen, s.DroppedBy[DropHandshakeDisplaced])
		}
		if h.handshakes.byAge[1].Len() != 1 {
			t.Error("the client that has returned its cookie was displaced")
		}
		early := make([]byte, 1000)
		copy(early, datagramHello(0)[:recordHeader])
		for range 40 {
			socket.WriteToAddrPort(early, at)
		}
		synctest.Wait()
		if n := h.Stats().DroppedBy[DropDTLSEarly]; n != 40-earlyMax/1000 {
			t.Errorf("of 40,000 bytes %d,000 are dropped, want %d,000", n, 40-earlyMax/1000)
		}
	})
}

// A connection that nobody reads holds no more than its queue; one whose
// datagrams cannot be sent is told of nothing.
func TestDTLSBacklog(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		network := netio.NewMemory()
		h := newHub(t, network, nil)
		l, err := h.ListenDTLS(network, netip.MustParseAddrPort("127.0.0.1:5349"))
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		socket, err := network.ListenPacket(netip.MustParseAddrPort("8.8.8.8:4000"))
		if err != nil {
			t.Fatal(err)
		}
		conn, err := handshakeDTLS(t, socket, addrPort(l.Addr()))
		if err != nil {
			t.Fatal(err)
		}
		server, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer server.Close()
		const n, size = 100, 8000
		for range n {
			conn.Write(make([]byte, size))
			synctest.Wait()
		}
		dropped := h.Stats().DroppedBy[DropDTLSBacklog]
		if held := (n - int(dropped)) * size; held > queueMax+3*size || dropped == 0 {
			t.Errorf("%d of %d are dropped", dropped, n)
		}
		for range n - int(dropped) {
			if got := message(t, server); len(got) != size {
				t.Fatalf("%d bytes arrive, want %d", len(got), size)
			}
		}
		network.SetFate(func(netio.Transit) netio.Fate { return netio.Fate{Err: netio.ErrUnreachable} })
		server.Write([]byte("lost"))
		synctest.Wait()
		if n := h.Stats().DroppedBy[DropDTLSSend]; n != 1 {
			t.Errorf("%d datagrams could not be sent, want 1", n)
		}
		network.SetFate(nil)
		server.Write([]byte("not lost"))
		if got := message(t, conn); got != "not lost" {
			t.Errorf("got %q", got)
		}
	})
}

// FuzzDatagram sends whatever comes to a listener, twice, from an address that it
// has not seen.
func FuzzDatagram(f *testing.F) {
	hello := datagramHello(0)
	f.Add(hello)
	f.Add(hello[:recordHeader])
	f.Add(append(datagramHello(0), datagramHello(1)...))
	f.Add([]byte{23, 254, 253, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0})
	f.Add([]byte{20, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1})
	f.Add([]byte{21, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 40})
	h := newHub(f, netio.NewMemory(), nil)
	h.handshakes.spaced = 0
	listener, err := h.ListenDTLS(h.network, netip.MustParseAddrPort("127.0.0.1:5349"))
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { listener.Close() })
	l := listener.(*dtlsListener)
	n := uint16(0)
	f.Fuzz(func(t *testing.T, b []byte) {
		n++
		from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{9, 9, byte(n >> 8), byte(n)}), 4000)
		for range 2 {
			if d := l.dispatch(netio.Packet{Addr: from, Local: l.local, Payload: b}); d >= numDrops {
				t.Errorf("dropped as %d", d)
			}
		}
	})
}
