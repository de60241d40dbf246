package relay

import "turnout/allocation"

// Traffic counts relayed payload.
type Traffic struct{ Packets, Bytes uint64 }

// Stats are totals since the start, and gauges of now.
type Stats struct {
	Allocations      int                          // live
	AllocationsBy    map[allocation.Transport]int // by client transport
	AllocationsTotal uint64

	FromClients, ToClients, FromPeers, ToPeers Traffic

	PortsInUse, Ports int
	Panics            uint64

	RecvCalls, RecvDatagrams, SendCalls, SendDatagrams uint64

	Streams  int // open client connections
	Draining bool
}

// EachRequest yields how many requests and indications of a method were answered with a code; 0 is success.
func (s Stats) EachRequest(yield func(method, class string, code int, n uint64)) { panic("skeleton") }

// EachDrop yields how many packets were dropped for a reason.
func (s Stats) EachDrop(yield func(reason string, n uint64)) { panic("skeleton") }

// EachAuthentication yields how many checks of credentials ended with a result.
func (s Stats) EachAuthentication(yield func(result string, n uint64)) { panic("skeleton") }
