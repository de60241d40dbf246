package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"turnout/allocation"
	"turnout/internal/netio"
	"turnout/relay"
)

// certify writes a certificate and its key into a folder, and gives its paths.
func certify(t *testing.T, dir string, names ...string) (cert, key string) {
	t.Helper()
	return certifyFor(t, dir, time.Time{}, time.Unix(4_000_000_000, 0), names...)
}

// certifyFor is certify with the two ends of a certificate's life.
func certifyFor(t *testing.T, dir string, from, until time.Time, names ...string) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: names, NotBefore: from, NotAfter: until}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, names[0]+".pem"), filepath.Join(dir, names[0]+".key")
	for name, b := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: encoded}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(b), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

// secured is a configuration with every transport, and a second certificate.
func secured(t *testing.T, more string) string {
	t.Helper()
	dir := t.TempDir()
	cert, key := certify(t, dir, "*.wild.test", "turn.test")
	other, otherKey := certify(t, dir, "other.test")
	return file(t, fmt.Sprintf(`listen: [udp://192.0.2.1:3478, tcp://192.0.2.1:3478, tls://192.0.2.1:5349, dtls://192.0.2.1:5349]
tls: {cert: %s, key: %s, certificates: [{cert: %s, key: %s}], fallback: 127.0.0.1:8443}
proxy-protocol: {from: [10.0.0.0/8]}
auth: {secrets: [a-secret-of-some-length]}
relay: {addresses: 192.0.2.1}
`, cert, key, other, otherKey)+more)
}

// URLs of TLS and DTLS carry a name that the certificate is good for.
func TestCredentialsOverTLS(t *testing.T) {
	t.Parallel()
	c := newConsole(t)
	if code := c.run(context.Background(), []string{"credentials", "--config", secured(t, ""), "--user", "alice", "--format", "env"}); code != exitOK {
		t.Fatalf("exit %d: %s", code, &c.err)
	}
	want := "TURN_URLS=stun:192.0.2.1:3478,turn:192.0.2.1:3478?transport=udp,turn:192.0.2.1:3478?transport=tcp,turns:turn.test:5349?transport=tcp,turns:turn.test:5349?transport=udp\n"
	if !strings.HasPrefix(c.out.String(), want) {
		t.Errorf("got\n%s\nwant\n%s", &c.out, want)
	}
	both := []relay.Listener{{Transport: allocation.TLS, Addr: netip.MustParseAddrPort("192.0.2.1:443")}, {Transport: allocation.TLS, Addr: netip.MustParseAddrPort("[2001:db8::1]:443")}}
	if stun, turn := serverURLs(both, nil, "turn.test"); len(stun) != 0 || !slices.Equal(turn, []string{"turns:turn.test:443?transport=tcp"}) {
		t.Errorf("one name of two addresses: %v %v", stun, turn)
	}
	if _, turn := serverURLs(both, nil, ""); !slices.Equal(turn, []string{"turns:192.0.2.1:443?transport=tcp", "turns:[2001:db8::1]:443?transport=tcp"}) {
		t.Errorf("without a name: %v", turn)
	}
}

// What the configuration says of TLS, DTLS and proxies is what listeners do.
func TestTransports(t *testing.T) {
	t.Parallel()
	c := newConsole(t)
	stop := c.serving(t, "--config", secured(t, "admin: {listen: 127.0.0.1:0}\n"))
	defer stop()
	for _, want := range []string{"listening  tls://192.0.2.1:5349\n", "listening  dtls://192.0.2.1:5349\n"} {
		if !strings.Contains(c.out.String(), want) {
			t.Errorf("stdout lacks %q:\n%s", want, &c.out)
		}
	}
	network := netio.NewMemory()
	opened := map[allocation.Transport]net.Listener{}
	for _, l := range c.relay.config.Listeners {
		if l.Transport == allocation.UDP {
			continue
		}
		opener, err := c.relay.config.ListenStream(network, l)
		if err != nil {
			t.Fatal(err)
		}
		defer opener.Close()
		opened[l.Transport] = opener
		go func() {
			for {
				conn, err := opener.Accept()
				if err != nil {
					return
				}
				fmt.Fprintln(conn, conn.RemoteAddr())
				conn.Close()
			}
		}()
	}
	dial := func(from string, to allocation.Transport) net.Conn {
		conn, err := network.DialTCP(t.Context(), netip.MustParseAddrPort(from), opened[to].Addr().(*net.TCPAddr).AddrPort())
		if err != nil {
			t.Fatal(err)
		}
		return conn
	}
	header := "PROXY TCP4 198.51.100.7 192.0.2.1 4000 3478\r\n"
	proxied := dial("10.0.0.1:1", allocation.TCP)
	io.WriteString(proxied, header)
	if got, _ := io.ReadAll(proxied); string(got) != "198.51.100.7:4000\n" {
		t.Errorf("TCP behind a proxy: %q", got)
	}
	for server, want := range map[string]string{"turn.test": "turn.test", "other.test": "other.test", "nobody.test": "turn.test"} {
		client := fmt.Sprintf("198.51.100.8:%d", 1000+len(server))
		conn := tls.Client(dial(client, allocation.TLS), &tls.Config{InsecureSkipVerify: true, ServerName: server})
		if got, err := io.ReadAll(conn); string(got) != client+"\n" {
			t.Errorf("TLS: %q, %v", got, err)
		}
		if err := conn.ConnectionState().PeerCertificates[0].VerifyHostname(want); err != nil {
			t.Errorf("asked for %s: %v", server, err)
		}
	}
	if _, ok := opened[allocation.DTLS].Addr().(*net.UDPAddr); !ok {
		t.Errorf("DTLS listens at %v", opened[allocation.DTLS].Addr())
	}
	if _, err := c.relay.config.ListenStream(network, relay.Listener{Transport: allocation.TLS, Addr: netip.MustParseAddrPort("192.0.2.1:5349")}); err == nil {
		t.Error("a second listener at the same address is opened")
	}
	answer, err := http.Get("http://" + c.relay.config.OwnPorts[0].String() + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	page, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"tls.cert", "tls.certificates[0]"} {
		if want := `turnout_certificate_expiry_timestamp_seconds{key="` + key + `"} 4e+09` + "\n"; !bytes.Contains(page, []byte(want)) {
			t.Errorf("metrics lack %s:\n%s", want, page)
		}
	}
}
