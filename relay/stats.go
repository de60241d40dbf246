package relay

import (
	"time"

	"turnout/allocation"
	"turnout/stun"
)

// Traffic is relayed payload, without the headers of TURN.
type Traffic struct{ Packets, Bytes uint64 }

// Stats are totals since the start and gauges of now, summed over the workers.
type Stats struct {
	Allocations      int                          // live
	AllocationsBy    map[allocation.Transport]int // live, by the client's transport
	AllocationsTotal uint64
	Moves            uint64 // of clients to another address (RFC 8016)
	HandOvers        uint64 // of their allocations to another worker

	// Traffic is counted as it passes. EachTraffic has it by address family.
	FromClients, ToPeers, FromPeers, ToClients Traffic
	// ListenerDrops and RelayDrops are what the system dropped at sockets, listeners' and relay sockets', mostly because
	// their buffers were full. Datagrams that arrived together (GRO) count as one. They are what [Server.Survey] found last.
	ListenerDrops, RelayDrops uint64
	// StreamsCut are clients' connections that were closed because they took nothing for 30 s.
	StreamsCut uint64
	// BudgetsSpent is how many sources got no answer to what is not authenticated when Survey looked.
	BudgetsSpent int
	// WorkersCPU is the CPU time that each worker has used, as Survey found it last; nil where the system does not tell.
	WorkersCPU []time.Duration

	// AllocationSeconds and AllocationBytes are of allocations that have ended: how long they lived, and the payload they
	// relayed, both ways together.
	AllocationSeconds, AllocationBytes Histogram
	// Reads are how many datagrams each read of a ready socket brought.
	Reads Histogram
	// LatencyToPeers and LatencyToClients are seconds from the time the system received a packet to when it was handed to
	// the system to be sent, of a sample of UDP packets ([Config].LatencySample).
	LatencyToPeers, LatencyToClients Histogram

	PortsInUse, Ports int
	// TCP allocations' ports, and their connections to peers: dialled, waiting for their client, and bound.
	TCPPortsInUse, TCPPorts, PeerConnections int
	Streams                                  int // open client connections
	Panics                                   uint64
	Draining                                 bool
	Workers                                  int

	// What the kernel was asked for: datagrams per call is the batch size reached.
	RecvCalls, RecvDatagrams, SendCalls, SendDatagrams uint64
	// Messages of several datagrams, and the datagrams in them: segments per message is how well a shortcut works.
	GSOMessages, GSOSegments, GROMessages, GROSegments uint64
	// GSO and GRO say whether every worker uses the shortcut now.
	GSO, GRO bool

	counts [numCounters]uint64
}

// Counters of a worker, one index each. Requests and authentications are blocks.
const (
	counterDrops           = 0
	counterAuthentications = counterDrops + int(numDrops)
	counterRequests        = counterAuthentications + int(numAuthentications)
	counterCreated         = counterRequests + len(methods)*len(outcomes) // by transport
	counterEnded           = counterCreated + len(transports)             // likewise
	counterPanics          = counterEnded + len(transports)
	counterMoves           = counterPanics + 1
	counterHandOvers       = counterMoves + 1
	counterMade            = counterHandOvers + 1     // allocations; a move to another transport is none, though it is counted as created there
	counterListenerDrops   = counterMade + 1          // by the system, for want of room in a socket
	counterRelayDrops      = counterListenerDrops + 1 // likewise
	counterStreamsCut      = counterRelayDrops + 1
	counterLimits          = counterStreamsCut + 1
	counterFromClients     = counterLimits + int(numLimits) // packets and bytes over IPv4, the same over IPv6; likewise below
	counterToPeers         = counterFromClients + 4
	counterFromPeers       = counterToPeers + 4
	counterToClients       = counterFromPeers + 4
	counterRecvCalls       = counterToClients + 4
	counterGSOMessages     = counterRecvCalls + 4
	counterGSO             = counterGSOMessages + 4 // 1 while the worker uses it
	counterGRO             = counterGSO + 1         // likewise
	numCounters            = counterGRO + 1
)

// methods are those of which requests are counted, with their names in metrics.
var methods = [...]struct {
	method stun.Method
	name   string
}{
	{stun.MethodBinding, "binding"},
	{stun.MethodAllocate, "allocate"},
	{stun.MethodRefresh, "refresh"},
	{stun.MethodCreatePermission, "create_permission"},
	{stun.MethodChannelBind, "channel_bind"},
	{stun.MethodConnect, "connect"},
	{stun.MethodConnectionBind, "connection_bind"},
}

// transports are those between clients and server.
var transports = [...]allocation.Transport{allocation.UDP, allocation.TCP, allocation.TLS, allocation.DTLS}

// transportCounter is the counter of a transport in a block that begins at first.
func transportCounter(first int, t allocation.Transport) int {
	for i := range transports {
		if transports[i] == t {
			return first + i
		}
	}
	panic("relay: no counter for the transport")
}

