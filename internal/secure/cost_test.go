package secure

import (
	"encoding/binary"
	"net/netip"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"turnout/internal/netio"
)

// BenchmarkForgedHello is what a ClientHello from an address of its own costs, its
// answer and its end included, when more come than may be under way: processor
// time of the process, that of the in-memory network with it.
func BenchmarkForgedHello(b *testing.B) {
	network := netio.NewMemory()
	h := newHub(b, network, nil)
	h.handshakes.spaced = 0 // else most would not begin
	at, stop := h.datagrams(netip.MustParseAddrPort("127.0.0.1:5349"))
	defer stop()
	hello := datagramHello(0)
	b.ReportAllocs()
	before := processorTime(b)
	n := uint32(0)
	for b.Loop() {
		n++
		var from [4]byte
		binary.BigEndian.PutUint32(from[:], 9<<24|n&0xffffff)
		socket, err := network.ListenPacket(netip.AddrPortFrom(netip.AddrFrom4(from), 4000))
		if err != nil {
			b.Fatal(err)
		}
		if _, err := socket.WriteToAddrPort(hello, at); err != nil {
			b.Fatal(err)
		}
		if _, err := socket.ReadPacket(); err != nil {
			b.Fatal(err)
		}
		socket.Close()
	}
	b.ReportMetric(float64(processorTime(b)-before)/float64(b.N), "cpu-ns/op")
}

func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

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
