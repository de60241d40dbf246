package api

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"turnout/internal/web"
)

// pipes is a listener whose connections are in memory, so that time can be virtual.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	select {
	case <-p.done:
	default:
		close(p.done)
	}
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80} }

func (p *pipes) dial() net.Conn {
	near, far := net.Pipe()
	p.conns <- far
	return near
}

// TestSlowClients get so much time and no more: for their headers, for their body, and for being idle.
func TestSlowClients(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		sent   string
		within time.Duration
		answer string // of the status line; empty: none
	}{
		"nothing":                     {"", web.HeaderTimeout, ""},
		"half a header":               {"POST " + identities + " HTTP/1.1\r\nHost: local", web.HeaderTimeout, ""},
		"headers, no body":            {"POST /v1/ice-servers HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\nContent-Length: 10\r\n\r\n{", web.ReadTimeout, "408"},
		"a request, and then nothing": {"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n", web.IdleTimeout, "200"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t, func(c *Config) { c.Logger = slog.New(slog.NewTextHandler(io.Discard, nil)) })
				_, text := f.user()
				l := &pipes{conns: make(chan net.Conn), done: make(chan struct{})}
				s := web.New(l, nil, f.Logger)
				served := make(chan error, 1)
				go func() { served <- s.Serve(f) }()
				conn := l.dial()
				defer conn.Close()
				began := time.Now()
				sent := c.sent
				if strings.Contains(sent, "%s") {
					sent = fmt.Sprintf(sent, text)
				}
				go io.WriteString(conn, sent)
				in := bufio.NewReader(conn)
				if c.answer != "" {
					r, err := http.ReadResponse(in, nil)
					check(t, err)
					if _, err := io.Copy(io.Discard, r.Body); err != nil || !strings.HasPrefix(r.Status, c.answer) {
						t.Errorf("answer %s, %v", r.Status, err)
					}
				}
				rest, _ := io.ReadAll(in) // until the server closes
				if took := time.Since(began); took > c.within+time.Second {
					t.Errorf("the connection was kept for %v, want at most %v (%q)", took, c.within, rest)
				}
				check(t, s.Shutdown(context.Background()))
				check(t, <-served)
			})
		})
	}
}

// certified is a certificate for 127.0.0.1 and localhost, and who trusts it.
func certified(t *testing.T) (*tls.Config, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	check(t, err)
	parsed, err := x509.ParseCertificate(der)
	check(t, err)
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, pool
}

// TestServer asks over sockets, by HTTP/1.1 and HTTP/2, with and without TLS.
func TestServer(t *testing.T) {
	t.Parallel()
	secure, pool := certified(t)
	for _, certificates := range []*tls.Config{nil, secure} {
		f := newFixture(t, func(c *Config) { c.Now = time.Now; c.Address = netip.MustParseAddr("127.0.0.1") })
		l, err := web.Listen(netip.MustParseAddrPort("127.0.0.1:0"))
		check(t, err)
		s := web.New(l, certificates, f.Logger)
		if _, err := web.Listen(s.Addr()); !errors.Is(err, syscall.EADDRINUSE) {
			t.Errorf("a second listener: %v", err)
		}
		served := make(chan error, 1)
		go func() { served <- s.Serve(f) }()
		scheme := "http"
		if certificates != nil {
			scheme = "https"
		}
		for _, http2 := range []bool{false, true} {
			if http2 && certificates == nil {
				continue
			}
			transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: http2}
			client := &http.Client{Transport: transport, Timeout: 10 * time.Second}
			r, err := http.NewRequest("POST", scheme+"://"+s.Addr().String()+identities, strings.NewReader(`{}`))
			check(t, err)
			Sign(r, []byte(`{}`), keys[1], time.Now())
			w, err := client.Do(r)
			check(t, err)
			w.Body.Close()
			if w.StatusCode != 201 || (w.ProtoMajor == 2) != http2 {
				t.Errorf("%s, HTTP/2 %v: %s %s", scheme, http2, w.Proto, w.Status)
			}
			transport.CloseIdleConnections()
		}
		// What net/http would answer by itself, in plain text.
		if certificates == nil {
			conn, err := net.Dial("tcp", s.Addr().String())
			check(t, err)
			_, err = io.WriteString(conn, "OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
			check(t, err)
			w, err := http.ReadResponse(bufio.NewReader(conn), nil)
			check(t, err)
			if w.Header.Get("Content-Type") != jsonType || w.StatusCode != 404 {
				t.Errorf("OPTIONS *: %s %v", w.Status, w.Header)
			}
			conn.Close()
		}
		check(t, s.Shutdown(t.Context()))
		check(t, <-served)
	}
}
