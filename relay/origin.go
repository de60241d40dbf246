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
	local  netip.Addr   // source of answers on a wildcard socket; zero elsewhere
	stream *stream      // nil for UDP

	listener *listener // where it was heard; nil in tests
}

// A link joins an allocation to its sockets: the client's origin and a relay
// socket per address family. The worker keeps one per slot of its table.
type link struct {
	id        allocation.ID // events for an older generation are stale
	live      bool
	origin    origin
	relays    [2]netio.Socket // by family index
	next      *origin         // where the client is moving to; nil: it is not
	home      *worker         // gets origin's datagrams and forwards them; nil: this one
	peers     [2]net.Listener // of a TCP allocation, in their place
	icmp      allocation.Time // arrival time of the ICMP rate limit
	meters    [2]meter        // of the allocation's bandwidth, from and to the client
	metered   rate            // that meters are of
	started   int64           // unix seconds, for the line logged at the end
	class     string          // of the credential, for reload
	peersMet  *acquaintances  // nil where they are not counted
	allowance *allowance      // of the user; nil where nothing of a user's is counted
	issued    int64           // when the credential was, unix milliseconds; 0: not known

	connections map[netip.AddrPort]*connection // of a TCP allocation, by peer; some may have ended just now
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

func relayEvent(id allocation.ID, ipv6 bool) uint64 {
	return uint64(id.Generation())<<32 | uint64(id.Index())<<1 | uint64(family(ipv6))
}

func splitRelayEvent(e uint64) (index int, ipv6 bool, generation uint32) {
	return int(uint32(e) >> 1), e&1 != 0, uint32(e >> 32)
}
