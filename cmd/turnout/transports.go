package main

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"strings"
	"sync"

	"turnout/allocation"
	"turnout/internal/config"
	"turnout/internal/netio"
	"turnout/internal/secure"
	"turnout/relay"
)

// Transports are what the relay's listeners are opened with, but for those of UDP.
type transports struct {
	secured      *secure.Transports
	certificates *secure.Certificates // nil without a listener that shows one
	https        *secure.Certificates // of the service; nil where it has none of its own and there is none to share
}

// newTransports reads the certificates.
func newTransports(l *config.Loaded, log *slog.Logger) (*transports, error) {
	tr := &transports{}
	var files []secure.KeyPair
	if l.TLS.Cert != "" {
		files = append(files, secure.KeyPair{Name: "tls.cert", Cert: l.TLS.Cert, Key: l.TLS.Key})
	}
	for i, c := range l.TLS.Certificates {
		files = append(files, secure.KeyPair{Name: fmt.Sprintf("tls.certificates[%d]", i), Cert: c.Cert, Key: c.Key})
	}
	if len(files) > 0 {
		var err error
		if tr.certificates, err = secure.LoadCertificates(files, log); err != nil {
			return nil, unusable("tls", err)
		}
	}
	if tr.https = tr.certificates; l.API.Cert != "" {
		var err error
		own := []secure.KeyPair{{Name: "api.cert", Cert: l.API.Cert, Key: l.API.Key}}
		if tr.https, err = secure.LoadCertificates(own, log); err != nil {
			return nil, unusable("api", err)
		}
	}
	c := secure.Config{Certificates: tr.certificates, Proxies: prefixes(l.ProxyProtocol.From), Handshakes: l.Limits.Handshakes, Logger: log}
	if to := l.TLS.Fallback.AddrPort; to.IsValid() {
		c.Fallback = func(ctx context.Context) (net.Conn, error) { return dial(ctx, to) }
	}
	tr.secured = secure.New(c)
	return tr, nil
}

func dial(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, "tcp", to.String())
}

// listen opens a listener for the relay.
func (t *transports) listen(n netio.Network, l relay.Listener) (net.Listener, error) {
	if l.Transport == allocation.DTLS {
		return t.secured.ListenDTLS(n, l.Addr)
	}
	tcp, err := n.ListenTCP(l.Addr)
	if err != nil {
		return nil, err
	}
	if l.Transport == allocation.TCP {
		return t.secured.ListenTCP(tcp), nil
	}
	secured, err := t.secured.ListenTLS(tcp)
	if err != nil {
		tcp.Close()
	}
	return secured, err
}

// watch reads certificates again when they change, until stop is called.
func (t *transports) watch(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var watching sync.WaitGroup
	if t.certificates != nil {
		watching.Go(func() { t.certificates.Watch(ctx) })
	}
	if t.https != nil && t.https != t.certificates {
		watching.Go(func() { t.https.Watch(ctx) })
	}
	return func() {
		cancel()
		watching.Wait()
	}
}

// stats are those of all listeners, with the expiry of the service's own certificate.
func (t *transports) stats() secure.Stats {
	s := t.secured.Stats()
	if t.https != nil && t.https != t.certificates {
		maps.Insert(s.Expiries, t.https.Expiries)
	}
	return s
}

// name is what clients are to call this server so that its certificate is good for it; empty where it has no name of one host.
func (t *transports) name() string {
	if t.certificates == nil {
		return ""
	}
	for _, name := range t.certificates.Names() {
		if !strings.HasPrefix(name, "*") {
			return name
		}
	}
	return ""
}
