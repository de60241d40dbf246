// Package relay is the data plane of a TURN server: workers that answer STUN and
// TURN requests and relay datagrams between clients and peers (RFC 8489, RFC 8656).
package relay

import (
	"cmp"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"runtime"
	"time"
	"unicode/utf8"

	"turnout/allocation"
	"turnout/auth"
	"turnout/internal/netio"
)

// A Listener is one address the relay serves clients on.
type Listener struct {
	Transport allocation.Transport // UDP and TCP; what else Config.ListenStream opens
	Addr      netip.AddrPort       // a wildcard address means every interface of its family
}

// An Expiry says what the end of a credential does to an allocation made with it.
type Expiry uint8

const (
	ExpiryAllocate Expiry = iota // nothing: requests are verified with the key the allocation was made with
	ExpiryRefresh                // the next Refresh fails
	ExpiryHard                   // the allocation is ended
)

// A PortRange is ports from Min to Max, both included.
type PortRange struct{ Min, Max uint16 }

// Has says whether a port is in the range.
func (r PortRange) Has(port uint16) bool { return r.Min <= port && port <= r.Max }

// A Config describes a Server. Zero fields are defaults; Realm, Listeners, RelayAddresses and Verifier are required.
type Config struct {
	// Realm is what clients are told to hash their password with. RFC 8489 §14.9.
	Realm string
	// Software is the text of SOFTWARE in answers, at most 127 characters (RFC 8489 §14.14). If empty, "turnout": a
	// version would help an attacker choose (§16.1.2).
	Software string
	// NoSoftware leaves SOFTWARE out.
	NoSoftware bool
	// Listeners are where clients reach the relay. Port 0 takes a free one: see Server.Addrs.
	Listeners []Listener
	// RelayAddresses are what relayed addresses are made of, any number of each family.
	RelayAddresses []allocation.RelayAddress
	// PortMin and PortMax bound the relayed ports. If zero, 49152 and 65535 (RFC 8656 §7.2).
	PortMin, PortMax uint16
	// Workers is how many threads serve. If zero, one per CPU; never more than the network can use.
	Workers int
	// Batch is how many reads a worker holds at a time: datagrams, or with GRO datagrams that arrived together. If zero, 64.
	Batch int
	// GSO and GRO switch the kernel's ways to send and receive many datagrams at once. If zero, they are used where the
	// network has them; New fails where one is on that it does not have.
	GSO, GRO netio.Switch

	// DefaultLifetime is an allocation's time to expiry where the client asks for no longer one. If zero, 10 minutes.
	DefaultLifetime time.Duration
	// MaxLifetime is the longest that a client may ask for. If zero, 1 hour.
	MaxLifetime time.Duration
	// TotalLifetime is how long an allocation can be refreshed for. If zero, for ever.
	TotalLifetime time.Duration

	// LegacyChannels admits the channel numbers 0x5000 to 0x7FFF of RFC 5766, which older clients pick.
	LegacyChannels bool

	// NoTCP refuses TCP allocations, which relay TCP connections (RFC 6062).
	NoTCP bool
	// TCPPorts are the peers' ports that clients may connect to by TCP. If empty, 1024 to 65535.
	TCPPorts []PortRange
	// MaxConnections bounds the connections to peers of one TCP allocation. If zero, 64. Each takes two descriptors, and
	// up to four more while it moves data.
	MaxConnections int

	// Discovery are the second addresses of NAT discovery (RFC 5780), one of a family at most. A family without one has
	// none. Where its sockets cannot be opened, there is a warning in the log and none either. The first address is that of
	// the family's first UDP listener, told to clients as RelayAddresses say.
	Discovery []DiscoveryAddress

	// Verifier knows whose credentials are good.
	Verifier *auth.Verifier
	// Expiry is what the end of a credential does to an allocation made with it. If zero, nothing.
	Expiry Expiry
	// NonceLifetime is how long a nonce is good for. If zero, 1 hour, the longest that RFC 8656 §5 recommends.
	NonceLifetime time.Duration

	// PeersAllow and PeersDeny open and close peers' addresses: docs/decisions/peer-policy.md.
	PeersAllow, PeersDeny []netip.Prefix
	// HostAddresses are this host's own, external ones included, which are closed to peers. Those of
	// Listeners and RelayAddresses are added.
	HostAddresses []netip.Addr
	// OwnPorts are where turnout listens besides Listeners (admin, API …): their ports are closed to peers on
	// every address of this host, whatever PeersAllow says.
	OwnPorts []netip.AddrPort

	// UserAllocations is how many allocations a user may have at a time. If zero, any number. Users are the subjects of
	// credentials, not static users, bare expiries or the key ids of access tokens; likewise below.
	UserAllocations int
	// UserBandwidth is how many bits a second of payload a user's allocations may relay together, both ways, TCP
	// connections included. What exceeds it by more than a second's worth is dropped, or of TCP connections delayed. If
	// zero, any number. A credential with a bandwidth of its own (auth.Grant) has that in place of this and of its class's.
	UserBandwidth int64
	// Classes are what credentials of a class may use in place of UserAllocations and UserBandwidth. Those of a class that
	// is not here have these, and a line in the log says so.
	Classes map[string]Class
	// AllocationBandwidth is how many bits a second of payload one allocation may relay, each way, its TCP connections
	// together. What exceeds it by more than a second's worth is dropped, or of TCP connections delayed. If zero, any number.
	AllocationBandwidth int64
	// TotalAllocations is how many there may be in all. If zero, as many as ports and descriptors allow.
	TotalAllocations int
	// NewPeers is how many peers a second, addresses with a port, a user may send to that none of an allocation's packets
	// went to in the last 5 minutes; an allocation, where it is nobody's. Ten seconds' worth may be met at once. If zero, any
	// number.
	NewPeers int
	// MaxPermissions and MaxChannels bound those of one allocation. If zero, 1024.
	MaxPermissions, MaxChannels int

	// UnauthenticatedRate is how many unauthenticated answers a second one source may cause. If zero, 100;
	// negative: any number.
	UnauthenticatedRate int
	// UnauthenticatedBurst is how many it may cause at once. If zero, 1000.
	UnauthenticatedBurst int

	// BacklogBytes and BacklogTime bound what is queued for a client on a stream, in size and age. If zero,
	// 1 MiB and 500 ms.
	BacklogBytes int
	// BacklogTime: see BacklogBytes.
	BacklogTime time.Duration

	// Mobility lets clients take their allocations along to another address (RFC 8016). If false, a client that asks for
	// that is refused by 405.
	Mobility bool

	// Alternates are where clients are sent that get no allocation here. If empty, they are refused. See
	// docs/decisions/alternates.md and Server.SetAlternates.
	Alternates Alternates

	// LatencySample is what part of UDP packets Stats.LatencyToPeers and LatencyToClients are measured on: one of so many
	// relay sockets, and at listeners one of so many parts of a second. A packet that is measured costs 100 ns more. If zero,
	// 64; negative: none.
	LatencySample int

	// Network opens the sockets. If nil, the system's.
	Network netio.Network
	// ListenStream opens the listeners of every transport but UDP. Its listeners accept connections that are ready
	// for TURN: handshakes are done, and the addresses, which have a method AddrPort, are the client's and the one it
	// reached. A connection with a method WriteMessages(b []byte, ends []int, space []byte) ([]byte, error) is given
	// messages to write, which end at those places of b, and memory to put records together in, which it returns; one of
	// [allocation.DTLS] needs it, and reads one message at a time (RFC 7350). One with methods Below() net.Conn and
	// SetBelow(net.Conn) is on top of another connection: it is given a [netio.Stream] in place of that where the network
	// has some, and goes on after reads of it that are interrupted by [netio.ErrNotReady]. One with a method
	// ReadReady(b []byte) (int, error), which reads what has arrived and waits for nothing, is asked for more after each
	// Read where it has not. If nil, there is only TCP, by Network.
	ListenStream func(n netio.Network, l Listener) (net.Listener, error)
	// Logger takes what an operator should read. If nil, slog.Default.
	Logger *slog.Logger
}

