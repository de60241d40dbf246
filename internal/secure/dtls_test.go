package secure

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/dtls/v3"

	"turnout/internal/netio"
)

func TestDTLS(t *testing.T) {
	t.Parallel()
	for name, network := range map[string]netio.Network{"system": netio.System(), "portable": netio.Portable()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHub(t, network, func(c *Config) {
				c.Certificates = certificates(t, makeCertificate(t, true, "turn.test"), makeCertificate(t, false, "ecdsa.test"))
			})
			for _, address := range []string{"127.0.0.1:0", "0.0.0.0:0"} {
				bound, stop := h.datagrams(netip.MustParseAddrPort(address))
				defer stop()
				at := netip.AddrPortFrom(loopback.Addr(), bound.Port())
				for _, certificate := range []string{"turn.test", "ecdsa.test", "other.test"} {
					conn, err := dialDTLS(t, at, dtls.WithServerName(certificate), dtls.WithSupportedProtocols("stun.turn"))
					if err != nil {
						t.Fatal(err)
					}
					server := at
					if name == "portable" { // which cannot tell, as its Limitations say
						server = bound
					}
					if got, want := message(t, conn), conn.LocalAddr().String()+" "+server.String()+"\n"; got != want {
						t.Errorf("the server sees %q, want %q", got, want)
					}
					state, _ := conn.ConnectionState()
					if state.NegotiatedProtocol != "stun.turn" {
						t.Errorf("negotiated %q", state.NegotiatedProtocol)
					}
					for _, size := range []int{1, 100, 1200, 8000} {
						sent := strings.Repeat("x", size)
						conn.Write([]byte(sent))
						if got := message(t, conn); got != sent {
							t.Errorf("%d bytes came back as %d", size, len(got))
						}
					}
				}
			}
		})
	}
}

func TestDTLSWithUnknownProtocol(t *testing.T) {
	t.Parallel()
	h := newHub(t, netio.System(), nil)
	at, stop := h.datagrams(loopback)
	defer stop()
	_, err := dialDTLS(t, at, dtls.WithSupportedProtocols("h2"))
	if err == nil || !strings.Contains(err.Error(), "NoApplicationProtocol") {
		t.Errorf("%v, want the alert NoApplicationProtocol", err)
	}
	if conn, err := dialDTLS(t, at); err != nil || message(t, conn) == "" {
		t.Errorf("without ALPN: %v", err)
	}
}

// A client that loses its state begins again from the same address: its old
// connection is over, and closed, before the new one is accepted.
func TestDTLSAgainFromTheSameAddress(t *testing.T) {
	t.Parallel()
	h := newHub(t, netio.System(), nil)
	at, stop := h.datagrams(loopback)
	defer stop()
	socket, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(loopback))
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	for i := range 3 {
		life := &lifetime{PacketConn: socket}
		conn, err := handshakeDTLS(t, life, at)
		if err != nil {
			t.Fatalf("handshake %d: %v", i, err)
		}
		if got := message(t, conn); !strings.HasPrefix(got, socket.LocalAddr().String()) {
			t.Errorf("handshake %d: %q", i, got)
		}
		conn.Write([]byte("still there?"))
		if got := message(t, conn); got != "still there?" {
			t.Errorf("handshake %d: %q", i, got)
		}
		life.end()
	}
	if s := h.Stats(); s.CompletedBy[DTLS] != 3 || s.HalfOpen != 0 {
		t.Errorf("%d completed, %d under way", s.CompletedBy[DTLS], s.HalfOpen)
	}
}

// A lifetime is a socket as one of several clients has it, each after the other.
type lifetime struct {
	net.PacketConn
	reading sync.Mutex
	over    atomic.Bool
}

// end takes the socket from its client, which cannot even say goodbye.
func (l *lifetime) end() {
	l.over.Store(true)
	l.PacketConn.SetReadDeadline(time.Now())
	l.reading.Lock() // the client's read has returned
	defer l.reading.Unlock()
	l.PacketConn.SetReadDeadline(time.Time{})
}