// outcomes are what a request can be answered with; 0 is success.
var outcomes = [...]stun.Code{
	0, stun.CodeTryAlternate, stun.CodeBadRequest, stun.CodeUnauthenticated, stun.CodeForbidden, stun.CodeMobilityForbidden,
	stun.CodeUnknownAttribute, stun.CodeAllocationMismatch, stun.CodeStaleNonce,
	stun.CodeAddressFamilyNotSupported, stun.CodeWrongCredentials, stun.CodeUnsupportedTransport,
	stun.CodePeerAddressFamilyMismatch, stun.CodeConnectionAlreadyExists, stun.CodeConnectionTimeoutOrFailure,
	stun.CodeAllocationQuotaReached, stun.CodeServerError, stun.CodeInsufficientCapacity,
}

func requestCounter(m stun.Method, c stun.Code) int {
	for i := range methods {
		if methods[i].method != m {
			continue
		}
		for k := range outcomes {
			if outcomes[k] == c {
				return counterRequests + i*len(outcomes) + k
			}
		}
	}
	panic("relay: no counter for " + m.String() + " answered " + c.Reason())
}

// An Authentication is the outcome of checking a request's credentials.
type Authentication uint8

const (
	AuthenticationOK Authentication = iota
	AuthenticationChallenged
	AuthenticationMalformed
	AuthenticationStaleNonce
	AuthenticationUnknownUser
	AuthenticationWrongPassword
	AuthenticationExpired
	AuthenticationRevoked
	AuthenticationWrongToken
	numAuthentications
)

var authentications = [numAuthentications]string{
	"ok", "challenged", "malformed", "stale_nonce", "unknown_user", "wrong_password", "expired", "revoked", "wrong_token",
}

// String is the outcome's name, as metrics label it.
func (a Authentication) String() string { return authentications[a] }

// EachDrop yields every drop reason with its count.
func (s Stats) EachDrop(yield func(reason string, n uint64)) {
	for _, d := range Drops() {
		yield(d.String(), s.counts[counterDrops+int(d)])
	}
}

// Dropped is how many datagrams and frames were dropped for this reason.
func (s Stats) Dropped(d Drop) uint64 { return s.counts[counterDrops+int(d)] }

// EachTraffic yields the traffic of every direction by address family: that of the client for what comes from and goes to
// clients, that of the peer for the rest.
func (s Stats) EachTraffic(yield func(direction, family string, t Traffic)) {
	for _, d := range [...]struct {
		name  string
		first int
	}{{"from_client", counterFromClients}, {"to_peer", counterToPeers}, {"from_peer", counterFromPeers}, {"to_client", counterToClients}} {
		yield(d.name, "ipv4", Traffic{s.counts[d.first], s.counts[d.first+1]})
		yield(d.name, "ipv6", Traffic{s.counts[d.first+2], s.counts[d.first+3]})
	}
}

// EachAuthentication yields every outcome of authentication with its count.
func (s Stats) EachAuthentication(yield func(result string, n uint64)) {
	for a := range numAuthentications {
		yield(a.String(), s.counts[counterAuthentications+int(a)])
	}
}

// EachRequest yields how many requests of a method were answered with a code, 0
// for success.
func (s Stats) EachRequest(yield func(method string, code int, n uint64)) {
	for i, m := range methods {
		for k, c := range outcomes {
			yield(m.name, int(c), s.counts[counterRequests+i*len(outcomes)+k])
		}
	}
}

// fill sets the fields that come from the counters of so many workers.
func (s *Stats) fill(workers int) {
	s.AllocationsBy = map[allocation.Transport]int{}
	for i, t := range transports {
		s.AllocationsBy[t] = int(s.counts[counterCreated+i] - s.counts[counterEnded+i])
	}
	s.AllocationsTotal = s.counts[counterMade]
	s.Panics = s.counts[counterPanics]
	s.Moves, s.HandOvers = s.counts[counterMoves], s.counts[counterHandOvers]
	traffic := func(i int) Traffic {
		return Traffic{Packets: s.counts[i] + s.counts[i+2], Bytes: s.counts[i+1] + s.counts[i+3]}
	}
	s.FromClients, s.ToPeers = traffic(counterFromClients), traffic(counterToPeers)
	s.FromPeers, s.ToClients = traffic(counterFromPeers), traffic(counterToClients)
	s.ListenerDrops, s.RelayDrops = s.counts[counterListenerDrops], s.counts[counterRelayDrops]
	s.StreamsCut = s.counts[counterStreamsCut]
	s.RecvCalls, s.RecvDatagrams = s.counts[counterRecvCalls], s.counts[counterRecvCalls+1]
	s.SendCalls, s.SendDatagrams = s.counts[counterRecvCalls+2], s.counts[counterRecvCalls+3]
	s.GSOMessages, s.GSOSegments = s.counts[counterGSOMessages], s.counts[counterGSOMessages+1]
	s.GROMessages, s.GROSegments = s.counts[counterGSOMessages+2], s.counts[counterGSOMessages+3]
	s.GSO = s.counts[counterGSO] == uint64(workers)
	s.GRO = s.counts[counterGRO] == uint64(workers)
}
