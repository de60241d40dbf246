package allocation

import "net/netip"

// A Transport is the protocol between client and server, by its number in the IP header. The high bit, which no
// protocol that carries clients has, stands for TLS or DTLS above it.
type Transport uint8

// Transports between client and server. 5-tuples of different listeners never collide, since the server's address or
// the transport differs.
const (
	UDP  Transport = 17
	TCP  Transport = 6
	TLS  Transport = secured | TCP // RFC 8656 §3.1
	DTLS Transport = secured | UDP // RFC 7350 §4.6

	secured Transport = 0x80
)

// String is the transport's name in logs, metrics and configuration: udp, tcp, tls or dtls.
func (t Transport) String() string {
	switch t {
	case UDP:
		return "udp"
	case TCP:
		return "tcp"
	case TLS:
		return "tls"
	case DTLS:
		return "dtls"
	}
	return "unknown"
}

// A FiveTuple is the client's address, the server's and the transport between them (RFC 8656 §2). Zones of link-local
// addresses do not count.
type FiveTuple struct {
	Client, Server netip.AddrPort
	Transport      Transport
}

// A family is an address family by its number in STUN attributes (RFC 8489 §14.1), 0 for none. It has 16 bits so that
// the keys below have no padding and are hashed in one run.
type family uint16

const (
	familyIPv4 family = 1
	familyIPv6 family = 2
)

// index is where arrays of two families keep this one.
func (f family) index() int { return int(f) - 1 }

func index(ipv6 bool) int {
	if ipv6 {
		return 1
	}
	return 0
}

// familyOf is the family that a's octets are written in: an IPv4 address mapped into IPv6 is IPv6.
func familyOf(a netip.Addr) family {
	switch {
	case a.Is4():
		return familyIPv4
	case a.Is6():
		return familyIPv6
	}
	return 0
}

// An endpoint is a transport address without pointers (netip.Addr has one, for its zone). IPv4 addresses stand in the
// last four bytes, as mapped into IPv6; the family tells them from those that were sent that way.
type endpoint struct {
	ip     [16]byte
	port   uint16
	family family
}

func endpointOf(a netip.Addr, port uint16) endpoint {
	return endpoint{ip: a.As16(), port: port, family: familyOf(a)}
}

// addrPort is the zero AddrPort for the zero endpoint.
func (e *endpoint) addrPort() netip.AddrPort {
	switch e.family {
	case familyIPv4:
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(e.ip[12:])), e.port)
	case familyIPv6:
		return netip.AddrPortFrom(netip.AddrFrom16(e.ip), e.port)
	}
	return netip.AddrPort{}
}

// A tupleKey is a FiveTuple without pointers and padding.
type tupleKey struct {
	client, server endpoint
	transport      uint16
}

func (f *FiveTuple) key() tupleKey {
	return tupleKey{
		client:    endpointOf(f.Client.Addr(), f.Client.Port()),
		server:    endpointOf(f.Server.Addr(), f.Server.Port()),
		transport: uint16(f.Transport),
	}
}

func (k *tupleKey) fiveTuple() FiveTuple {
	return FiveTuple{Client: k.client.addrPort(), Server: k.server.addrPort(), Transport: Transport(k.transport)}
}

// A peerKey is a peer of one allocation: with port 0 for a permission, with its port for a channel binding.
type peerKey struct {
	peer       endpoint
	allocation ref
}

// A channelKey is a channel number of one allocation: the allocation's slot above the number's 16 bits.
type channelKey uint64

func makeChannelKey(a ref, n ChannelNumber) channelKey { return channelKey(a)<<16 | channelKey(n) }