func (l *lifetime) ReadFrom(b []byte) (int, net.Addr, error) {
	l.reading.Lock()
	defer l.reading.Unlock()
	n, from, err := 0, net.Addr(nil), net.ErrClosed
	if !l.over.Load() {
		n, from, err = l.PacketConn.ReadFrom(b)
	}
	if l.over.Load() {
		err = net.ErrClosed
	}
	return n, from, err
}

func (l *lifetime) WriteTo(b []byte, to net.Addr) (int, error) {
	if l.over.Load() {
		return 0, net.ErrClosed
	}
	return l.PacketConn.WriteTo(b, to)
}

func (l *lifetime) SetReadDeadline(t time.Time) error {
	if l.over.Load() {
		return net.ErrClosed
	}
	return l.PacketConn.SetReadDeadline(t)
}

func (l *lifetime) Close() error { return nil }

// A ClientHello from a forged address does not end what is in use there.
func TestDTLSForgedHello(t *testing.T) {
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
		conn, err := handshakeDTLS(t, socket, at)
		if err != nil {
			t.Fatal(err)
		}
		message(t, conn)
		for i := range 50 {
			socket.WriteToAddrPort(datagramHello(byte(i)), at)
			conn.Write([]byte("mine"))
			if got := message(t, conn); got != "mine" {
				t.Fatalf("got %q", got)
			}
			time.Sleep(time.Second)
		}
		s := h.Stats()
		if s.CompletedBy[DTLS] != 1 || s.DroppedBy[DropHandshakeTimeout]+s.DroppedBy[DropHandshakeFailed] == 0 || s.FailedBy[DTLS] == 0 {
			t.Errorf("%d completed, %d timed out, %d failed", s.CompletedBy[DTLS], s.DroppedBy[DropHandshakeTimeout], s.DroppedBy[DropHandshakeFailed])
		}
	})
}

// datagramHello is a ClientHello in one record, as a forger would write it.
func datagramHello(random byte, cookie ...byte) []byte {
	body := append([]byte{254, 253}, make([]byte, 32)...)
	body[2] = random
	body = append(body, 0, byte(len(cookie))) // session
	body = append(body, cookie...)
	body = append(body, 0, 2, 0xc0, 0x2b, 1, 0) // ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, no compression
	n, number := byte(len(body)), byte(min(1, len(cookie)))
	head := []byte{22, 254, 253, 0, 0, 0, 0, 0, 0, 0, number, 0, n + 12, clientHello, 0, 0, n, 0, number, 0, 0, 0, 0, 0, n}
	return append(head, body...)
}

