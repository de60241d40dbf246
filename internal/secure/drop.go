package secure

import (
	"sync/atomic"
	"time"
)

// A Drop names why a connection or a datagram did not get through. Every one is
// counted under its name; the names are metric labels and change only by addition.
type Drop uint8

const (
	notDropped Drop = iota

	// Connections.
	DropProxyHeader
	DropHandshakeFailed
	DropHandshakeTimeout
	DropHandshakeDisplaced
	DropClientHelloTooLong
	DropFallbackUnreachable

	// Datagrams of a DTLS listener.
	DropNotDTLS
	DropDTLSMalformed
	DropDTLSUnknown
	DropDTLSRate
	DropDTLSEarly
	DropDTLSBacklog
	DropDTLSSend

	numDrops
)

// drops holds a name (the metric's label) and one sentence for each reason.
var drops = [numDrops]struct{ name, sentence string }{
	notDropped:              {"none", "Accepted."},
	DropProxyHeader:         {"proxy_header", "A connection of a listed proxy did not begin with a whole PROXY header; it was closed."},
	DropHandshakeFailed:     {"handshake_failed", "A TLS or DTLS handshake failed, or the client gave it up."},
	DropHandshakeTimeout:    {"handshake_timeout", "A PROXY header, TLS or DTLS handshake took longer than 5 s."},
	DropHandshakeDisplaced:  {"handshake_displaced", "The oldest handshake under way made room for another (limits.handshakes, or 8 of its source)."},
	DropClientHelloTooLong:  {"client_hello_too_long", "A TLS ClientHello was longer than 16 KiB."},
	DropFallbackUnreachable: {"fallback_unreachable", "A browser's connection could not be passed on to tls.fallback."},
	DropNotDTLS:             {"not_dtls", "The first byte of a datagram to a DTLS listener is not DTLS's (RFC 7983 §7)."},
	DropDTLSMalformed:       {"dtls_malformed", "The header of a DTLS record does not fit its datagram, or the datagram is longer than 8192 bytes."},
	DropDTLSUnknown:         {"dtls_unknown", "A DTLS record from a client without connection that does not begin one."},
	DropDTLSRate:            {"dtls_rate", "In one second more DTLS handshakes were begun than may be under way (limits.handshakes)."},
	DropDTLSEarly:           {"dtls_early", "A client sent more than a DTLS handshake needs before it was complete."},
	DropDTLSBacklog:         {"dtls_backlog", "A DTLS connection was sent more than could be decrypted in time."},
	DropDTLSSend:            {"dtls_send", "A datagram of a DTLS connection could not be sent."},
}

// String is the reason's name, as metrics label it.
func (d Drop) String() string { return drops[d].name }

// Sentence says what the reason means.
func (d Drop) Sentence() string { return drops[d].sentence }

// Drops are all reasons, in order.
func Drops() []Drop {
	all := make([]Drop, 0, numDrops-1)
	for d := notDropped + 1; d < numDrops; d++ {
		all = append(all, d)
	}
	return all
}

// A Protocol is what a handshake was of.
type Protocol uint8

const (
	TLS Protocol = iota
	DTLS
	numProtocols
)

// String is the protocol's name, as metrics label it.
func (p Protocol) String() string { return [numProtocols]string{"tls", "dtls"}[p] }

// counters are safe for concurrent use.
type counters struct {
	drops     [numDrops]atomic.Uint64
	completed [numProtocols]atomic.Uint64
	failed    [numProtocols]atomic.Uint64
	passedOn  atomic.Uint64
}

func (c *counters) drop(d Drop) {
	if d != notDropped {
		c.drops[d].Add(1)
	}
}

// fail counts a connection that did not get through, and its handshake where that came to a bad end by itself.
func (c *counters) fail(p Protocol, why Drop) {
	c.drop(why)
	switch why {
	case DropHandshakeFailed, DropHandshakeTimeout, DropClientHelloTooLong:
		c.failed[p].Add(1)
	}
}

// Stats are totals since the start and gauges of now.
type Stats struct {
	HalfOpen    int                  // handshakes under way
	CompletedBy map[Protocol]uint64  // handshakes
	FailedBy    map[Protocol]uint64  // likewise; each is a drop too, which says why
	PassedOn    uint64               // connections given to the HTTPS server
	DroppedBy   map[Drop]uint64      // connections and datagrams
	Expiries    map[string]time.Time // of the certificates in use, by their key in the configuration
}

// Stats reads the counters; cheap enough for every scrape.
func (t *Transports) Stats() Stats {
	s := Stats{
		HalfOpen: t.handshakes.count(), CompletedBy: map[Protocol]uint64{}, FailedBy: map[Protocol]uint64{}, PassedOn: t.counters.passedOn.Load(),
		DroppedBy: map[Drop]uint64{}, Expiries: map[string]time.Time{},
	}
	for p := range numProtocols {
		s.CompletedBy[p], s.FailedBy[p] = t.counters.completed[p].Load(), t.counters.failed[p].Load()
	}
	for _, d := range Drops() {
		s.DroppedBy[d] = t.counters.drops[d].Load()
	}
	if t.certificates != nil {
		for name, expires := range t.certificates.Expiries {
			s.Expiries[name] = expires
		}
	}
	return s
}

// EachDrop yields every reason with its count, in order.
func (s Stats) EachDrop(yield func(reason string, n uint64)) {
	for _, d := range Drops() {
		yield(d.String(), s.DroppedBy[d])
	}
}

// EachHandshake yields every protocol with how many handshakes were completed and how many failed, in order.
func (s Stats) EachHandshake(yield func(protocol, result string, n uint64)) {
	for p := range numProtocols {
		yield(p.String(), "completed", s.CompletedBy[p])
		yield(p.String(), "failed", s.FailedBy[p])
	}
}
