package relay

import (
	"log/slog"
	"net/netip"
	"sync/atomic"
	"time"

	"turnout/allocation"
	"turnout/auth"
	"turnout/stun"
)

// settings are what every worker goes by. A value never changes: Server.Reload makes
// another one, and posts it to the workers.
type settings struct {
	*shared

	realm           string
	serverName      string // THIRD-PARTY-AUTHORIZATION; empty: no access tokens
	software        string // of answers; "" for none
	defaultLifetime allocation.Duration
	maxLifetime     allocation.Duration
	totalLifetime   allocation.Duration // 0: none
	lastChannel     stun.ChannelNumber
	known           stun.AttributeSet // comprehension-required attributes understood here
	expiry          Expiry
	bandwidth       rate // of an allocation, each way
	backlogBytes    int
	backlogTime     time.Duration
	latencySample   int // one of so many is measured; 0: none

	verifier       *auth.Verifier
	nonces         *auth.Nonces
	mobility       bool // whether allocations become mobile; those that are stay it
	policy         *policy
	budget         budget
	maxPermissions int
	maxChannels    int
	maxConnections int
	listeners      []*listener // of the configuration, in its order
	vantages       []*listener // that NAT discovery needs besides
}

// shared is what all workers share and no reload replaces: immutable after New, or
// safe for concurrent use by itself.
type shared struct {
	nonceKey    [32]byte
	sealer      *auth.Tickets // of MOBILITY-TICKET
	spending    *spending     // of the budget of unauthenticated answers
	ports       *allocation.Ports
	ledger      *allocation.Ledger
	quotas      atomic.Pointer[quotas] // of users; replaced as one
	allowances  *allowances
	connections *connections // of TCP allocations; nil where there are none

	nat              []allocation.RelayAddress // those with an external address of their own
	log              *slog.Logger
	alternates       atomic.Pointer[Alternates] // where clients are sent that get no allocation here
	draining         atomic.Bool                // no new allocations
	unlogged         atomic.Uint64              // lines the log could not take
	noticed          chan struct{}              // a worker has something for the log: see limit_log.go
	failures         chan failure               // to the log
	unloggedFailures atomic.Uint64              // that did not get there
	refused          [2]atomic.Bool             // GSO, GRO: the log has told that the kernel refused it
}

// A state is what handlers work on: one worker's, owned by it.
type state struct {
	*settings

	table         *allocation.Table
	sockets       opener
	counters      counters
	tallies       [numNotices]tally // since the log asked last
	verifierState auth.VerifierState
	nonceState    auth.NonceState
	nonceSpace    [auth.NonceSize]byte
	tickets       *tickets
	usernameSpace [512]byte
	keySpace      [32]byte
	unknown       []stun.AttributeType // for 420
	peers         []netip.Addr         // of CreatePermission
}

// An opener opens and closes the relay sockets of allocations; the worker is it.
// Handlers reach sockets by no other way.
type opener interface {
	// open opens the relay socket of one family. Where another process holds the
	// port it takes the next one (at most 16).
	open(a *allocation.Allocation, ipv6 bool) error
	// established starts relaying for an allocation whose sockets are open.
	established(a *allocation.Allocation, from *origin)
	// closeFamily ends one family of a dual allocation, end the allocation.
	closeFamily(a *allocation.Allocation, ipv6 bool)
	// connected says whether a TCP allocation has a connection to peer, is being
	// connected or waits for its client.
	connected(a *allocation.Allocation, peer netip.AddrPort) bool
	// connect begins to connect to a peer: errLater, or errInsufficientCapacity.
	connect(a *allocation.Allocation, peer netip.AddrPort, rq *request) error
	// meets says whether the client may send to a peer, which may be a new one.
	meets(a *allocation.Allocation, peer netip.AddrPort) bool
	end(a *allocation.Allocation, why EndReason)
	// move begins to serve an allocation's client at another address, settle stops
	// serving it at the old one. RFC 8016 §3.2.2.
	move(a *allocation.Allocation, to *origin) error
	settle(a *allocation.Allocation)
	// handOver gives an allocation to the worker that a request reached.
	handOver(a *allocation.Allocation, v *visit)
}

// An EndReason says why an allocation ended.
type EndReason uint8

const (
	EndExpired EndReason = iota
	EndDeleted
	EndDisconnected
	EndShutdown
	EndPanicked
	EndSocketBroken
	EndNotOpened
	EndRevoked
	EndByOperator
	EndNotAdopted
)

// String is the reason as logs tell it.
func (r EndReason) String() string {
	switch r {
	case EndExpired:
		return "expired"
	case EndDeleted:
		return "deleted by its client"
	case EndDisconnected:
		return "client disconnected"
	case EndShutdown:
		return "shutdown"
	case EndPanicked:
		return "panic"
	case EndSocketBroken:
		return "relay socket broken"
	case EndRevoked:
		return "revoked"
	case EndByOperator:
		return "ended by the operator"
	case EndNotAdopted:
		return "could not go to the worker of its client's new address"
	}
	return "no relay socket"
}

// lifetime is the time to expiry that a request is granted: between the default
// and the maximum (RFC 8656 §7.2, §8.2), and no longer than the caps of
// relay.lifetime.total and, with auth.expiry hard, the credential: 0 once that
// time is over, or refreshing often would get past it.
// What an access token is for never outlives it (RFC 7635 §9). credentialExpires is
// zero for never.
func (r *request) lifetime(created allocation.Time, credentialExpires time.Time) allocation.Duration {
	granted := r.defaultLifetime
	if asked, err := r.msg.Uint32(stun.AttrLifetime); err == nil {
		granted = max(granted, min(allocation.Duration(asked)*allocation.Second, r.maxLifetime))
	}
	if r.totalLifetime > 0 {
		granted = min(granted, r.totalLifetime-allocation.Duration(r.now-created))
	}
	switch {
	case credentialExpires.IsZero():
	case r.expiry == ExpiryHard:
		granted = min(granted, allocation.Duration(credentialExpires.Unix()-r.wall.Unix())*allocation.Second)
	case thirdParty(r.owner): // whole seconds, or LIFETIME might be rounded up
		left := allocation.Duration(credentialExpires.Sub(r.wall))
		granted = min(granted, left/allocation.Second*allocation.Second)
	}
	return max(granted, 0)
}

// seconds is a time to expiry as LIFETIME tells it.
func seconds(expires, now allocation.Time) uint32 {
	return uint32(max(0, (allocation.Duration(expires-now)+allocation.Second/2)/allocation.Second))
}
