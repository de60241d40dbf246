package relay

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"turnout/allocation"
)

const (
	// connectTimeout is how long a peer may take to accept a connection. RFC 6062 §5.2: at least 30 seconds.
	connectTimeout = 30 * time.Second
	// bindTimeout is how long a client may take to bind a connection. RFC 6062 §5.2, §5.3.
	bindTimeout = 30 * time.Second
	// maxAttempts is how many connections of peers may wait for one client to
	// bind them; what they send meanwhile fills buffers of the system.
	maxAttempts = 16
)

// A connection is a peer data connection of a TCP allocation and, once it is
// bound, the client data connection that belongs to it (RFC 6062 §3). It is being
// dialled, then waits for its ConnectionBind, then carries data, then has ended.
type connection struct {
	// immutable
	id         uint32         // CONNECTION-ID
	peer       netip.AddrPort // as the client knows it
	attempt    bool           // the peer opened it
	worker     *worker        // that owns the allocation
	allocation allocation.ID
	control    netip.AddrPort // the client's end of the control connection
	owner      [16]byte       // of the allocation
	key        []byte         // of the allocation, likewise
	dialling   context.CancelFunc
	all        *connections

	up, down atomic.Uint64  // bytes moved towards the peer, and towards the client
	halves   sync.WaitGroup // both ways of a bound connection

	// owned by the worker
	told allocation.Traffic // what the allocation's traffic has of it already
	asks reply              // the Connect to answer when it is dialled

	// guarded by all.mu
	state  connectionState
	conn   net.Conn // to the peer
	client net.Conn // from the client
	timer  *time.Timer
}

// A connectionState is how far a connection has come; it never goes back.
type connectionState uint8

const (
	connectionDialling connectionState = iota
	connectionPending                  // waits for its ConnectionBind
	connectionBound
	connectionEnded
)

// connections are those of all workers: a ConnectionBind may arrive at any of
// them. It is locked when connections begin, are bound and end; bytes are counted
// without it.
type connections struct {
	up, down atomic.Uint64  // bytes of all connections, ended ones included
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

// await has c, whose connection to the peer stands, wait for its ConnectionBind;
// false if it has ended meanwhile.
func (c *connection) await(conn net.Conn) bool {
	c.all.mu.Lock()
	defer c.all.mu.Unlock()
	if c.state != connectionDialling {
		return false
	}
	c.state, c.conn = connectionPending, conn
	c.timer = time.AfterFunc(bindTimeout, c.lapse)
	return true
}

// bind makes the client's connection the other end of c; false if c is no longer
// pending.
func (c *connection) bind(client net.Conn) bool {
	c.all.mu.Lock()
	defer c.all.mu.Unlock()
	if c.state != connectionPending {
		return false
	}
	c.timer.Stop()
	c.state, c.client = connectionBound, client
	c.halves.Add(2)
	return true
}

// lapse ends a connection that nobody has bound in time. RFC 6062 §5.2, §5.3.
func (c *connection) lapse() {
	if c.all.pending(c.id) == c {
		c.end()
	}
}

// end closes the peer's end and has the client's stream close the other, once. It
// does not wait. The worker forgets c then.
func (c *connection) end() {
	c.all.mu.Lock()
	if c.state == connectionEnded {
		c.all.mu.Unlock()
		return
	}
	c.state = connectionEnded
	delete(c.all.byID, c.id)
	if c.timer != nil {
		c.timer.Stop()
	}
	if c.conn != nil {
		c.conn.Close()
	}
	if c.client != nil {
		// Closing it may take time, with TLS: that is for the stream's writer.
		_ = c.client.SetDeadline(time.Unix(1, 0))
	}
	c.all.mu.Unlock()
	if c.dialling != nil {
		c.dialling()
	}
	c.worker.inbox.put(post{do: func(w *worker) { w.forget(c) }})
}

// linger gives one end of a connection closeLinger to send something; false if c
// has ended.
func (c *connection) linger(src net.Conn) bool {
	c.all.mu.Lock()
	defer c.all.mu.Unlock()
	return c.state != connectionEnded && src.SetReadDeadline(time.Now().Add(closeLinger)) == nil
}

// waits says whether c waits to be bound.
func (c *connection) waits() bool {
	c.all.mu.Lock()
	defer c.all.mu.Unlock()
	return c.state == connectionPending
}

// ended says whether c is over, though its worker may not have forgotten it yet.
func (c *connection) ended() bool {
	c.all.mu.Lock()
	defer c.all.mu.Unlock()
	return c.state == connectionEnded
}