// withDefaults fills in what is zero.
func (c Config) withDefaults() Config {
	c.Software = cmp.Or(c.Software, "turnout")
	c.PortMin = cmp.Or(c.PortMin, 49152) // RFC 8656 §7.2: the dynamic port range
	c.PortMax = cmp.Or(c.PortMax, 65535)
	c.Batch = cmp.Or(c.Batch, 64)
	c.DefaultLifetime = cmp.Or(c.DefaultLifetime, 10*time.Minute)
	c.MaxLifetime = cmp.Or(c.MaxLifetime, time.Hour)
	if len(c.TCPPorts) == 0 {
		c.TCPPorts = []PortRange{{1024, 65535}}
	}
	c.MaxConnections = cmp.Or(c.MaxConnections, 64)
	c.NonceLifetime = cmp.Or(c.NonceLifetime, time.Hour)
	c.UnauthenticatedRate = cmp.Or(c.UnauthenticatedRate, 100)
	c.UnauthenticatedBurst = cmp.Or(c.UnauthenticatedBurst, 1000)
	c.BacklogBytes = cmp.Or(c.BacklogBytes, 1<<20)
	c.BacklogTime = cmp.Or(c.BacklogTime, 500*time.Millisecond)
	c.LatencySample = cmp.Or(c.LatencySample, 64)
	if c.Network == nil {
		c.Network = netio.System()
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	c.Workers = cmp.Or(c.Workers, runtime.NumCPU())
	if most := c.Network.MaxWorkers(); most > 0 {
		c.Workers = min(c.Workers, most)
	}
	return c
}

// check names everything that is missing or contradicts itself.
func (c Config) check() error {
	var errs []error
	need := func(ok bool, what string) {
		if !ok {
			errs = append(errs, errors.New(what))
		}
	}
	need(c.Realm != "", "a relay needs a realm")
	need(len(c.Listeners) > 0, "a relay needs an address to listen on")
	need(len(c.RelayAddresses) > 0, "a relay needs an address to relay from")
	need(c.Verifier != nil, "a relay needs a verifier of credentials")
	need(utf8.ValidString(c.Software) && utf8.RuneCountInString(c.Software) < 128, "the text of SOFTWARE is not UTF-8 of at most 127 characters")
	need(c.MaxLifetime >= c.DefaultLifetime, "the longest lifetime is shorter than the default")
	for _, l := range c.Listeners {
		plain := l.Transport == allocation.UDP || l.Transport == allocation.TCP
		need(plain || c.ListenStream != nil, "nothing opens listeners of "+l.Transport.String())
	}
	return errors.Join(errs...)
}
