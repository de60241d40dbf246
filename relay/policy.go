package relay

import (
	"net/netip"
	"slices"

	"turnout/allocation"
)

// deniedBlocks are denied as peers unless peers.allow has an entry inside the
// block: everything that is not global unicast (IANA special-purpose registries).
var deniedBlocks = prefixes(
	"0.0.0.0/8",       // this network
	"10.0.0.0/8",      // private
	"100.64.0.0/10",   // shared address space of carriers
	"127.0.0.0/8",     // loopback
	"169.254.0.0/16",  // link-local
	"172.16.0.0/12",   // private
	"192.0.0.0/24",    // protocol assignments
	"192.0.2.0/24",    // documentation
	"192.88.99.0/24",  // 6to4 relay anycast
	"192.168.0.0/16",  // private
	"198.18.0.0/15",   // benchmarking
	"198.51.100.0/24", // documentation
	"203.0.113.0/24",  // documentation
	"224.0.0.0/4",     // multicast
	"240.0.0.0/4",     // reserved and broadcast
	"::/96",           // unspecified, loopback, IPv4-compatible
	"64:ff9b:1::/48",  // local-use NAT64
	"100::/64",        // discard
	"2001:2::/48",     // benchmarking
	"2001:10::/28",    // ORCHID
	"2001:20::/28",    // ORCHIDv2
	"2001:db8::/32",   // documentation
	"3fff::/20",       // documentation
	"5f00::/16",       // segment routing
	"fc00::/7",        // unique local
	"fe80::/10",       // link-local
	"fec0::/10",       // site-local
	"ff00::/8",        // multicast
)

// globalIPv6 holds all global unicast addresses; outside it is reserved, but for
// the well-known NAT64 prefix, which stands for the IPv4 address inside.
var (
	globalIPv6 = netip.MustParsePrefix("2000::/3")
	nat64      = netip.MustParsePrefix("64:ff9b::/96")
	sixToFour  = netip.MustParsePrefix("2002::/16") // RFC 3056
	teredo     = netip.MustParsePrefix("2001::/32") // RFC 4380
	compatible = netip.MustParsePrefix("::/96")
)

// metadataAddresses are where clouds tell a machine its secrets; an entry of
// peers.allow opens one only by its exact address.
var metadataAddresses = map[netip.Addr]bool{
	netip.MustParseAddr("169.254.169.254"): true,
	netip.MustParseAddr("fd00:ec2::254"):   true,
	netip.MustParseAddr("168.63.129.16"):   true,
	netip.MustParseAddr("100.100.100.200"): true,
	netip.MustParseAddr("192.0.0.192"):     true,
}

// liveRelays says which relayed addresses belong to live allocations.
type liveRelays interface {
	Live(netip.AddrPort) bool
	LiveTCP(netip.AddrPort) bool // of TCP allocations
}

// A policy decides which peers clients may reach. One function decides on every
// path: CreatePermission, ChannelBind, Send, ChannelData, Connect and hairpin.
// Immutable.
type policy struct {
	allow, deny []netip.Prefix
	own         map[netip.Addr]bool // addresses of this host, external ones included
	ownPorts    map[uint16]bool     // where turnout listens
	relays      map[netip.Addr]bool // relay addresses, bound and external
	live        liveRelays
	tcpPorts    []PortRange // peers' ports that may be connected to
}

// newPolicy makes the policy of a configuration; listening is where clients are heard at, ports filled in.
func newPolicy(c Config, listening []netip.AddrPort, live liveRelays) *policy {
	p := &policy{
		allow: c.PeersAllow, deny: c.PeersDeny,
		own: map[netip.Addr]bool{}, ownPorts: map[uint16]bool{}, relays: map[netip.Addr]bool{},
		live: live, tcpPorts: c.TCPPorts,
	}
	for _, a := range c.HostAddresses {
		p.own[a.WithZone("")] = true
	}
	for _, l := range listening {
		p.own[l.Addr()] = true
		p.ownPorts[l.Port()] = true
	}
	for _, a := range c.OwnPorts {
		p.ownPorts[a.Port()] = true
	}
	for _, r := range c.RelayAddresses {
		for _, a := range []netip.Addr{r.Bind, r.External} {
			p.own[a], p.relays[a] = true, true
		}
	}
	return p
}

// A verdict is what a policy last said about an address. A worker keeps one, since
// many datagrams in a row have one peer and looking through every block is slow.
type verdict struct {
	policy *policy // nil: nothing was asked yet
	addr   netip.Addr

	own, relay bool // of this host; a relay address, which are its own too

	judged, open bool // open is known; what it is
}

// about makes v the verdict about an address.
func (v *verdict) about(p *policy, a netip.Addr) {
	if v.policy != p || v.addr != a {
		own := p.isOwn(a)
		*v = verdict{policy: p, addr: a, own: own, relay: own && p.relays[a]}
	}
}