// What is not DTLS, or not in its place, is dropped under a name.
func TestDTLSBadDatagrams(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		network := netio.NewMemory()
		h := newHub(t, network, nil)
		at, stop := h.datagrams(netip.MustParseAddrPort("127.0.0.1:5349"))
		defer stop()
		next := uint16(1000)
		send := func(datagrams ...[]byte) {
			next++
			socket, err := network.ListenPacket(netip.AddrPortFrom(netip.MustParseAddr("8.8.8.8"), next))
			if err != nil {
				t.Fatal(err)
			}
			defer socket.Close()
			for _, b := range datagrams {
				socket.WriteToAddrPort(b, at)
			}
			synctest.Wait()
		}
		record := func(kind byte, epoch uint16, length, size int) []byte {
			b := make([]byte, 13+size)
			copy(b, []byte{kind, 254, 253})
			binary.BigEndian.PutUint16(b[3:], epoch)
			binary.BigEndian.PutUint16(b[11:], uint16(length))
			return b
		}
		for _, c := range []struct {
			what      string
			want      Drop
			n         uint64
			datagrams [][]byte
		}{
			{"empty", DropNotDTLS, 1, [][]byte{{}}},
			{"STUN", DropNotDTLS, 1, [][]byte{make([]byte, 20)}},
			{"ZRTP, ChannelData, RTP", DropNotDTLS, 3, [][]byte{{16, 0}, {64, 0, 0, 0}, {128, 0, 0, 0}}},
			{"cut short", DropDTLSMalformed, 13 - 1, shorter(record(22, 0, 0, 0))},
			{"length beyond the datagram", DropDTLSMalformed, 2, [][]byte{record(22, 0, 1, 0), record(22, 0, 65535, 100)}},
			{"giant", DropDTLSMalformed, 1, [][]byte{record(22, 0, 9000, 9000)}},
			{"no association", DropDTLSUnknown, 3, [][]byte{record(23, 1, 10, 10), record(20, 0, 1, 1), record(22, 0, 1, 1)}},
			{"data before the cookie", DropDTLSUnknown, 2, [][]byte{datagramHello(0), record(23, 1, 10, 10), record(22, 1, 10, 10)}},
			{"too much, too early", DropDTLSEarly, 4, append([][]byte{datagramHello(0)}, many(record(22, 0, 1000, 1000), 7)...)},
		} {
			before := h.Stats().DroppedBy[c.want]
			send(c.datagrams...)
			if got := h.Stats().DroppedBy[c.want] - before; got != c.n {
				t.Errorf("%s: %d dropped as %s, want %d", c.what, got, c.want, c.n)
			}
		}
		time.Sleep(handshakeTime)
		synctest.Wait()
		if n := h.Stats().HalfOpen; n != 0 {
			t.Errorf("%d handshakes under way", n)
		}
	})
}

func shorter(b []byte) (all [][]byte) {
	for n := 1; n < len(b); n++ {
		all = append(all, b[:n])
	}
	return all
}

func many(b []byte, n int) (all [][]byte) {
	for range n {
		all = append(all, b)
	}
	return all
}

// A client in the middle of its handshake survives a flood of hellos from forged
// addresses, and so does one that is connected; memory returns to where it was.
func TestDTLSFlood(t *testing.T) { // not in parallel: it measures memory
	synctest.Test(t, func(t *testing.T) {
		network := netio.NewMemory()
		h := newHub(t, network, nil)
		at, stop := h.datagrams(netip.MustParseAddrPort("127.0.0.1:5349"))
		defer stop()
		open := func(address string) net.PacketConn {
			socket, err := network.ListenPacket(netip.MustParseAddrPort(address))
			if err != nil {
				t.Fatal(err)
			}
			return socket
		}
		flood := func(n, from int, pause time.Duration) {
			for i := range n {
				a := netip.AddrFrom4([4]byte{9, byte((from + i) >> 8), byte(from + i), 1})
				socket, err := network.ListenPacket(netip.AddrPortFrom(a, uint16(1024+i%60000)))
				if err != nil {
					t.Fatal(err)
				}
				socket.WriteToAddrPort(datagramHello(0), at)
				socket.Close()
				if i%64 == 0 {
					synctest.Wait()
				}
				time.Sleep(pause)
			}
			synctest.Wait()
		}
		conn, err := handshakeDTLS(t, open("8.8.8.8:4000"), at)
		if err != nil {
			t.Fatal(err)
		}
		message(t, conn)
		flood(10000, 0, time.Millisecond) // what the runtime and pools keep for the next one is not what is asked for here
		time.Sleep(2 * handshakeTime)
		before, goroutines := heap(), runtime.NumGoroutine()

		flood(1000, 0, time.Millisecond)
		full := heap()
		if n := h.Stats().HalfOpen; n != 1000 {
			t.Errorf("%d handshakes under way, want 1000", n)
		}
		flood(9000, 1000, time.Millisecond)
		if n := h.Stats().HalfOpen; n != 1000 {
			t.Errorf("%d handshakes under way, want 1000", n)
		}
		t.Logf("1000 half-open handshakes hold %d KiB, %d B each", (full-before)>>10, (full-before)/1000)
		conn.Write([]byte("unharmed"))
		if got := message(t, conn); got != "unharmed" {
			t.Errorf("the connected client got %q", got)
		}
		flood(3000, 10000, 0) // at once: a second's worth of them begins
		waiting := h.Stats().DroppedBy[DropDTLSRate]
		if waiting < 2000 || waiting > 2001 {
			t.Errorf("of 3000 at once %d do not begin", waiting)
		}
		other, err := handshakeDTLS(t, open("8.8.8.9:4000"), at)
		if err != nil {
			t.Errorf("a handshake beside 1000 forged ones: %v", err)
		}
		message(t, other)
		other.Close()
		time.Sleep(2 * handshakeTime)
		synctest.Wait()
		s := h.Stats()
		// All that came while 1000 were under way: 9000 of each flood, what began at once, and the other client.
		want := 9000 + 9000 + (3000 - waiting) + 1
		if s.HalfOpen != 0 || s.DroppedBy[DropHandshakeDisplaced] != want {
			t.Errorf("%d under way, %d displaced, want 0, %d", s.HalfOpen, s.DroppedBy[DropHandshakeDisplaced], want)
		}
		after := heap()
		t.Logf("memory %d KiB before, %d KiB with 1000 half-open, %d KiB after 10000", before>>10, full>>10, after>>10)
		if after > before+(full-before)/10 {
			t.Errorf("memory was %d KiB, is %d KiB", before>>10, after>>10)
		}
		if n := runtime.NumGoroutine(); n > goroutines+20 {
			t.Errorf("there were %d goroutines, there are %d", goroutines, n)
		}
	})
}

