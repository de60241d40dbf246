package netio

import (
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// A Memory is a network inside the process, for tests: datagrams and streams go from queue to queue, time comes from
// package time alone, and every wait is one that testing/synctest sees as durably blocking, so that it runs under virtual
// time. Make one per test, inside its bubble.
//
// Every address is this host's unless SetHosts says otherwise, and one network reaches all of them: a test's clients and
// peers are ListenPacket and DialTCP. UDP is delivered when it is sent, in order, unless SetFate delays or loses it.
// Payloads a poller hands out are overwritten at its EndRound, so that a test finds who still reads them.
//
// Its methods are safe for concurrent use.
type Memory struct {
	buffers bufferPool

	mu         sync.Mutex
	udp        map[netip.AddrPort]*memoryGroup       // guarded by mu: by bound address
	udpPorts   map[memoryPort]int                    // guarded by mu: addresses the relay bound on a port, to tell overlaps
	listeners  map[netip.AddrPort]*memoryListener    // guarded by mu: by bound address
	streams    map[memoryStreamID]*memoryStream      // guarded by mu: by both ends' addresses, one entry for each open end
	hosts      []netip.Addr                          // guarded by mu: empty: every address
	occupied   map[uint16]bool                       // guarded by mu: ports of another process
	limit      int                                   // guarded by mu: sockets the relay may hold; 0: any number
	open       int                                   // guarded by mu: sockets the relay holds
	nextPort   uint16                                // guarded by mu: where the search for a free port begins
	mtu        int                                   // guarded by mu: 0: no limit
	queue      int                                   // guarded by mu: datagrams the next socket's queue holds
	buffer     int                                   // guarded by mu: bytes each way of the next stream
	streamTOS  uint8                                 // guarded by mu: of the next stream
	fate       func(Transit) Fate                    // guarded by mu
	dialFate   func(local, peer netip.AddrPort) Fate // guarded by mu
	flights    []flight                              // guarded by mu: delayed, by due time and order of sending
	departures uint64                                // guarded by mu: so that flights due together stay in order
	alarm      *time.Timer                           // guarded by mu: of the first flight

	landing sync.Mutex // held while due flights are delivered, so that they stay in order; before mu

	delivered, lost, overflowed, unbound atomic.Uint64

	unpolled atomic.Bool
}

// A memoryPort is a port of one address family.
type memoryPort struct {
	port uint16
	v6   bool
}

const (
	memoryQueue        = 1024     // datagrams
	memoryStreamBuffer = 64 << 10 // bytes

	// Where port 0 is looked for, as on Linux.
	firstFreePort = 32768
	lastFreePort  = 60999
)

// NewMemory makes a network with nothing on it.
func NewMemory() *Memory {
	return &Memory{
		buffers:   bufferPool{poisons: true},
		udp:       make(map[netip.AddrPort]*memoryGroup),
		udpPorts:  make(map[memoryPort]int),
		listeners: make(map[netip.AddrPort]*memoryListener),
		streams:   make(map[memoryStreamID]*memoryStream),
		occupied:  make(map[uint16]bool),
		nextPort:  firstFreePort,
		queue:     memoryQueue,
		buffer:    memoryStreamBuffer,
	}
}

// NewPoller fails only where a shortcut is switched on: there is no kernel here.
func (m *Memory) NewPoller(c PollerConfig) (Poller, error) {
	p, err := newQueuePoller(c, &m.buffers)
	if err != nil {
		return nil, err
	}
	return p, nil
}

// MaxWorkers is 0: any number of workers may share an address.
func (m *Memory) MaxWorkers() int { return 0 }

// DontFragment is part of Network.
func (m *Memory) DontFragment() bool { return true }

// Limitations are none.
func (m *Memory) Limitations() []string { return nil }

// SetHosts makes addrs this host's only addresses: the relay's sockets bind no other (ErrAddrNotAvailable), and a wildcard
// address is these alone. ListenPacket and DialTCP are for everyone else and use any address. None: every address.
func (m *Memory) SetHosts(addrs ...netip.Addr) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.hosts = slices.Clone(addrs)
}

// OccupyPorts gives the ports to another process of this host: binding one fails with ErrAddrInUse, and datagrams to
// one that nobody held before vanish.
func (m *Memory) OccupyPorts(ports ...uint16) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range ports {
		m.occupied[p] = true
	}
}

// VacatePorts ends OccupyPorts.
func (m *Memory) VacatePorts(ports ...uint16) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range ports {
		delete(m.occupied, p)
	}
}

// LimitSockets makes ListenUDP and OpenUDP fail with ErrTooManyFiles where they would go beyond n open sockets. 0: no limit.
func (m *Memory) LimitSockets(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.limit = n
}

// SetUnpolled says whether pollers take no streams, as those of other systems than Linux: whoever has one reads and writes it
// by goroutines.
func (m *Memory) SetUnpolled(unpolled bool) { m.unpolled.Store(unpolled) }

// SetMTU sets the largest IP packet in bytes, header included. A larger datagram sent with DF fails with ErrMessageSize, and
// the socket's error queue tells the MTU (ICMPv4 3/4, ICMPv6 2/0); without DF it passes, as if in fragments. 0: no limit.
func (m *Memory) SetMTU(bytes int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mtu = bytes
}

// SetReceiveQueue sets how many datagrams a socket opened from now on holds until they are read; more are dropped. If 0, 1,024.
func (m *Memory) SetReceiveQueue(datagrams int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.queue = datagrams
	if datagrams <= 0 {
		m.queue = memoryQueue
	}
}

// SetStreamBuffer sets how many bytes each way of a stream connected from now on holds until they are read; a Write of more waits. If 0,
// 64 KiB.
func (m *Memory) SetStreamBuffer(bytes int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.buffer = bytes
	if bytes <= 0 {
		m.buffer = memoryStreamBuffer
	}
}

// SetStreamTOS sets the Type of Service or Traffic Class of streams connected from now on: see [ConnectionTOS].
func (m *Memory) SetStreamTOS(tos uint8) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.streamTOS = tos
}

// MemoryStats are totals of datagrams since NewMemory.
type MemoryStats struct {
	Delivered  uint64 // into a queue
	Lost       uint64 // by SetFate
	Overflowed uint64 // dropped at a full queue
	Unbound    uint64 // to an address nobody had
}

// Stats are totals of now. A datagram whose delay has not passed is in none of them.
func (m *Memory) Stats() MemoryStats {
	return MemoryStats{
		Delivered:  m.delivered.Load(),
		Lost:       m.lost.Load(),
		Overflowed: m.overflowed.Load(),
		Unbound:    m.unbound.Load(),
	}
}

// Open names everything that is open, sorted: at a test's end, what it leaked.
func (m *Memory) Open() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var names []string
	for addr, g := range m.udp {
		for range g.sockets {
			names = append(names, fmt.Sprintf("udp %s", addr))
		}
	}
	for addr := range m.listeners {
		names = append(names, fmt.Sprintf("tcp %s", addr))
	}
	for id := range m.streams {
		names = append(names, fmt.Sprintf("tcp %s to %s", id.local, id.peer))
	}
	slices.Sort(names)
	return names
}
