package relay

import (
	"errors"
	"testing"

	"turnout/allocation"
	"turnout/internal/netio"
)

// A socket that cannot be read any more would be ready for ever: it is read no more, and others go on.
func TestBrokenSockets(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	relay, _ := b.allocate(t, benchClient(1))
	b.allocate(t, benchClient(2))
	b.poller.broken = errors.New("input/output error")
	b.deliver(relay, netio.Packet{})
	if _, read := b.poller.ids[relay]; read || b.ledger.Total() != 1 || b.w.table.Lookup(allocation.FiveTuple{
		Client: benchClient(1), Server: benchServer, Transport: allocation.UDP}) != nil {
		t.Errorf("the allocation of a broken relay socket: read %v, %d allocations live", read, b.ledger.Total())
	}
	listener := b.w.listeners[0]
	b.deliver(listener, netio.Packet{})
	if _, read := b.poller.ids[listener]; read || b.ledger.Total() != 1 {
		t.Errorf("a broken listener: read %v, %d allocations live", read, b.ledger.Total())
	}
}