// heap is the memory in use, stacks included.
func heap() uint64 {
	least := uint64(math.MaxUint64)
	for range 5 { // stacks and pools are given back a few collections later
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		least = min(least, m.HeapAlloc+m.StackInuse)
	}
	return least
}

// One source has eight half-open handshakes; others are none of its business.
func TestDTLSPerSource(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		network := netio.NewMemory()
		h := newHub(t, network, nil)
		at, stop := h.datagrams(netip.MustParseAddrPort("127.0.0.1:5349"))
		defer stop()
		for i := range 20 {
			for _, a := range []string{"8.8.8.8:%d", "[2600::%[1]d]:4000"} {
				socket, err := network.ListenPacket(netip.MustParseAddrPort(fmt.Sprintf(a, 4000+i)))
				if err != nil {
					t.Fatal(err)
				}
				defer socket.Close()
				_, err = socket.WriteToAddrPort(datagramHello(0), at)
				if err != nil && !errors.Is(err, netio.ErrUnreachable) {
					t.Fatal(err)
				}
			}
		}
		synctest.Wait()
		if s := h.Stats(); s.HalfOpen != perSource || s.DroppedBy[DropHandshakeDisplaced] != 20-perSource {
			t.Errorf("%d under way, %d displaced", s.HalfOpen, s.DroppedBy[DropHandshakeDisplaced])
		}
	})
}

// A client that says goodbye at once, even before its connection is handed over,
// leaves nothing behind.
func TestDTLSGoodbye(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		network := netio.NewMemory()
		h := newHub(t, network, nil)
		opened, err := h.ListenDTLS(network, netip.MustParseAddrPort("127.0.0.1:5349"))
		if err != nil {
			t.Fatal(err)
		}
		defer opened.Close()
		l := opened.(*dtlsListener)
		for _, early := range []bool{false, true} {
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
			conn.Close()
			if _, err := server.Read(make([]byte, 100)); err != io.EOF {
				t.Errorf("the end is read as %v", err)
			}
			// The end may be read before the path is free.
			synctest.Wait()
			if early { // as if the goodbye had come first
				if err := l.establish(t.Context(), server.(*datagramConn).association); err != nil {
					t.Error(err)
				}
			}
			server.Close()
			synctest.Wait()
			if len(l.paths) != 0 {
				t.Errorf("early %v: %d associations are left", early, len(l.paths))
			}
		}
	})
}
