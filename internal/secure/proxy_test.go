package secure

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"turnout/internal/netio"
)

// block is a version 2 header.
func block(command, family byte, body ...byte) []byte {
	b := append([]byte(proxySignature), command, family, byte(len(body)>>8), byte(len(body)))
	return append(b, body...)
}

var (
	fourToFour = []byte{192, 0, 2, 7, 198, 51, 100, 1, 0xdc, 4, 0x0d, 0x96} // 192.0.2.7:56324 to 198.51.100.1:3478
	sixToSix   = append(append(netip.MustParseAddr("2001:db8::7").AsSlice(), netip.MustParseAddr("2001:db8::1").AsSlice()...), 0xdc, 4, 0x0d, 0x96)
)

func TestProxyHeader(t *testing.T) {
	t.Parallel()
	const line4, line6 = "PROXY TCP4 192.0.2.7 198.51.100.1 56324 3478\r\n", "PROXY TCP6 2001:db8::7 2001:db8::1 56324 3478\r\n"
	const none = "invalid AddrPort invalid AddrPort"
	for name, c := range map[string]struct{ header, want string }{
		"version 1, IPv4":         {line4, "192.0.2.7:56324 198.51.100.1:3478"},
		"version 1, IPv6":         {line6, "[2001:db8::7]:56324 [2001:db8::1]:3478"},
		"version 1, mapped":       {"PROXY TCP6 ::ffff:192.0.2.7 ::ffff:198.51.100.1 1 65535\r\n", "192.0.2.7:1 198.51.100.1:65535"},
		"version 1, unknown":      {"PROXY UNKNOWN\r\n", none},
		"version 1, unknown, all": {"PROXY UNKNOWN ffff:f::1 2 3 4 5\r\n", none},
		"version 2, IPv4":         {string(block(0x21, 0x11, fourToFour...)), "192.0.2.7:56324 198.51.100.1:3478"},
		"version 2, IPv6":         {string(block(0x21, 0x21, sixToSix...)), "[2001:db8::7]:56324 [2001:db8::1]:3478"},
		"version 2, with TLVs":    {string(block(0x21, 0x11, append(bytes.Clone(fourToFour), 4, 0, 3, 1, 2, 3, 0xee, 0, 0)...)), "192.0.2.7:56324 198.51.100.1:3478"},
		"version 2, long TLV":     {string(block(0x21, 0x11, append(bytes.Clone(fourToFour), make([]byte, 4000)...)...)), "192.0.2.7:56324 198.51.100.1:3478"},
		"version 2, LOCAL":        {string(block(0x20, 0x11, fourToFour...)), none},
		"version 2, LOCAL, empty": {string(block(0x20, 0x00)), none},
		"version 2, unspecified":  {string(block(0x21, 0x00, 1, 2, 3)), none},
		"version 2, UNIX":         {string(block(0x21, 0x31, make([]byte, 216)...)), none},
		"version 2, datagrams":    {string(block(0x21, 0x12, fourToFour...)), none},

		"nothing like it":             {"GET / HTTP/1.1\r\n\r\n", ""},
		"STUN":                        {"\x00\x01\x00\x00\x21\x12\xa4\x42aaaaaaaaaaaa", ""},
		"TLS":                         {"\x16\x03\x01\x00\xf4\x01\x00\x00\xf0\x03\x03aaaaaaaa", ""},
		"version 1, other":            {"PROXY UDP4 192.0.2.7 198.51.100.1 56324 3478\r\n", ""},
		"version 1, lower case":       {"proxy TCP4 192.0.2.7 198.51.100.1 56324 3478\r\n", ""},
		"version 1, family":           {"PROXY TCP4 2001:db8::7 2001:db8::1 56324 3478\r\n", ""},
		"version 1, other family":     {"PROXY TCP6 192.0.2.7 198.51.100.1 56324 3478\r\n", ""},
		"version 1, port":             {"PROXY TCP4 192.0.2.7 198.51.100.1 56324 65536\r\n", ""},
		"version 1, sign":             {"PROXY TCP4 192.0.2.7 198.51.100.1 +56324 3478\r\n", ""},
		"version 1, zone":             {"PROXY TCP6 fe80::1%eth0 2001:db8::1 56324 3478\r\n", ""},
		"version 1, two spaces":       {"PROXY TCP4  192.0.2.7 198.51.100.1 56324 3478\r\n", ""},
		"version 1, missing":          {"PROXY TCP4 192.0.2.7 198.51.100.1 56324\r\n", ""},
		"version 1, more":             {"PROXY TCP4 192.0.2.7 198.51.100.1 56324 3478 1\r\n", ""},
		"version 1, endless":          {"PROXY UNKNOWN " + strings.Repeat("x", 200), ""},
		"version 1, bare newline":     {"PROXY UNKNOWN\n" + strings.Repeat("x", 200), ""},
		"version 2, version 3":        {string(block(0x31, 0x11, fourToFour...)), ""},
		"version 2, command 2":        {string(block(0x22, 0x11, fourToFour...)), ""},
		"version 2, short":            {string(block(0x21, 0x11, fourToFour[:11]...)), ""},
		"version 2, IPv6 short":       {string(block(0x21, 0x21, sixToSix[:35]...)), ""},
		"version 2, giant":            {string(block(0x21, 0x11, make([]byte, 65535)...)), ""},
		"version 2, broken signature": {"\r\n\r\n\x00\r\nQUIT\r" + "aaaaaaaaaaaaa", ""},
	} {
		for _, reader := range []func(io.Reader) io.Reader{func(r io.Reader) io.Reader { return r }, iotest.OneByteReader} {
			rest := "and what follows"
			r := strings.NewReader(c.header + rest)
			h, err := readProxyHeader(reader(r))
			if c.want == "" {
				if !errors.Is(err, errProxyHeader) {
					t.Errorf("%s: %v, %v, want errProxyHeader", name, h, err)
				}
				continue
			}
			if got := h.client.String() + " " + h.server.String(); err != nil || got != c.want {
				t.Errorf("%s: %s, %v, want %s", name, got, err, c.want)
			}
			if r.Len() != len(rest) {
				t.Errorf("%s: %d bytes are left, want %d", name, r.Len(), len(rest))
			}
		}
		for cut := range len(c.header) {
			if _, err := readProxyHeader(strings.NewReader(c.header[:cut])); err == nil {
				t.Errorf("%s: cut off after %d bytes it is read", name, cut)
			}
		}
	}
}

