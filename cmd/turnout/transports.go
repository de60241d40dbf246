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
	certificates *secure.Certificates // may be empty
	https        *secure.Certificates // of the service alone; empty where it shows certificates, if any
}

// newTransports reads the certificates.
func newTransports(l *config.Loaded, log *slog.Logger) (*transports, error) {
	tr := &transports{certificates: secure.NewCertificates(log), https: secure.NewCertificates(log)}
	tr.secured = secure.New(secure.Config{Certificates: tr.certificates, Proxies: prefixes(l.ProxyProtocol.From), Logger: log})
	use, err := tr.next(l)
	if err != nil {
		return nil, err
	}
	use()
	return tr, nil
}

// next reads what another configuration says, which use puts into effect: for what begins from then on.
func (t *transports) next(l *config.Loaded) (use func(), err error) {
	var files []secure.KeyPair
	if l.TLS.Cert != "" {
		files = append(files, secure.KeyPair{Name: "tls.cert", Cert: l.TLS.Cert, Key: l.TLS.Key})
	}
	for i, c := range l.TLS.Certificates {
		files = append(files, secure.KeyPair{Name: fmt.Sprintf("tls.certificates[%d]", i), Cert: c.Cert, Key: c.Key})
	}
	useShared, err := t.certificates.Load(files)
	if err != nil {
		return nil, unusable("tls", err)
	}
	var own []secure.KeyPair
	if l.API.Cert != "" {
		own = []secure.KeyPair{{Name: "api.cert", Cert: l.API.Cert, Key: l.API.Key}}
	}
	useOwn, err := t.https.Load(own)
	if err != nil {
		return nil, unusable("api", err)
	}
	var fallback secure.Fallback
	if to := l.TLS.Fallback.AddrPort; to.IsValid() {
		fallback = func(ctx context.Context) (net.Conn, error) { return dial(ctx, to) }
	}
	return func() {
		useShared()
		useOwn()
		t.secured.Change(fallback, l.Limits.Handshakes)
	}, nil
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
	watching.Go(func() { t.certificates.Watch(ctx) })
	watching.Go(func() { t.https.Watch(ctx) })
	return func() {
		cancel()
		watching.Wait()
	}
}

// stats are those of all listeners, with the expiry of the service's own certificate.
func (t *transports) stats() secure.Stats {
	s := t.secured.Stats()
	maps.Insert(s.Expiries, t.https.Expiries)
	return s
}

// name is what clients are to call this server so that its certificate is good for it; empty where it has no name of one host.
func (t *transports) name() string {
	for _, name := range t.certificates.Names() {
		if !strings.HasPrefix(name, "*") {
			return name
		}
	}
	return ""
}
