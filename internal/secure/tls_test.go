package secure

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"turnout/internal/netio"
)

func TestTLS(t *testing.T) {
	t.Parallel()
	h := newHub(t, netio.System(), nil)
	at, stop := h.stream(loopback, true)
	defer stop()
	for name, c := range map[string]struct {
		config *tls.Config
		alpn   string
	}{
		"no ALPN":           {client(), ""},
		"TLS 1.2":           {&tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12}, ""},
		"stun.turn":         {client("stun.turn"), "stun.turn"},
		"NAT discovery":     {client("stun.nat-discovery"), "stun.nat-discovery"},
		"both":              {client("stun.nat-discovery", "stun.turn"), "stun.turn"},
		"one known":         {client("h2", "stun.turn"), "stun.turn"},
		"fragmented hellos": {client(), ""},
	} {
		t.Run(name, func(t *testing.T) {
			raw := h.dial(at)
			if name == "fragmented hellos" {
				raw = &byBytes{raw}
			}
			conn := tls.Client(raw, c.config)
			if err := conn.Handshake(); err != nil {
				t.Fatal(err)
			}
			if got := conn.ConnectionState().NegotiatedProtocol; got != c.alpn {
				t.Errorf("negotiated %q, want %q", got, c.alpn)
			}
			if got, want := line(t, conn), raw.LocalAddr().String()+" "+at.String(); got != want {
				t.Errorf("the server sees %s, want %s", got, want)
			}
			echoes(t, conn, "hello")
		})
	}
	if s := h.Stats(); s.CompletedBy[TLS] != 7 || s.HalfOpen != 0 {
		t.Errorf("%d handshakes completed, %d under way", s.CompletedBy[TLS], s.HalfOpen)
	}
}

// byBytes writes single bytes.
type byBytes struct{ net.Conn }

func (c *byBytes) Write(b []byte) (int, error) {
	for i := range b {
		if _, err := c.Conn.Write(b[i : i+1]); err != nil {
			return i, err
		}
	}
	return len(b), nil
}

// RFC 7301 §3.2: whoever offers only what is not known here is told so.
func TestTLSWithUnknownProtocols(t *testing.T) {
	t.Parallel()
	h := newHub(t, netio.System(), nil)
	at, stop := h.stream(loopback, true)
	defer stop()
	for _, offered := range [][]string{{"h2"}, {"http/1.1"}, {"h2", "http/1.1"}, {"xmpp"}} {
		err := tls.Client(h.dial(at), client(offered...)).Handshake()
		if err == nil || !strings.Contains(err.Error(), "remote error: tls: no application protocol") {
			t.Errorf("%q: %v, want the alert no_application_protocol", offered, err)
		}
	}
	if err := tls.Client(h.dial(at), &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}).Handshake(); err == nil {
		t.Error("TLS 1.1 is served")
	}
	stop()
	if s := h.Stats(); s.DroppedBy[DropHandshakeFailed] != 5 || s.FailedBy[TLS] != 5 || s.CompletedBy[TLS] != 0 {
		t.Errorf("%d failed, %d completed", s.DroppedBy[DropHandshakeFailed], s.CompletedBy[TLS])
	}
}

