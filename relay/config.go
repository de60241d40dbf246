// Package relay is the data plane of a TURN server: workers that answer STUN and
// TURN requests and relay datagrams between clients and peers (RFC 8489, RFC 8656).
package relay

import (
	"cmp"
	"errors"
	"log/slog"
	"net/netip"
	"runtime"
	"time"

	"turnout/allocation"
	"turnout/auth"
	"turnout/internal/netio"
)

// A Listener is one address the relay serves clients on.
type Listener struct {
	Transport allocation.Transport // UDP or TCP
	Addr      netip.AddrPort       // a wildcard address means every interface of its family
}

// An Expiry says what the end of a credential does to an allocation made with it.
type Expiry uint8

const (
	ExpiryAllocate Expiry = iota // nothing: requests are verified with the key the allocation was made with
	ExpiryRefresh                // the next Refresh fails
	ExpiryHard                   // the allocation is ended
)

// A Config describes a Server. Zero fields are defaults; Realm, Listeners, RelayAddresses and Verifier are required.
type Config struct {
	Realm          string
	Listeners      []Listener
	RelayAddresses []allocation.RelayAddress
	PortMin        uint16 // If zero, 49152.
	PortMax        uint16 // If zero, 65535.
	Workers        int    // If zero, one per CPU.
	Batch          int    // Datagrams a worker holds at a time. If zero, 64.

	DefaultLifetime time.Duration // If zero, 10 minutes.
	MaxLifetime     time.Duration // If zero, 1 hour.
	TotalLifetime   time.Duration // Refreshing goes on no longer than this. If zero, for ever.

	LegacyChannels bool // Accept channel numbers 0x5000 to 0x7FFF (RFC 5766).

	Verifier      *auth.Verifier
	Expiry        Expiry
	NonceLifetime time.Duration // If zero, 1 hour... see RFC 8656 §5.

	PeersAllow, PeersDeny []netip.Prefix
	HostAddresses         []netip.Addr     // this host's own, external ones included: denied as peers
	OwnPorts              []netip.AddrPort // where turnout itself listens besides Listeners (admin, API …): never open to peers; a wildcard address closes the port on every own address

	UserAllocations  int // Allocations per user at a time. If zero, no limit.
	TotalAllocations int // If zero, no limit.
	MaxPermissions   int // per allocation; if zero, 1024
	MaxChannels      int // per allocation; if zero, 1024

	UnauthenticatedRate  int // Unauthenticated answers a second to one source; if zero, 100; negative: no limit.
	UnauthenticatedBurst int // If zero, 1000.

	BacklogBytes int           // queued for one stream client; if zero, 1 MiB
	BacklogTime  time.Duration // and how long; if zero, 500 ms

	Network netio.Network // If nil, the system's.
	Logger  *slog.Logger  // If nil, slog.Default.
}

// withDefaults fills in what is zero.
func (c Config) withDefaults() Config {
	c.PortMin = cmp.Or(c.PortMin, 49152) // RFC 8656 §7.2: the dynamic port range
	c.PortMax = cmp.Or(c.PortMax, 65535)
	c.Batch = cmp.Or(c.Batch, 64)
	c.DefaultLifetime = cmp.Or(c.DefaultLifetime, 10*time.Minute)
	c.MaxLifetime = cmp.Or(c.MaxLifetime, time.Hour)
	c.NonceLifetime = cmp.Or(c.NonceLifetime, time.Hour)
	c.UnauthenticatedRate = cmp.Or(c.UnauthenticatedRate, 100)
	c.UnauthenticatedBurst = cmp.Or(c.UnauthenticatedBurst, 1000)
	c.BacklogBytes = cmp.Or(c.BacklogBytes, 1<<20)
	c.BacklogTime = cmp.Or(c.BacklogTime, 500*time.Millisecond)
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
	need(c.MaxLifetime >= c.DefaultLifetime, "the longest lifetime is shorter than the default")
	return errors.Join(errs...)
}
