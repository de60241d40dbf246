// Package netio is the kernel as the relay sees it: UDP sockets read and written
// in batches, a poller, and stream listeners. Three networks implement it: the
// system's (Linux: epoll, recvmmsg, sendmmsg, SO_REUSEPORT), a portable one over
// package net, and an in-memory twin for tests under virtual time.
//
// It is the only package with unsafe and system calls.
package netio

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"time"
)

// A Network opens sockets. Its methods are safe for concurrent use.
type Network interface {
	// NewPoller makes a worker's poller.
	NewPoller(c PollerConfig) (Poller, error)
	// ListenUDP binds n sockets to one address (an SO_REUSEPORT group, bound whole before any is read; what arrived
	// before the last bind is discarded; the first is bound without the option so that a second instance gets
	// ErrAddrInUse). The kernel keeps a client on one of them. Port 0 picks one port for all.
	ListenUDP(addr netip.AddrPort, n int) ([]Socket, error)
	// OpenUDP binds a relay socket: IP_RECVERR on, no SO_REUSEPORT.
	OpenUDP(addr netip.AddrPort) (Socket, error)
	// ListenTCP listens for streams.
	ListenTCP(addr netip.AddrPort) (net.Listener, error)
	// DialTCP connects from local (RFC 6062; port 0 in local: any).
	DialTCP(ctx context.Context, local, peer netip.AddrPort) (net.Conn, error)
	// Transfer moves what src receives to dst, until src has received all (nil) or either fails. It tells moved of bytes once
	// dst has them. TCP connections are spliced where the system can: their bytes never enter the process. Both
	// connections' deadlines hold; after os.ErrDeadlineExceeded of src nothing is lost, and Transfer may be called again.
	Transfer(dst, src net.Conn, moved func(n int)) error
	// DontFragment says whether Out.DF is honoured; without it DONT-FRAGMENT is an unknown attribute (RFC 8656 §7.2).
	DontFragment() bool
	// MaxWorkers is how many pollers may share a listening address: 0 for no limit, 1 on the portable network.
	MaxWorkers() int
	// Limitations are sentences on what this network cannot do ("no ICMP errors", …), for the log at start.
	Limitations() []string
}

// Errors of the openers; test with errors.Is. Their text names the address.
var (
	ErrAddrInUse        = errors.New("address already in use")
	ErrAddrNotAvailable = errors.New("address is not one of this host")
	ErrPermission       = errors.New("permission denied")
	ErrTooManyFiles     = errors.New("too many open files")
)

// PollerConfig sizes a poller. Zero fields are defaults.
type PollerConfig struct {
	// Slots is how many reads are held between two EndRounds: datagrams, or with GRO datagrams that arrived together. If zero, 64.
	Slots int
	// GSO and GRO switch the shortcuts: see Shortcuts. NewPoller fails where one is on that this network does not have.
	GSO, GRO Switch
}

// A Socket is one UDP socket. It belongs to the poller it is added to.
type Socket interface {
	// Local is the bound address (the port filled in).
	Local() netip.AddrPort
	// Close closes it. Only at the end of a round and after Remove: never while a Packet or Out refers to it.
	Close() error
}

// A BufferSizer is a Socket that knows what became of the buffer sizes it was opened with: the system may grant less.
type BufferSizer interface {
	// Buffers are the effective sizes in bytes as the system accounts them, its own overhead included. (Linux doubles what
	// is asked for, to make up for that.) The caller is the socket's owner.
	Buffers() (receive, send int, err error)
}

// A Packet is one received datagram, whole: never truncated. Valid until EndRound.
type Packet struct {
	Addr    netip.AddrPort // source; IPv4 is never mapped into IPv6, a link-local source keeps no zone
	Local   netip.AddrPort // the address it was sent to (by PKTINFO on wildcard sockets)
	Payload []byte
	TOS     uint8 // DSCP and ECN, 0 where the system cannot tell
	// Received is when the system received it (the first, of those that arrived together): Unix time in nanoseconds, 0
	// unless its socket is asked for it (Stamper).
	Received int64
}

// An Out is one datagram to send: header, payload and padding are gathered, not copied.
// The slices must stay as they are until Send returns.
type Out struct {
	Socket  Socket
	Local   netip.Addr // source address on wildcard sockets; zero: the socket's own
	Dst     netip.AddrPort
	TOS     uint8
	DF      bool // set DF for this datagram alone (DONT-FRAGMENT)
	Header  []byte
	Payload []byte
	Padding []byte
}