// A browser gets the HTTPS server, with its certificate; everybody else TURN.
func TestFallback(t *testing.T) {
	t.Parallel()
	web := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		all, _ := io.ReadAll(r.Body) // the client looks at what comes back
		w.Write(all)
	}))
	web.EnableHTTP2 = true
	web.StartTLS()
	defer web.Close()
	h := newHub(t, netio.System(), func(c *Config) {
		c.Fallback = func(ctx context.Context) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", web.Listener.Addr().String())
		}
	})
	at, stop := h.stream(loopback, true)
	defer stop()
	transport := web.Client().Transport.(*http.Transport)
	defer transport.CloseIdleConnections()
	body := strings.Repeat("over there ", 10000)
	for _, http2 := range []bool{true, false} {
		transport.ForceAttemptHTTP2 = http2
		transport.TLSClientConfig.NextProtos = []string{"http/1.1"}
		if http2 {
			transport.TLSClientConfig.NextProtos = []string{"h2", "http/1.1"}
		}
		transport.CloseIdleConnections()
		answer, err := web.Client().Post("https://"+at.String(), "text/plain", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil || string(got) != body {
			t.Errorf("HTTP/2 %v: %d of %d bytes came back, %v", http2, len(got), len(body), err)
		}
	}
	for _, offered := range [][]string{nil, {"stun.turn"}, {"h2", "stun.turn"}} {
		conn := tls.Client(h.dial(at), client(offered...))
		if err := conn.Handshake(); err != nil {
			t.Fatalf("%q: %v", offered, err)
		}
		line(t, conn)
		echoes(t, conn, "not HTTP")
	}
	transport.CloseIdleConnections()
	if s := h.Stats(); s.PassedOn != 2 || s.CompletedBy[TLS] != 3 || s.FailedBy[TLS] != 0 {
		t.Errorf("%d passed on, %d completed", s.PassedOn, s.CompletedBy[TLS])
	}
}

// What is passed on is what the client sent, to the byte, also in single bytes.
func TestFallbackPassesEveryByte(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		network := netio.NewMemory()
		web, err := network.ListenTCP(netip.MustParseAddrPort("127.0.0.1:8444"))
		if err != nil {
			t.Fatal(err)
		}
		arrived := make(chan []byte, 1)
		go func() {
			conn, err := web.Accept()
			if err != nil {
				return
			}
			all, _ := io.ReadAll(conn) // until the client has said all
			arrived <- all
			conn.Write([]byte("bye"))
			conn.Close()
		}()
		h := newHub(t, network, func(c *Config) {
			c.Fallback = func(ctx context.Context) (net.Conn, error) {
				return network.DialTCP(ctx, netip.MustParseAddrPort("127.0.0.1:0"), addrPort(web.Addr()))
			}
		})
		at, stop := h.stream(netip.MustParseAddrPort("127.0.0.1:443"), true)
		defer stop()
		sent := append(helloBytes(t, "h2"), "and what follows"...)
		conn := h.dial(at)
		for i := range sent {
			if _, err := conn.Write(sent[i : i+1]); err != nil {
				t.Fatal(err)
			}
		}
		conn.(interface{ CloseWrite() error }).CloseWrite()
		if got := <-arrived; !slices.Equal(got, sent) {
			t.Errorf("%d bytes arrived, %d were sent", len(got), len(sent))
		}
		if got, err := io.ReadAll(conn); string(got) != "bye" || err != nil {
			t.Errorf("back came %q, %v", got, err)
		}
		web.Close()
		again := h.dial(at)
		again.Write(sent)
		if got, err := io.ReadAll(again); len(got) != 0 || err != nil {
			t.Errorf("without the HTTPS server: %q, %v, want the end", got, err)
		}
		synctest.Wait()
		if n := h.Stats().DroppedBy[DropFallbackUnreachable]; n != 1 {
			t.Errorf("%d unreachable, want 1", n)
		}
	})
}

// helloBytes is a ClientHello as crypto/tls makes it.
func helloBytes(t testing.TB, alpn ...string) []byte {
	t.Helper()
	near, far := net.Pipe()
	go func() {
		tls.Client(near, client(alpn...)).Handshake() // ends when the pipe is closed
	}()
	b := make([]byte, 4096)
	n, err := far.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	far.Close()
	return b[:n]
}