// Only listed proxies say whose a connection is; from others the bytes are the
// client's own. Behind TLS it is the same.
func TestProxyConnections(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		network := netio.NewMemory()
		h := newHub(t, network, func(c *Config) { c.Proxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/24")} })
		plainAt, stopPlain := h.stream(netip.MustParseAddrPort("93.184.216.5:3478"), false)
		defer stopPlain()
		tlsAt, stopTLS := h.stream(netip.MustParseAddrPort("93.184.216.5:5349"), true)
		defer stopTLS()
		dial := func(from string, to netip.AddrPort) net.Conn {
			conn, err := network.DialTCP(t.Context(), netip.MustParseAddrPort(from), to)
			if err != nil {
				t.Fatal(err)
			}
			return conn
		}
		header := string(block(0x21, 0x11, fourToFour...))
		for _, c := range []struct{ from, sent, want string }{
			{"10.0.0.1:1", header, "192.0.2.7:56324 198.51.100.1:3478"},
			{"10.0.0.1:2", "PROXY TCP4 192.0.2.7 198.51.100.1 1 2\r\n", "192.0.2.7:1 198.51.100.1:2"},
			{"10.0.0.1:3", string(block(0x20, 0)), "10.0.0.1:3 93.184.216.5:3478"},
			{"10.0.1.1:4", "", "10.0.1.1:4 93.184.216.5:3478"},
		} {
			conn := dial(c.from, plainAt)
			conn.Write([]byte(c.sent))
			if got := line(t, conn); got != c.want {
				t.Errorf("from %s: the server sees %s, want %s", c.from, got, c.want)
			}
			echoes(t, conn, "hello")
		}
		foreign := dial("10.0.1.1:5", plainAt)
		line(t, foreign)
		echoes(t, foreign, header) // not a header: the client's bytes

		raw := dial("10.0.0.1:6", tlsAt)
		raw.Write([]byte(header))
		conn := tls.Client(raw, client())
		if got := line(t, conn); got != "192.0.2.7:56324 198.51.100.1:3478" {
			t.Errorf("behind TLS the server sees %s", got)
		}
		echoes(t, conn, "hello")

		for i, sent := range []string{"\x00\x01\x00\x00\x21\x12\xa4\x42aaaaaaaaaaaa", "PROXY TCP4 nobody\r\n"} {
			conn := dial("10.0.0.1:"+string(rune('7'+i)), plainAt)
			conn.Write([]byte(sent))
			if got, _ := io.ReadAll(conn); len(got) != 0 {
				t.Errorf("%q is answered by %q", sent, got)
			}
		}
		slow := dial("10.0.0.1:9", plainAt)
		slow.Write([]byte("PROXY TCP4 "))
		begun := time.Now()
		io.ReadAll(slow)
		if took := time.Since(begun); took != handshakeTime {
			t.Errorf("half a header is borne for %v, want %v", took, handshakeTime)
		}
		synctest.Wait()
		if s := h.Stats(); s.DroppedBy[DropProxyHeader] != 2 || s.DroppedBy[DropHandshakeTimeout] != 1 || s.HalfOpen != 0 {
			t.Errorf("%d headers refused, %d timeouts, %d under way", s.DroppedBy[DropProxyHeader], s.DroppedBy[DropHandshakeTimeout], s.HalfOpen)
		}
	})
}

