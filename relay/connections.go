package relay

import (
	"sync"
	"sync/atomic"
)

// connections are those of all workers: a ConnectionBind may arrive at any of
// them. It is locked when connections begin, are bound and end; bytes are counted
// without it.
type connections struct {
	carried   [2][2]carried             // by the family of the client, then of the peer
	paced     [numPacings]atomic.Uint64 // how often a connection had to wait for a bandwidth
	bandwidth atomic.Int64              // of an allocation each way, as a rate: a reload changes it
	tasks     sync.WaitGroup            // accepting and dialling; workers alone add to it

	mu   sync.Mutex
	byID map[uint32]*connection // guarded by mu: those that have not ended
}

// carried is bytes of connections, ended ones included.
type carried struct{ up, down atomic.Uint64 }

func newConnections(bandwidth rate) *connections {
	s := &connections{byID: map[uint32]*connection{}}
	s.bandwidth.Store(int64(bandwidth))
	return s
}

// count is how many connections are dialled, pending or bound.
func (s *connections) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.byID)
}

// addTo adds what connections carry, which has no packets.
func (s *connections) addTo(counts *[numCounters]uint64) {
	for why, l := range pacingLimits {
		counts[counterLimits+int(l)] += s.paced[why].Load()
	}
	for client := range s.carried {
		for peer := range s.carried[client] {
			up, down := s.carried[client][peer].up.Load(), s.carried[client][peer].down.Load()
			counts[counterFromClients+2*client+1] += up
			counts[counterToPeers+2*peer+1] += up
			counts[counterFromPeers+2*peer+1] += down
			counts[counterToClients+2*client+1] += down
		}
	}
}

// add gives c an identifier that no other connection has.
func (s *connections) add(c *connection, random func() uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.all = s
	c.carried = &s.carried[family(c.control.Addr().Is6())][family(c.peer.Addr().Is6())]
	for c.id = random(); s.byID[c.id] != nil; {
		c.id = random()
	}
	s.byID[c.id] = c
}

// pending is the connection that waits to be bound under id, or nil.
func (s *connections) pending(id uint32) *connection {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.byID[id]; c != nil && c.state == connectionPending {
		return c
	}
	return nil
}
