package relay

import (
	"context"
	"net"
	"net/netip"
	"slices"
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
	carried    *carried      // all's, of its families
	accounts   *[2]account   // of the allocation's bandwidth, from and to the client
	over       chan struct{} // closed when it ends

	allowance atomic.Pointer[allowance] // of the user; nil: none. Set by the worker
	toldPaced [numPacings]atomic.Int64  // when the log was last told that it waits

	up, down atomic.Uint64  // bytes moved towards the peer, and towards the client
	pauses   atomic.Uint64  // how often it has waited to be paid for
	halves   sync.WaitGroup // both ways of a bound connection

	// owned by the worker
	told allocation.Traffic // what the allocation's traffic has of it already
	asks reply              // the Connect to answer when it is dialled

	// guarded by all.mu
	state  connectionState
	conn   net.Conn // to the peer
	client net.Conn // from the client
	timer  *time.Timer

	lingered uint64 // likewise: how much had stirred when the last linger began
}

// A connectionState is how far a connection has come; it never goes back.
type connectionState uint8

const (
	connectionDialling connectionState = iota
	connectionPending                  // waits for its ConnectionBind
	connectionBound
	connectionEnded
)

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
// pending. It may be nil, and follow by attach.
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

// attach is given the client's end of a bound connection; false if it has ended meanwhile.
func (c *connection) attach(client net.Conn) bool {
	c.all.mu.Lock()
	defer c.all.mu.Unlock()
	if c.state != connectionBound {
		return false
	}
	c.client = client
	return true
}

// lapse ends a connection that nobody has bound in time. RFC 6062 §5.2, §5.3.
func (c *connection) lapse() { c.endWhile(connectionPending) }

// end closes the peer's end and has the client's stream close the other, once. It
// does not wait. The worker forgets c then.
func (c *connection) end() {
	c.endWhile(connectionDialling, connectionPending, connectionBound)
}

// endWhile ends c if it is in one of these states.
func (c *connection) endWhile(states ...connectionState) {
	c.all.mu.Lock()
	if !slices.Contains(states, c.state) {
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
	close(c.over) // whoever waits finds the ends closed
	c.all.mu.Unlock()
	if c.dialling != nil {
		c.dialling()
	}
	c.worker.inbox.put(post{do: func(w *worker) { w.forget(c) }})
}

// linger gives the one end that still may, closeLinger to send something.
func (c *connection) linger(src net.Conn) {
	c.all.mu.Lock()
	defer c.all.mu.Unlock()
	c.lingerLocked(src)
}

// lingerOn does so again if it has sent something, or was not listened to for a while.
func (c *connection) lingerOn(src net.Conn) bool {
	c.all.mu.Lock()
	defer c.all.mu.Unlock()
	return c.stirred() != c.lingered && c.lingerLocked(src)
}

// stirred grows with every sign of life: bytes moved, and waits in which there could be none.
func (c *connection) stirred() uint64 { return c.up.Load() + c.down.Load() + c.pauses.Load() }

func (c *connection) lingerLocked(src net.Conn) bool {
	c.lingered = c.stirred()
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
