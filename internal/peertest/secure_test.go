package peertest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"turnout/internal/ports"
)

// securely adds TLS and DTLS to the configuration, and an HTTPS server on the same port.
const securely = `  - tls://127.0.0.1:%[1]d
  - tls://[::1]:%[1]d
  - dtls://127.0.0.1:%[1]d
  - dtls://[::1]:%[1]d
tls: {cert: cert.pem, key: key.pem, fallback: "%[2]s"}
relay:
`

// A secured is a server with TLS and DTLS.
type secured struct {
	server
	port int    // of both
	spki string // hash of its key, as Chromium takes it
}

// startSecured runs turnout with a certificate of its own. More is what else stands in its configuration.
func startSecured(t *testing.T, fallback string, more ...string) *secured {
	t.Helper()
	if os.Getenv("PEERTEST_SERVER") != "" {
		t.Skip("PEERTEST_SERVER names the server to test: turnout is not started")
	}
	dir := t.TempDir()
	spki := certify(t, dir)
	r := ports.Reserve(t, relayPorts+3)
	admin := fmt.Sprintf("127.0.0.1:%d", r.First+1)
	text := fmt.Sprintf(configuration, realm, r.First, r.First+3, r.Last(), secret, user, password, r.First+1, oauthName, oauthKeys)
	text = strings.Replace(text, "relay:\n", fmt.Sprintf(securely, r.First+2, fallback), 1) + strings.Join(more, "")
	file := filepath.Join(dir, "turnout.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	serve(t, admin, "--config", file)
	t.Cleanup(func() {
		if t.Failed() {
			for line := range strings.Lines(get(t, "http://"+admin+"/metrics")) {
				if strings.HasPrefix(line, "turnout_") && !strings.HasSuffix(line, " 0\n") {
					t.Log(strings.TrimSpace(line))
				}
			}
		}
	})
	return &secured{server{port: r.First, secretPort: r.First, admin: admin}, r.First + 2, spki}
}

// certify writes a certificate of both loopback addresses, and returns the hash of its key.
func certify(t *testing.T, dir string) (spki string) {
	t.Helper()
	return certifyUntil(t, dir, time.Now().Add(24*time.Hour))
}

// certifyUntil is certify with a time of expiry.
func certifyUntil(t *testing.T, dir string, expires time.Time) (spki string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: expires,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: der}, "key.pem": {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(b), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(public)
	return base64.StdEncoding.EncodeToString(sum[:])
}

// TestCoturnClientSecurely has coturn's load client use TLS and DTLS, and wants
// every byte back.
func TestCoturnClientSecurely(t *testing.T) {
	peers(t)
	t.Parallel()
	uclient := tool(t, "turnutils_uclient")
	echo := startEcho(t, tool(t, "turnutils_peer"))
	for transport, runs := range map[string]map[string][]string{
		"TLS": {
			"channels":         {"-t", "-e", "127.0.0.1", "127.0.0.1"},
			"send indications": {"-t", "-s", "-e", "127.0.0.1", "127.0.0.1"},
			"client to client": {"-t", "-y", "127.0.0.1"},
			"IPv6":             {"-t", "-x", "-e", "::1", "::1"},
		},
		"TLS, twice as many": { // a data connection beside each
			"TCP relayed": {"-T", "127.0.0.1"},
		},
		"DTLS": {
			"channels":         {"-e", "127.0.0.1", "127.0.0.1"},
			"channels padded":  {"-D", "-e", "127.0.0.1", "127.0.0.1"},
			"send indications": {"-s", "-e", "127.0.0.1", "127.0.0.1"},
			"client to client": {"-y", "127.0.0.1"},
			"IPv6":             {"-x", "-e", "::1", "::1"},
		},
	} {
		// A server each: one source may have eight handshakes under way, and these clients come from one.
		s := startSecured(t, "127.0.0.1:9")
		for name, args := range runs {
			t.Run(transport+", "+name, func(t *testing.T) {
				t.Parallel()
				runClient(t, uclient, append([]string{"-S", "-u", user, "-w", password, "-p", strconv.Itoa(s.port), "-r", echo}, args...))
			})
		}
	}
}

// TestOpenSSL has another implementation of TLS and DTLS do handshakes. RFC 7443,
// RFC 7301.
func TestOpenSSL(t *testing.T) {
	peers(t)
	t.Parallel()
	openssl := tool(t, "openssl")
	web := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "over there") }))
	t.Cleanup(web.Close) // after the parallel subtests
	s := startSecured(t, web.Listener.Addr().String())
	for name, c := range map[string]struct{ args, want string }{
		"TLS 1.3, TURN":           {"-tls1_3 -alpn stun.turn", "ALPN protocol: stun.turn"},
		"TLS 1.2, NAT discovery":  {"-tls1_2 -alpn stun.nat-discovery", "ALPN protocol: stun.nat-discovery"},
		"TLS, both":               {"-alpn stun.nat-discovery,stun.turn", "ALPN protocol: stun.turn"},
		"TLS, no ALPN":            {"", "No ALPN negotiated"},
		"TLS, unknown ALPN":       {"-alpn xmpp-client", "no application protocol"},
		"TLS, a browser's ALPN":   {"-alpn http/1.1", "ALPN protocol: http/1.1"},
		"TLS, both worlds' ALPN":  {"-alpn http/1.1,stun.turn", "ALPN protocol: stun.turn"},
		"TLS 1.1":                 {"-tls1_1 -cipher DEFAULT@SECLEVEL=0", "protocol version"},
		"DTLS 1.2, TURN":          {"-dtls1_2 -alpn stun.turn", "ALPN protocol: stun.turn"},
		"DTLS 1.2, NAT discovery": {"-dtls1_2 -alpn stun.nat-discovery", "ALPN protocol: stun.nat-discovery"},
		"DTLS 1.2, unknown ALPN":  {"-dtls1_2 -alpn h2", "no application protocol"},
		"DTLS, IPv6, no ALPN":     {"-6 -dtls", "No ALPN negotiated"},
		"DTLS, fragmented":        {"-dtls1_2 -mtu 256 -alpn stun.turn", "ALPN protocol: stun.turn"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			host := "127.0.0.1"
			if strings.Contains(c.args, "-6") {
				host = "[::1]"
			}
			out, err := output(ctx, openssl, slices.Concat([]string{"s_client", "-connect", fmt.Sprintf("%s:%d", host, s.port)}, strings.Fields(c.args))...)
			if !strings.Contains(out, c.want) {
				t.Errorf("openssl s_client %s says nothing of %q: %v\n%s", c.args, c.want, err, out)
			}
		})
	}
}

// TestBrowserCallSecurely has two peers in Chromium talk over TLS alone. The
// certificate is nobody's, so Chromium is told the hash of its key.
func TestBrowserCallSecurely(t *testing.T) {
	peers(t)
	s := startSecured(t, "127.0.0.1:9")
	browserCall(t, fmt.Sprintf("turns:127.0.0.1:%d?transport=tcp", s.port), "tls", "--ignore-certificate-errors-spki-list="+s.spki)
}
