package bench

import (
	"net/netip"
	"time"
)

// A Job is what one generator process does. It is the process's input, as JSON.
type Job struct {
	Scenario    Scenario
	Server      netip.AddrPort
	ServerName  string // that its certificate has to be for, with TLS
	Roots       []byte // certificates that vouch for it, PEM; empty: those of the system
	ServerPIDs  []int  // of the processes whose processor time and memory are read; none for a server elsewhere
	Credentials Credentials

	// Spread gives every client an address of its own out of 127.0.0.0/8, and all of them one socket. Without it each
	// client has a socket of its own, bound to Local.
	Spread  bool
	Local   netip.Addr     // address of this host that clients and peers are bound to
	Peer    netip.AddrPort // that echoes, in another process; the zero value: the generator plays the peer too
	PeerPID int            // of that process, whose processor time is the generator's

	Warmup, Duration time.Duration // before and while packets are counted
	Release          bool          // give the allocations back at the end: the server goes on living
	Seed             uint64        // of the pattern
}

// A Measurement is what one run of a generator found.
type Measurement struct {
	Setup   SetUp
	Traffic *Flow   `json:",omitempty"` // nil where no packet was relayed
	Memory  *Memory `json:",omitempty"` // nil for a server elsewhere
}

// A SetUp is how the allocations were made. CPU is zero for a server elsewhere.
type SetUp struct {
	Allocations int
	Elapsed     time.Duration // from the first Allocate request to the last answer
	ServerCPU   time.Duration
	Repeated    int // requests that nothing answered in time
}

// A Memory is a server's resident size.
type Memory struct {
	Before, After int64 // bytes: without allocations, and with all of them and their channels
}

// A Flow is what was relayed, over all flows of a scenario.
type Flow struct {
	Elapsed time.Duration // of the window in which packets are counted

	// Delivered packets arrived in the window, whole and for the first time.
	Delivered uint64
	// Sent packets left the generator in the window; Lost ones of them did not arrive before the end of the run.
	// Packets that the generator's own system refused to take are in neither.
	Sent, Lost uint64
	Planned    uint64 // packets that a fixed rate wanted to be sent in the window; 0 in a closed loop
	// Duplicate, Late (behind a newer one), Orphan (too late to be told from a duplicate), Corrupt and Misdelivered (whole,
	// and of another flow) packets of the whole run.
	Duplicate, Late, Orphan, Corrupt, Misdelivered uint64
	Stray                                          uint64 // datagrams of strangers, which are no fault of the server's
	Evidence                                       string `json:",omitempty"` // the beginning of the first corrupt packet
	Refused                                        uint64 // by the generator's own system, when sending
	Dropped                                        uint64 // datagrams that the generator's sockets had no room for
	ServerDropped                                  uint64 // and those of a server on this host

	// Processor time of the window: of the server, of the generator, and of all processors with all that ran on them.
	ServerCPU, GeneratorCPU, MachineCPU time.Duration

	Latency  *Latency      // of the packets sent in the window, from sending to arrival: there and back where the peer echoes
	Lateness time.Duration // 99th percentile of how late the generator sent, at a fixed rate
	IO       IO            // of the generator
}

// An IO is how many datagrams a generator moved by how many system calls.
type IO struct{ SendCalls, SendDatagrams, RecvCalls, RecvDatagrams uint64 }
