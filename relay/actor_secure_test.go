package relay

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/pion/dtls/v3"

	"turnout/allocation"
	"turnout/internal/netio"
	"turnout/internal/secure"
)

// secureTransports has a certificate made for the test, good in virtual time too.
func secureTransports(t testing.TB) *secure.Transports {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"turn.test"}, NotAfter: time.Unix(4_000_000_000, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	files := secure.KeyPair{Name: "tls.cert", Cert: filepath.Join(dir, "cert"), Key: filepath.Join(dir, "key")}
	for name, b := range map[string]*pem.Block{files.Cert: {Type: "CERTIFICATE", Bytes: der}, files.Key: {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(b), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	certificates, err := secure.LoadCertificates([]secure.KeyPair{files}, quiet)
	if err != nil {
		t.Fatal(err)
	}
	return secure.New(secure.Config{Certificates: certificates, Logger: quiet})
}

// listenWith opens the listeners of every transport but UDP.
func listenWith(tr *secure.Transports) func(netio.Network, Listener) (net.Listener, error) {
	return func(n netio.Network, l Listener) (net.Listener, error) {
		if l.Transport == allocation.DTLS {
			return tr.ListenDTLS(n, l.Addr)
		}
		raw, err := n.ListenTCP(l.Addr)
		if err != nil || l.Transport == allocation.TCP {
			return raw, err
		}
		return tr.ListenTLS(raw)
	}
}

// listenSecurely adds TLS and DTLS to what a script's server listens on.
func (s *script) listenSecurely(c *Config) {
	c.ListenStream = listenWith(secureTransports(s.t))
	for _, t := range []allocation.Transport{allocation.TLS, allocation.DTLS} {
		c.Listeners = append(c.Listeners, Listener{t, netip.MustParseAddrPort(serverIPv4 + ":5349")})
	}
}

// dialSecurely makes a client's handshake.
func (a *actor) dialSecurely() (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if !a.records() {
		conn, err := a.script.network.DialTCP(ctx, a.addr, a.server())
		if err != nil {
			return nil, err
		}
		return dialTLS(ctx, conn)
	}
	socket, err := a.script.network.ListenPacket(a.addr)
	if err != nil {
		return nil, err
	}
	return dialDTLS(ctx, socket, a.server())
}

func dialTLS(ctx context.Context, conn net.Conn) (net.Conn, error) {
	secured := tls.Client(conn, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"stun.turn"}})
	return secured, secured.HandshakeContext(ctx)
}

func dialDTLS(ctx context.Context, socket net.PacketConn, to netip.AddrPort) (net.Conn, error) {
	secured, err := dtls.ClientWithOptions(socket, net.UDPAddrFromAddrPort(to),
		dtls.WithInsecureSkipVerify(true), dtls.WithSupportedProtocols("stun.turn"))
	if err != nil {
		return nil, err
	}
	return secured, secured.HandshakeContext(ctx)
}

// readRecords reads messages, each of which is a record.
func (a *actor) readRecords() {
	for {
		b := make([]byte, maxRecord)
		n, err := a.stream.Read(b)
		if err != nil {
			break
		}
		a.arrived(arrival{bytes: b[:n], from: a.server()})
	}
	a.mu.Lock()
	a.closed = true
	a.mu.Unlock()
}
