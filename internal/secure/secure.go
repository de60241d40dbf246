// Package secure makes client connections of what is below TURN: TLS over TCP,
// DTLS over UDP (RFC 7350), and the PROXY protocol of load balancers. Its
// listeners accept connections whose handshake is complete and whose addresses
// are the client's; it knows nothing of STUN or TURN.
//
// A [Transports] holds what the listeners of a process share: certificates, the
// bound on handshakes under way, and counters.
package secure

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"
)

// handshakeTime is how long a connection may take for its PROXY header and
// handshake together.
const handshakeTime = 5 * time.Second

// protocols are the ALPN protocols of STUN, the preferred one first. RFC 7443 §1.
var protocols = []string{"stun.turn", "stun.nat-discovery"}

// A Config says what listeners share. Every zero field is a default.
type Config struct {
	// Certificates are what TLS and DTLS listeners show. They need some.
	Certificates *Certificates
	// Proxies are whose connections begin with a PROXY header. If empty, nobody's.
	Proxies []netip.Prefix
	// Fallback dials the HTTPS server that gets the connections of browsers. If nil, there is none, and HTTPS is refused.
	Fallback Fallback
	// Handshakes is how many may be under way on all listeners together. If zero, 1000.
	Handshakes int
	// Logger takes handshakes that fail, at level debug. If nil, slog.Default.
	Logger *slog.Logger
}

// Transports opens the listeners of a process. Its methods are safe for
// concurrent use; listeners outlive it.
type Transports struct {
	// immutable
	certificates *Certificates
	proxies      []netip.Prefix
	tls          *tls.Config
	log          *slog.Logger

	fallback   atomic.Pointer[Fallback] // nil: there is none
	handshakes *handshakes
	counters   counters
	displaced  displacedLog
}

// A Fallback dials the HTTPS server that gets the connections of browsers.
type Fallback = func(context.Context) (net.Conn, error)

// New makes Transports.
func New(c Config) *Transports {
	t := &Transports{
		certificates: c.Certificates,
		proxies:      c.Proxies,
		log:          cmp.Or(c.Logger, slog.Default()),
		handshakes:   newHandshakes(1),
	}
	t.Change(c.Fallback, c.Handshakes)
	t.tls = &tls.Config{
		// RFC 8489 §6.2.3 asks for TLS 1.2 or later, by BCP 195: the cipher suites are those crypto/tls thinks safe.
		MinVersion: tls.VersionTLS12,
		NextProtos: protocols,
		// Messages are short, and one that is split over records is nobody's gain.
		DynamicRecordSizingDisabled: true,
		GetConfigForClient:          t.judge,
		GetCertificate:              c.Certificates.forTLS,
	}
	return t
}

// Change replaces what the configuration has as Fallback and Handshakes. Handshakes
// under way go on, though they be more than the new bound.
func (t *Transports) Change(fallback Fallback, handshakes int) {
	if fallback == nil {
		t.fallback.Store(nil)
	} else {
		t.fallback.Store(&fallback)
	}
	t.handshakes.bound(cmp.Or(handshakes, 1000))
}

// errNoCertificate says that a listener needs certificates and there are none.
var errNoCertificate = errors.New("TLS and DTLS need a certificate")

// proxied says whether connections from a begin with a PROXY header.
func (t *Transports) proxied(a netip.Addr) bool {
	return slices.ContainsFunc(t.proxies, func(p netip.Prefix) bool { return p.Contains(a) })
}

// addrPort is the address of a connection, IPv4 never mapped into IPv6 and without zone.
func addrPort(a net.Addr) netip.AddrPort {
	t, ok := a.(interface{ AddrPort() netip.AddrPort })
	if !ok {
		return netip.AddrPort{}
	}
	ap := t.AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap().WithZone(""), ap.Port())
}
