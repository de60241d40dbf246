package relay

import (
	"sync"
	"sync/atomic"
)

// connections are those of all workers: a ConnectionBind may arrive at any of
// them. It is locked when connections begin, are bound and end; bytes are counted
// without it.
type connections struct {
	up, down atomic.Uint64  // bytes of all connections, ended ones included
	paced    atomic.Uint64  // how often a connection had to wait for its user's bandwidth
	tasks    sync.WaitGroup // accepting and dialling; workers alone add to it

	mu   sync.Mutex
	byID map[uint32]*connection // guarded by mu: those that have not ended
}

func newConnections() *connections { return &connections{byID: map[uint32]*connection{}} }

// count is how many connections are dialled, pending or bound.
func (s *connections) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.byID)
}

// stats adds what connections carry, which has no packets.
func (s *connections) stats(st *Stats) {
	up, down := s.up.Load(), s.down.Load()
	st.FromClients.Bytes += up
	st.ToPeers.Bytes += up
	st.FromPeers.Bytes += down
	st.ToClients.Bytes += down
	st.PeerConnections = s.count()
}

// add gives c an identifier that no other connection has.
func (s *connections) add(c *connection, random func() uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.all = s
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
