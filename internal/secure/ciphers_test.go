package secure

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"testing"

	"github.com/pion/dtls/v3"

	"turnout/internal/netio"
)

// The cipher suites of RFC 8489 §6.2.3 and RFC 7350 §3, as BCP 195 leaves them: the one
// with ECDHE for every client, forward secrecy first, and none that is weak.
func TestCiphers(t *testing.T) {
	t.Parallel()
	h := newHub(t, netio.System(), func(c *Config) {
		c.Certificates = certificates(t, makeCertificate(t, true, "turn.test"))
	})
	at, stop := h.stream(loopback, true)
	defer stop()
	negotiate := func(suites ...uint16) (uint16, error) {
		conn := tls.Client(h.dial(at), &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12, CipherSuites: suites})
		err := conn.Handshake()
		return conn.ConnectionState().CipherSuite, err
	}
	const wanted = tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
	if got, err := negotiate(wanted); got != wanted || err != nil {
		t.Errorf("negotiated %s, %v", tls.CipherSuiteName(got), err)
	}
	if got, err := negotiate(tls.TLS_RSA_WITH_AES_256_GCM_SHA384, wanted); got != wanted || err != nil {
		t.Errorf("negotiated %s, %v: want forward secrecy first", tls.CipherSuiteName(got), err)
	}
	weak := []uint16{tls.TLS_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_RSA_WITH_AES_256_GCM_SHA384} // no forward secrecy
	for _, suite := range tls.InsecureCipherSuites() {
		weak = append(weak, suite.ID)
	}
	for _, suite := range weak {
		if got, err := negotiate(suite); err == nil {
			t.Errorf("%s is served", tls.CipherSuiteName(got))
		}
	}
	newest := tls.Client(h.dial(at), client())
	if err := newest.Handshake(); err != nil || newest.ConnectionState().Version != tls.VersionTLS13 {
		t.Errorf("version %x, %v", newest.ConnectionState().Version, err)
	}
}

func TestDTLSCiphers(t *testing.T) {
	t.Parallel()
	h := newHub(t, netio.System(), func(c *Config) {
		c.Certificates = certificates(t, makeCertificate(t, true, "turn.test"))
	})
	at, stop := h.datagrams(loopback)
	defer stop()
	negotiate := func(suites ...dtls.CipherSuiteID) error {
		_, err := dialDTLS(t, at, dtls.WithCipherSuites(suites...))
		return err
	}
	if err := negotiate(dtls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256); err != nil {
		t.Error(err)
	}
	if err := negotiate(dtls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA); err == nil {
		t.Error("a cipher suite with CBC is served")
	}
}

// A client that offers compression gets none. RFC 8489 §6.2.3.
func TestNoCompression(t *testing.T) {
	t.Parallel()
	h := newHub(t, netio.System(), nil)
	at, stop := h.stream(loopback, true)
	defer stop()
	compressing := &compressing{Conn: h.dial(at)}
	config := client()
	config.MaxVersion = tls.VersionTLS12
	if err := tls.Client(compressing, config).Handshake(); err == nil {
		t.Fatal("the hello was not changed: the handshake succeeds")
	}
	hello := compressing.answer.Bytes()
	const toSession = 5 + 4 + 2 + 32 // record and handshake headers, version, random
	if len(hello) <= toSession || hello[5] != 2 {
		t.Fatalf("no ServerHello: %x", hello)
	}
	method := hello[toSession+1+int(hello[toSession])+2] // behind session id and cipher suite
	if method != 0 {
		t.Errorf("compression %d", method)
	}
}

// compressing offers DEFLATE before no compression in its ClientHello, and keeps the answer.
type compressing struct {
	net.Conn
	changed bool
	answer  bytes.Buffer
}

func (c *compressing) Write(b []byte) (int, error) {
	if c.changed {
		return c.Conn.Write(b)
	}
	c.changed = true
	const toSession = 5 + 4 + 2 + 32
	suites := toSession + 1 + int(b[toSession])
	methods := suites + 2 + int(binary.BigEndian.Uint16(b[suites:]))
	hello := append([]byte{}, b[:methods]...)
	hello = append(hello, 2, 1, 0)
	hello = append(hello, b[methods+2:]...)
	binary.BigEndian.PutUint16(hello[3:], uint16(len(hello)-5))
	binary.BigEndian.PutUint16(hello[7:], uint16(len(hello)-9)) // the low bytes of 24 bits
	_, err := c.Conn.Write(hello)
	return len(b), err
}

func (c *compressing) Read(b []byte) (int, error) {
	n, err := io.TeeReader(c.Conn, &c.answer).Read(b)
	return n, err
}
