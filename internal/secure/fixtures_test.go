package secure

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/dtls/v3"

	"turnout/internal/netio"
)

// A certificate is one in PEM, with its key.
type certificate struct{ cert, key []byte }

// makeCertificate signs itself. It is valid in real and in virtual time.
func makeCertificate(t testing.TB, useRSA bool, names ...string) certificate {
	t.Helper()
	var key crypto.Signer
	var err error
	if useRSA {
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	} else {
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: names[0]}, DNSNames: names,
		NotBefore: time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return certificate{
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}),
	}
}

// write puts a certificate into files of a folder.
func (c certificate) write(t testing.TB, dir, name string) KeyPair {
	t.Helper()
	k := KeyPair{Name: "tls." + name, Cert: filepath.Join(dir, name+".pem"), Key: filepath.Join(dir, name+".key")}
	for path, text := range map[string][]byte{k.Cert: c.cert, k.Key: c.key} {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return k
}

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

// certificates are loaded from files made for the test.
func certificates(t testing.TB, made ...certificate) *Certificates {
	t.Helper()
	if len(made) == 0 {
		made = []certificate{makeCertificate(t, false, "turn.test")}
	}
	dir := t.TempDir()
	var files []KeyPair
	for i, m := range made {
		files = append(files, m.write(t, dir, string(rune('a'+i))))
	}
	c, err := LoadCertificates(files, quiet())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// A hub is a network with Transports of its own.
type hub struct {
	t       testing.TB
	network netio.Network
	*Transports
}

func newHub(t testing.TB, network netio.Network, change func(*Config)) *hub {
	t.Helper()
	c := Config{Certificates: certificates(t), Logger: quiet()}
	if change != nil {
		change(&c)
	}
	return &hub{t, network, New(c)}
}

var loopback = netip.MustParseAddrPort("127.0.0.1:0")

// stream opens a TLS listener (or one of TCP behind proxies) whose connections are echoed.
func (h *hub) stream(addr netip.AddrPort, secured bool) (at netip.AddrPort, stop func()) {
	h.t.Helper()
	raw, err := h.network.ListenTCP(addr)
	if err != nil {
		h.t.Fatal(err)
	}
	if !secured {
		l := h.ListenTCP(raw)
		return addrPort(l.Addr()), h.echo(l)
	}
	l, err := h.ListenTLS(raw)
	if err != nil {
		h.t.Fatal(err)
	}
	return addrPort(l.Addr()), h.echo(l)
}

// datagrams opens a DTLS listener whose connections are echoed.
func (h *hub) datagrams(addr netip.AddrPort) (at netip.AddrPort, stop func()) {
	h.t.Helper()
	l, err := h.ListenDTLS(h.network, addr)
	if err != nil {
		h.t.Fatal(err)
	}
	return addrPort(l.Addr()), h.echo(l)
}

// echo returns what connections send, after their addresses as a first message.
// Stop closes listener and connections and waits for everything.
func (h *hub) echo(l net.Listener) (stop func()) {
	var running sync.WaitGroup
	var mu sync.Mutex
	conns, stopped := map[net.Conn]bool{}, false
	running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns[conn] = true
			if stopped { // handed over at the last moment
				conn.Close()
			}
			mu.Unlock()
			running.Go(func() {
				defer conn.Close()
				hello := addrPort(conn.RemoteAddr()).String() + " " + addrPort(conn.LocalAddr()).String() + "\n"
				if _, err := conn.Write([]byte(hello)); err != nil {
					return
				}
				b := make([]byte, 1<<14)
				for {
					n, err := conn.Read(b)
					if err != nil {
						return
					}
					if _, err := conn.Write(b[:n]); err != nil {
						return
					}
				}
			})
		}
	})
	return sync.OnceFunc(func() {
		mu.Lock()
		stopped = true
		for c := range conns {
			c.Close()
		}
		mu.Unlock()
		l.Close()
		running.Wait()
	})
}

// dial connects by TCP.
func (h *hub) dial(to netip.AddrPort) net.Conn {
	h.t.Helper()
	conn, err := h.network.DialTCP(context.Background(), netip.AddrPortFrom(loopback.Addr(), 0), to)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { conn.Close() })
	return conn
}

// client is a TLS client's configuration that accepts everything.
func client(alpn ...string) *tls.Config {
	return &tls.Config{InsecureSkipVerify: true, NextProtos: alpn, ServerName: "turn.test"}
}

// line reads the first message of the echo server.
func line(t testing.TB, r io.Reader) string {
	t.Helper()
	var text []byte
	for b := make([]byte, 1); ; {
		if _, err := io.ReadFull(r, b); err != nil {
			t.Fatalf("after %q: %v", text, err)
		}
		if text = append(text, b[0]); b[0] == '\n' {
			return string(bytes.TrimSpace(text))
		}
	}
}

// echoes sends and wants the same back.
func echoes(t testing.TB, conn io.ReadWriter, sent string) {
	t.Helper()
	if _, err := conn.Write([]byte(sent)); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(sent))
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != sent {
		t.Fatalf("sent %q, got %q, %v", sent, got, err)
	}
}

// dialDTLS makes a handshake over a UDP socket on the system's network.
func dialDTLS(t testing.TB, to netip.AddrPort, options ...dtls.ClientOption) (*dtls.Conn, error) {
	t.Helper()
	socket, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(loopback))
	if err != nil {
		t.Fatal(err)
	}
	return handshakeDTLS(t, socket, to, options...)
}

func handshakeDTLS(t testing.TB, socket net.PacketConn, to netip.AddrPort, options ...dtls.ClientOption) (*dtls.Conn, error) {
	t.Helper()
	options = append([]dtls.ClientOption{dtls.WithInsecureSkipVerify(true), dtls.WithServerName("turn.test")}, options...)
	conn, err := dtls.ClientWithOptions(socket, net.UDPAddrFromAddrPort(to), options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(); socket.Close() })
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	return conn, conn.HandshakeContext(ctx)
}

// message reads one record.
func message(t testing.TB, conn net.Conn) string {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 1<<14)
	n, err := conn.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return string(b[:n])
}

// tlsClient speaks TLS on conn and accepts everything.
func tlsClient(conn net.Conn) *tls.Conn { return tls.Client(conn, client()) }

// waitVirtually lets handshakes under way run out, under virtual time.
func waitVirtually() { time.Sleep(2 * handshakeTime); synctest.Wait() }
