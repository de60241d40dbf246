package secure

import (
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/pion/dtls/v3"
)

const (
	// unprovenMax is how many bytes a client may send before it returns the
	// cookie: several ClientHellos. What arrives early is kept by the DTLS library.
	unprovenMax = 4 << 10
	// earlyMax is how many before its handshake is complete: that takes less than
	// 2 KiB, and twice that when everything is sent again.
	earlyMax = 32 << 10
	// queueMax is how many bytes wait to be decrypted: 100 ms at 20 Mbit/s.
	queueMax = 256 << 10
)

// A path is the two addresses by which an association is known.
type path struct{ client, server netip.AddrPort }

// An association is one DTLS connection as the listener knows it: the datagrams of
// one client, read by the DTLS library as a net.PacketConn.
type association struct {
	// immutable
	listener *dtlsListener
	path     path
	place    *handshake
	gone     chan struct{} // closed when its owner has closed it

	mu          sync.Mutex
	arrived     sync.Cond // on mu
	queue       [][]byte  // guarded by mu: datagrams to read
	queued      int       // guarded by mu: their bytes
	early       int       // guarded by mu: bytes taken before the handshake was complete
	proven      bool      // guarded by mu: the client has returned the cookie
	established bool      // guarded by mu
	expired     bool      // guarded by mu: the read deadline has passed
	closed      bool      // guarded by mu
}

func newAssociation(l *dtlsListener, p path) *association {
	a := &association{listener: l, path: p, gone: make(chan struct{})}
	a.arrived.L = &a.mu
	return a
}

// put queues a copy of a datagram.
func (a *association) put(b []byte) Drop {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.closed:
		return DropDTLSUnknown
	case !a.proven && a.early+len(b) > unprovenMax, !a.established && a.early+len(b) > earlyMax:
		return DropDTLSEarly
	case a.queued+len(b) > queueMax:
		return DropDTLSBacklog
	}
	if !a.established {
		a.early += len(b)
	}
	a.queue = append(a.queue, append([]byte(nil), b...))
	a.queued += len(b)
	a.arrived.Signal()
	return notDropped
}

// ReadFrom gives the next datagram to the DTLS library.
func (a *association) ReadFrom(b []byte) (int, net.Addr, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for {
		switch {
		case a.closed:
			return 0, nil, net.ErrClosed
		case a.expired:
			return 0, nil, os.ErrDeadlineExceeded
		case len(a.queue) > 0:
			first := a.queue[0]
			a.queue[0] = nil
			a.queue = a.queue[1:]
			a.queued -= len(first)
			return copy(b, first), net.UDPAddrFromAddrPort(a.path.client), nil
		}
		a.arrived.Wait()
	}
}

// WriteTo takes a datagram of the DTLS library's. One that is more than the
// request for a cookie says that the client has returned it.
func (a *association) WriteTo(b []byte, _ net.Addr) (int, error) {
	if isHandshake(b, serverHello) {
		a.prove()
	}
	if !a.listener.send(a.path, b) {
		return 0, net.ErrClosed
	}
	return len(b), nil
}

func (a *association) prove() {
	a.mu.Lock()
	a.proven = true
	a.mu.Unlock()
	a.place.prove()
}

// isProven says whether the client receives what is sent to its address.
func (a *association) isProven() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.proven
}

// Close ends reading, and leaves the path to others.
func (a *association) Close() error {
	a.mu.Lock()
	a.closed = true
	a.queue, a.queued = nil, 0
	a.arrived.Broadcast()
	a.mu.Unlock()
	a.listener.forget(a)
	return nil
}

// SetReadDeadline ends a read that waits, by a time in the past, and allows reads
// again by the zero time: the DTLS library keeps its deadlines itself, and asks for
// nothing else.
func (a *association) SetReadDeadline(t time.Time) error {
	if !t.IsZero() && t.After(time.Now()) {
		return os.ErrNoDeadline
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.expired = !t.IsZero()
	a.arrived.Broadcast()
	return nil
}

// SetWriteDeadline has no effect: writes wait for the listener only, which is quick.
func (a *association) SetWriteDeadline(time.Time) error { return nil }

// SetDeadline is SetReadDeadline.
func (a *association) SetDeadline(t time.Time) error { return a.SetReadDeadline(t) }

// LocalAddr is the address that the client sends to.
func (a *association) LocalAddr() net.Addr { return net.UDPAddrFromAddrPort(a.path.server) }

// A datagramConn is an association whose handshake is complete: each Read and each
// Write is one DTLS record.
type datagramConn struct {
	*dtls.Conn
	association *association
	once        sync.Once
}

// WriteMessages writes messages, which end at the given places of b, as a record each. It needs no space.
func (c *datagramConn) WriteMessages(b []byte, ends []int, space []byte) ([]byte, error) {
	return space, eachMessage(c, b, ends)
}

// Close says goodbye to the client.
func (c *datagramConn) Close() error {
	err := c.Conn.Close()
	c.association.Close() // which Conn leaves out if the client has closed it
	c.once.Do(func() { close(c.association.gone) })
	return err
}