// A Failure says which Out was not sent and why: one of the errors below, else the system's.
type Failure struct {
	Index int
	Err   error
}

var (
	ErrWouldBlock   = errors.New("socket buffer full")              // EAGAIN, ENOBUFS
	ErrNotPermitted = errors.New("sending not permitted")           // EPERM: a firewall's rule
	ErrMessageSize  = errors.New("datagram too large for the path") // EMSGSIZE
	ErrUnreachable  = errors.New("network or host unreachable")     // ENETUNREACH, EHOSTUNREACH, EADDRNOTAVAIL …
)

// An ICMPError is one entry of a relay socket's error queue, of ICMP origin only.
type ICMPError struct {
	Peer       netip.AddrPort // destination of the datagram that provoked it
	Type, Code uint8
	Info       uint32 // MTU for ICMPv4 3/4 and ICMPv6 2
}

// WakeID is the ID of the Event that a Wake makes; no socket may be added under it.
const WakeID = ^uint64(0)

// An Event is one ready socket or Stream (or, with ID WakeID, a Wake).
type Event struct {
	ID       uint64 // as given to Add or AddStream
	Readable bool
	Errored  bool // RecvErrors has something; a Stream's next Read tells what
	Writable bool // of a Stream that keeps something: Flush
}

// A Poller is owned by one goroutine (on a locked thread where the network asks for it); only Wake may be called from others.
type Poller interface {
	// Add registers a socket under an id of the caller's (slab index and generation): never a descriptor, so that
	// a recycled one cannot carry another user's datagram.
	Add(s Socket, id uint64) error
	// Remove unregisters; a socket must be removed before it is closed.
	Remove(s Socket) error
	// Wait blocks until a socket is ready, Wake is called, or timeout passes (negative: for ever; 0: a poll). The slice is valid until the next Wait.
	// Level-triggered: what was not read is reported again. Sockets take turns in being reported, which is fair to all
	// if every event is served before the next Wait: who is out of Room ends the round and goes on with the same slice.
	Wait(timeout time.Duration) ([]Event, error)
	// Room is how many more slots there are before EndRound.
	Room() int
	// Recv reads into at most max slots (and at most Room; fewer where each has lately held many datagrams, or they came one at a time) in one call, never until EAGAIN; none is no error. A slot takes one datagram, or
	// with GRO those of one sender that arrived together: any number of Packets, mostly up to 64, in the order they were sent, whose payloads lie
	// side by side in the slot. The slice is valid until the next Recv, its payloads until EndRound.
	Recv(s Socket, max int) ([]Packet, error)
	// RecvErrors drains the error queue (bounded) and clears the socket's pending error. The slice is valid until the next RecvErrors.
	RecvErrors(s Socket) []ICMPError
	// Send sends all, grouped by socket, in order for each destination of a socket; one bad datagram of a batch loses only itself, and a pending
	// error of the socket costs none. With GSO, datagrams of one length to one destination leave together. The slice is valid until the next Send, and in no particular order.
	Send(outs []Out) []Failure
	// EndRound frees the slots.
	EndRound()
	// Wake makes a Wait return, now or at its next call. Safe for concurrent use; cheap when already pending.
	Wake()
	// Counts are system calls and datagrams so far, for benchmarks and metrics.
	Counts() Counts
	// Shortcuts are those of the kernel in use now.
	Shortcuts() Shortcuts
	// Close closes the poller and none of its sockets.
	Close() error
}

// Counts of a poller, owned by its goroutine.
type Counts struct {
	RecvCalls, RecvDatagrams, SendCalls, SendDatagrams uint64
	// GSOMessages are those that carried several datagrams, GSOSegments the datagrams in them; SendDatagrams counts them too.
	GSOMessages, GSOSegments uint64
	// GROMessages are the reads that brought several datagrams, GROSegments the datagrams; RecvDatagrams counts them too.
	GROMessages, GROSegments uint64
	// Truncated are datagrams that did not fit their slot, and were dropped for it. Slots hold any datagram: it is 0,
	// or the system is not what it says.
	Truncated uint64
}