// isOpen says what the policy says about the address alone.
func (v *verdict) isOpen() bool {
	if !v.judged {
		v.open, v.judged = v.policy.open(v.addr), true
	}
	return v.open
}

// Allowed says whether data may be relayed to and from peer.
func (p *policy) Allowed(peer netip.AddrPort) bool {
	return p.AllowedUDP(peer, new(verdict))
}

// AllowedUDP is Allowed, quicker where the peer's address is the one of the verdict.
func (p *policy) AllowedUDP(peer netip.AddrPort, v *verdict) bool {
	v.about(p, peer.Addr())
	return p.allowed(peer, v.relay && p.live.Live(peer), v)
}

// AllowedTCP is Allowed for TCP.
func (p *policy) AllowedTCP(peer netip.AddrPort) bool {
	return p.allowed(peer, p.live.LiveTCP(peer), new(verdict))
}

// Connectable says whether a TCP connection to peer may be opened. Whoever may
// open any has a TCP proxy, and what listens below 1024 is seldom a peer.
func (p *policy) Connectable(peer netip.AddrPort) bool {
	live := p.live.LiveTCP(peer)
	listed := slices.ContainsFunc(p.tcpPorts, func(r PortRange) bool { return r.Has(peer.Port()) })
	return (listed || live) && p.allowed(peer, live, new(verdict))
}

func (p *policy) allowed(peer netip.AddrPort, live bool, v *verdict) bool {
	if peer.Port() == 0 {
		return false
	}
	if live {
		return true
	}
	v.about(p, peer.Addr())
	return v.isOpen() && !(v.own && p.ownPorts[peer.Port()])
}

// AllowedAddr says whether some port of peer may be allowed, and whether not
// every port is (restricted): then Allowed must be asked for each datagram.
// CreatePermission names no port (RFC 8656 §10).
func (p *policy) AllowedAddr(peer netip.Addr) (ok, restricted bool) {
	if p.open(peer) {
		return true, p.isOwn(peer)
	}
	return p.relays[peer], true
}

func (p *policy) isOwn(a netip.Addr) bool { return a.IsLoopback() || p.own[a] }

// open decides by address alone.
func (p *policy) open(a netip.Addr) bool {
	switch {
	case a.Is4In6() || a.Zone() != "" || a.IsUnspecified() || a.IsMulticast() || a == broadcast:
		return false // never a peer, whatever the lists say
	case tunnelled(a):
		return false
	case metadataAddresses[a]:
		return p.verdict(a, a.BitLen())
	}
	if v4, ok := embeddedIPv4(a); ok && !p.open(v4) {
		return false // another spelling opens no door
	}
	block, denied := deniedBlock(a)
	if p.own[a] && !a.IsLoopback() {
		return p.verdict(a, a.BitLen())
	}
	if denied {
		return p.verdict(a, block)
	}
	return p.verdict(a, -1)
}

var broadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// verdict applies the lists: the most specific entry wins, deny on a tie. An
// entry of peers.allow counts only from bits on: it must lie inside the denied
// block. bits < 0 says that the address is open by default.
func (p *policy) verdict(a netip.Addr, bits int) bool {
	denied := longest(p.deny, a)
	allowed := longest(p.allow, a)
	if allowed < bits {
		return false
	}
	if denied < 0 && allowed < 0 {
		return true // reached only when open by default
	}
	return allowed > denied
}

// longest is the length of the longest prefix that holds a, -1 for none.
func longest(list []netip.Prefix, a netip.Addr) int {
	n := -1
	for _, p := range list {
		if p.Contains(a) {
			n = max(n, p.Bits())
		}
	}
	return n
}

// deniedBlock is the length of the denied block that holds a.
func deniedBlock(a netip.Addr) (bits int, denied bool) {
	bits = longest(deniedBlocks, a)
	if a.Is6() && bits < 0 && !globalIPv6.Contains(a) && !nat64.Contains(a) {
		return 0, true // reserved
	}
	return bits, bits >= 0
}

// tunnelled says that an address is Teredo's or 6to4's. They are never peers, and
// nothing is allocated for them: a tunnel's end that sends back what it unpacks
// amplifies. RFC 8656 §21.4.
func tunnelled(a netip.Addr) bool { return teredo.Contains(a) || sixToFour.Contains(a) }

// embeddedIPv4 is the IPv4 address inside an IPv6 one: IPv4-compatible, NAT64
// (RFC 6052).
func embeddedIPv4(a netip.Addr) (netip.Addr, bool) {
	if !a.Is6() {
		return netip.Addr{}, false
	}
	if nat64.Contains(a) || compatible.Contains(a) && !a.IsLoopback() {
		b := a.As16()
		return netip.AddrFrom4([4]byte(b[12:16])), true
	}
	return netip.Addr{}, false
}

func prefixes(texts ...string) []netip.Prefix {
	list := make([]netip.Prefix, len(texts))
	for i, t := range texts {
		list[i] = netip.MustParsePrefix(t)
	}
	return list
}

var _ liveRelays = (*allocation.Ports)(nil)