// A proxy has many connections at once; each client of it has few.
func TestProxyClientsCountForThemselves(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		network := netio.NewMemory()
		h := newHub(t, network, func(c *Config) { c.Proxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
		at, stop := h.stream(netip.MustParseAddrPort("93.184.216.5:5349"), true)
		defer stop()
		for range 100 {
			h.dial(at)
		}
		synctest.Wait()
		if s := h.Stats(); s.HalfOpen != 100 || s.DroppedBy[DropHandshakeDisplaced] != 0 {
			t.Errorf("%d under way, %d displaced", s.HalfOpen, s.DroppedBy[DropHandshakeDisplaced])
		}
		for range 20 { // all of one client
			h.dial(at).Write(block(0x21, 0x11, fourToFour...))
		}
		synctest.Wait()
		if s := h.Stats(); s.HalfOpen != 100+perSource || s.DroppedBy[DropHandshakeDisplaced] != 20-perSource {
			t.Errorf("%d under way, %d displaced", s.HalfOpen, s.DroppedBy[DropHandshakeDisplaced])
		}
	})
}

func FuzzProxyHeader(f *testing.F) {
	f.Add([]byte("PROXY TCP4 192.0.2.7 198.51.100.1 56324 3478\r\n"))
	f.Add([]byte("PROXY UNKNOWN\r\n"))
	f.Add(block(0x21, 0x11, fourToFour...))
	f.Add(block(0x21, 0x21, sixToSix...))
	f.Add(block(0x20, 0))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := bytes.NewReader(b)
		h, err := readProxyHeader(r)
		if used := len(b) - r.Len(); used > len(proxySignature)+proxyBlockHeader+proxyBlockMax {
			t.Errorf("%d bytes are read", used)
		}
		if err == nil && h.client.IsValid() != h.server.IsValid() || h.client.Addr().Is4In6() {
			t.Errorf("%v", h)
		}
	})
}
