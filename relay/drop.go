package relay

// A Drop names why a datagram or frame was not relayed or answered. Every drop
// is counted under its name; the names are metric labels and change only by
// addition.
type Drop uint8

const (
	notDropped Drop = iota

	// What came from clients.
	DropNotSTUN
	DropMalformed
	DropFingerprint
	DropMethod
	DropUnauthenticatedBudget
	DropUnknownRequired
	DropNoAllocation
	DropIndicationMalformed
	DropChannelMalformed
	DropChannelReserved
	DropChannelUnbound
	DropNoPermission
	DropNewPeers
	DropPeerDenied
	DropPeerFamily
	DropStreamFraming
	DropTCPAllocation

	DropMoving

	DropTruncated     // also from peers
	DropBandwidth     // also from peers
	DropUserBandwidth // likewise

	// What came from peers.
	DropPeerNoPermission
	DropPeerSource
	DropPeerConnection
	DropPeerAccept
	DropICMPType
	DropICMPRate
	DropTooLarge

	// What could not be sent.
	DropStreamBacklog
	DropStreamBacklogAge
	DropStreamClosed
	DropSendBuffer
	DropSendNotPermitted
	DropSendMessageSize
	DropSendUnreachable
	DropSendError

	// What should not happen.
	DropPanic

	numDrops
)

// drops holds a name (the metric's label) and one sentence for each reason.
var drops = [numDrops]struct{ name, sentence string }{
	notDropped:                {"none", "Relayed or answered."},
	DropNotSTUN:               {"not_stun", "The first byte is neither STUN's nor ChannelData's (RFC 7983)."},
	DropMalformed:             {"malformed", "The STUN header or an attribute does not fit its bytes."},
	DropFingerprint:           {"fingerprint", "FINGERPRINT does not match (RFC 8489 §7)."},
	DropMethod:                {"method", "A method or class that a server does not take, such as a response (RFC 8489 §6.3)."},
	DropUnauthenticatedBudget: {"unauthenticated_budget", "The source used up its budget of unauthenticated answers."},
	DropUnknownRequired:       {"unknown_required", "An indication has a comprehension-required attribute unknown here (RFC 8489 §6.3.2)."},
	DropNoAllocation:          {"no_allocation", "An indication or ChannelData on a 5-tuple without allocation (RFC 8656 §5)."},
	DropIndicationMalformed:   {"indication_malformed", "A Send indication without a valid XOR-PEER-ADDRESS and DATA (RFC 8656 §11.2)."},
	DropChannelMalformed:      {"channel_malformed", "A ChannelData message shorter than its length says (RFC 8656 §12.6)."},
	DropChannelReserved:       {"channel_reserved", "A channel number of the reserved range (RFC 8656 §12)."},
	DropChannelUnbound:        {"channel_unbound", "ChannelData on a channel that is bound to no peer, or no longer (RFC 8656 §12.6)."},
	DropNoPermission:          {"no_permission", "Data from the client to a peer without permission (RFC 8656 §9)."},
	DropNewPeers:              {"new_peers", "Data to a peer that the client has not sent to before, beyond the rate of new ones (limits.new-peers)."},
	DropPeerDenied:            {"peer_denied", "Data from the client to a peer that the peer policy denies."},
	DropPeerFamily:            {"peer_family", "Data to a peer of an address family that the allocation lacks."},
	DropStreamFraming:         {"stream_framing", "A stream carried something that is neither STUN nor ChannelData; it was closed."},
	DropMoving:                {"moving", "A client's allocation is on its way from one worker to another, and something of the client's waits for it already."},
	DropTCPAllocation:         {"tcp_allocation", "A Send indication on a TCP allocation, whose control connection carries no data (RFC 6062 §3)."},
	DropTruncated:             {"truncated", "A datagram larger than its receive slot, which holds any: the system is not what it says."},
	DropBandwidth:             {"bandwidth", "Data beyond the bandwidth of an allocation (RFC 8656 §5)."},
	DropUserBandwidth:         {"user_bandwidth", "Data beyond the bandwidth of a user (quota.user.bandwidth, classes, or the credential)."},
	DropPeerNoPermission:      {"peer_no_permission", "A datagram from a peer without permission (RFC 8656 §9)."},
	DropPeerSource:            {"peer_source", "A datagram from a source that the peer policy denies."},
	DropPeerConnection:        {"peer_connection", "A peer's connection to a TCP allocation that has too many, or has just ended; it was closed."},
	DropPeerAccept:            {"peer_accept", "Accepting a peer's connection failed: the system is out of descriptors or memory."},
	DropICMPType:              {"icmp_type", "An ICMP error of a type that is not relayed (RFC 8656 §11.5)."},
	DropICMPRate:              {"icmp_rate", "An ICMP error beyond the allocation's rate."},
	DropTooLarge:              {"too_large", "With its header the datagram would exceed what one UDP datagram or frame holds."},
	DropStreamBacklog:         {"stream_backlog", "The stream client's queue is full in bytes."},
	DropStreamBacklogAge:      {"stream_backlog_age", "The stream client has not taken data for too long."},
	DropStreamClosed:          {"stream_closed", "The stream client's connection has ended."},
	DropSendBuffer:            {"send_buffer", "The socket's send buffer is full (EAGAIN, ENOBUFS)."},
	DropSendNotPermitted:      {"send_not_permitted", "A firewall of this host forbids sending it (EPERM)."},
	DropSendMessageSize:       {"send_message_size", "Larger than the path's MTU and not to be fragmented (EMSGSIZE)."},
	DropSendUnreachable:       {"send_unreachable", "No route to the destination."},
	DropSendError:             {"send_error", "Sending failed for another reason."},
	DropPanic:                 {"panic", "A handler panicked; the log has its stack."},
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