// Whoever is slow, silent or endless is cut off, and the reason counted.
func TestTLSBounds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHub(t, netio.NewMemory(), nil)
		at, stop := h.stream(netip.MustParseAddrPort("127.0.0.1:443"), true)
		defer stop()
		begun := time.Now()
		silent, slow, endless := h.dial(at), h.dial(at), h.dial(at)
		slow.Write(helloBytes(t)[:100])
		// A handshake message of 60,000 bytes, in records of 1,000.
		record := make([]byte, 1005)
		copy(record, []byte{22, 3, 1, 1000 >> 8, 1000 & 255})
		copy(record[5:], []byte{clientHello, 0, 60000 >> 8, 60000 & 255})
		for sent := 0; ; sent += len(record) {
			if _, err := endless.Write(record); err != nil {
				break
			}
			if sent > 100<<10 {
				t.Fatal("100 KiB of a ClientHello are taken")
			}
			synctest.Wait()
		}
		for name, conn := range map[string]net.Conn{"silent": silent, "slow": slow} {
			if _, err := io.ReadAll(conn); err != nil && !strings.Contains(err.Error(), "reset") {
				t.Errorf("%s: %v", name, err)
			}
		}
		if took := time.Since(begun); took != handshakeTime {
			t.Errorf("cut off after %v, want %v", took, handshakeTime)
		}
		synctest.Wait()
		s := h.Stats()
		if s.DroppedBy[DropHandshakeTimeout] != 2 || s.DroppedBy[DropClientHelloTooLong] != 1 || s.HalfOpen != 0 {
			t.Errorf("timeouts %d, too long %d, under way %d", s.DroppedBy[DropHandshakeTimeout], s.DroppedBy[DropClientHelloTooLong], s.HalfOpen)
		}
	})
}

// Close ends handshakes at once, and nothing is left of them.
func TestTLSClose(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHub(t, netio.NewMemory(), nil)
		at, stop := h.stream(netip.MustParseAddrPort("127.0.0.1:443"), true)
		conn := h.dial(at)
		synctest.Wait()
		begun := time.Now()
		stop()
		if took := time.Since(begun); took != 0 {
			t.Errorf("took %v", took)
		}
		if _, err := conn.Read(make([]byte, 1)); err == nil {
			t.Error("the connection is open")
		}
	})
}

// Each message is a record of its own, and all leave in one write.
func TestTLSRecords(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var counted *counting
		conn, accepted := tlsEnds(t, func(c net.Conn) net.Conn {
			counted = &counting{Conn: c}
			return counted
		})
		defer accepted.Close()
		writer := accepted.(interface {
			WriteMessages(b []byte, ends []int, space []byte) ([]byte, error)
		})
		sizes := []int{4, 1, 172, 1200, 9000, 0, 3}
		var all []byte
		var ends []int
		for i, n := range sizes {
			all = append(all, bytes.Repeat([]byte{byte(i)}, n)...)
			ends = append(ends, len(all))
		}
		space, err := writer.WriteMessages(all, ends, nil)
		if err != nil || cap(space) < len(all) {
			t.Fatalf("%d bytes of memory to go on with, %v", cap(space), err)
		}
		reads := counted.reads
		b := make([]byte, 1<<14)
		for i, n := range sizes {
			if n == 0 {
				continue
			}
			got, err := conn.Read(b)
			if err != nil || got != n || b[0] != byte(i) {
				t.Errorf("message %d: %d bytes of %d, %v, want %d", i, got, b[0], err, n)
			}
		}
		if counted.largest < len(all) {
			t.Errorf("the largest read of %d got %d bytes, want all", counted.reads-reads, counted.largest)
		}
		if _, err := accepted.Write([]byte("and without ends")); err != nil {
			t.Fatal(err)
		}
		if n, err := conn.Read(b); string(b[:n]) != "and without ends" {
			t.Errorf("%q, %v", b[:n], err)
		}
		conn.Close()
		synctest.Wait()
		if again, err := writer.WriteMessages(all, ends, space); err == nil || &again[:1][0] != &space[:1][0] {
			t.Error("writing to nobody is no error, or the memory is not what was lent")
		}
	})
}

// A counting connection knows how much a read of it could give at once.
type counting struct {
	net.Conn
	reads, largest int
	rest           []byte
}

func (c *counting) Read(b []byte) (int, error) {
	whole := make([]byte, 1<<16)
	if len(b) < len(whole) && len(c.rest) == 0 {
		n, err := c.Conn.Read(whole)
		c.reads++
		c.largest = max(c.largest, n)
		if err != nil {
			return 0, err
		}
		c.rest = whole[:n]
	}
	n := copy(b, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}
