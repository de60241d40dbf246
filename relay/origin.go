package relay

import (
	"net"
	"net/netip"

	"turnout/allocation"
	"turnout/internal/netio"
)

// An origin is where a client's message came from, and so where answers and
// relayed data go: a UDP socket and address, or a stream.
type origin struct {
	tuple  allocation.FiveTuple
	socket netio.Socket // nil for a stream
	stream *stream      // nil for UDP

	listener *listener // where it was heard; nil in tests
	wildcard bool      // socket is bound to every address: answers tell theirs
}

// A link joins an allocation to its sockets: the client's origin and a relay
// socket per address family. The worker keeps one per slot of its table.
type link struct {
	id        allocation.ID // events for an older generation are stale
	live      bool
	started   uint32 // unix seconds, for the line logged at the end
	origin    origin
	relays    [2]netio.Socket // by family index
	next      *origin         // where the client is moving to; nil: it is not
	home      *worker         // gets origin's datagrams and forwards them; nil: this one
	grant     *grant          // of the credential; nil where it says nothing of what its user may use
	allowance *allowance      // of the user; nil where nothing of a user's is counted
	issued    int64           // when the credential was, unix milliseconds; 0: not known
	tcp       *tcpLink        // nil but for a TCP allocation
	limits    *linkLimits     // nil while it has met none that is its own
}

// A tcpLink is what the link of a TCP allocation has besides.
type tcpLink struct {
	listeners   [2]net.Listener                // by family index, in place of relays
	connections map[netip.AddrPort]*connection // by peer; some may have ended just now
	accounts    *[2]account                    // of the allocation's bandwidth, by way; the connections share them
}

// connections are those of a TCP allocation; nil for another one.
func (l *link) connections() map[netip.AddrPort]*connection {
	if l.tcp == nil {
		return nil
	}
	return l.tcp.connections
}

// linkLimits are what an allocation has used of what is limited for each one. Most servers limit nothing of the kind, and
// most allocations see no ICMP error: a link has none until it is asked for.
type linkLimits struct {
	icmp     allocation.Time // arrival time of the ICMP rate limit
	meters   [2]meter        // of the allocation's bandwidth, from and to the client
	metered  rate            // that meters are of
	peersMet *acquaintances  // nil where they are not counted
}

// limited is l's limits, made if need be.
func (l *link) limited() *linkLimits {
	if l.limits == nil {
		l.limits = new(linkLimits)
	}
	return l.limits
}

// source is what answers tell to be their source; zero where the socket's address is the only one.
func (o *origin) source() netip.Addr {
	if o.wildcard {
		return o.tuple.Server.Addr()
	}
	return netip.Addr{}
}

// vantage is that of NAT discovery; nil without it.
func (o *origin) vantage() *vantage {
	if o.listener == nil {
		return nil
	}
	return o.listener.vantage
}

// byTCP says whether a message came by TCP, or TLS over it.
func (o *origin) byTCP() bool {
	return o.tuple.Transport == allocation.TCP || o.tuple.Transport == allocation.TLS
}

// Ways of an allocation's traffic, each with a meter.
const (
	fromClient = 0
	toClient   = 1
)

// family is the index of an address family in a link.
func family(ipv6 bool) int {
	if ipv6 {
		return 1
	}
	return 0
}

// Events carry who they are for: listeners by index, relay sockets by slot,
// family and generation. Never a descriptor: a recycled one must not carry
// another user's datagram.
const listenerEvent = 1 << 63

// streamEvent marks the events of streams: the slot below it, the generation above. Slots of relay sockets do not reach it.
const streamEvent = 1 << 31

func relayEvent(id allocation.ID, ipv6 bool) uint64 {
	return uint64(id.Generation())<<32 | uint64(id.Index())<<1 | uint64(family(ipv6))
}

func splitRelayEvent(e uint64) (index int, ipv6 bool, generation uint32) {
	return int(uint32(e) >> 1), e&1 != 0, uint32(e >> 32)
}
