package netio

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"
)

// A MemoryPacketConn is a UDP socket of a test's own client or peer on a Memory: a net.PacketConn with *net.UDPAddr
// addresses, and the netip methods of a *net.UDPConn. Its methods are safe for concurrent use.
type MemoryPacketConn struct {
	socket *memorySocket

	// Guarded by socket.queue.mu.
	readBy deadline
	tos    uint8
	df     bool
}

var _ net.PacketConn = (*MemoryPacketConn)(nil)

// ListenPacket binds addr (port 0: any) for a client or peer somewhere on the network: any address but a wildcard, whether or not
// it is this host's, but none that is bound already.
func (m *Memory) ListenPacket(addr netip.AddrPort) (*MemoryPacketConn, error) {
	if !addr.IsValid() || addr.Addr().IsUnspecified() {
		return nil, fmt.Errorf("listen udp %s: a host of its own needs an address: %w", addr, ErrAddrNotAvailable)
	}
	bound, err := m.bindUDP(addr, 1, memoryOutside)
	if err != nil {
		return nil, err
	}
	return &MemoryPacketConn{socket: bound[0]}, nil
}

// ReadPacket waits for a datagram; its payload is the caller's.
func (c *MemoryPacketConn) ReadPacket() (Packet, error) {
	d, err := c.take()
	if err != nil {
		return Packet{}, err
	}
	defer c.socket.network.buffers.free(d.payload)
	return Packet{Addr: d.from, Local: d.to, TOS: d.tos, Payload: append([]byte{}, d.payload...)}, nil
}

// ReadFromAddrPort waits for a datagram and copies into b what fits there; the rest is lost, as on a UDP socket.
func (c *MemoryPacketConn) ReadFromAddrPort(b []byte) (int, netip.AddrPort, error) {
	d, err := c.take()
	if err != nil {
		return 0, netip.AddrPort{}, err
	}
	defer c.socket.network.buffers.free(d.payload)
	return copy(b, d.payload), d.from, nil
}

// ReadFrom is ReadFromAddrPort for net.PacketConn.
func (c *MemoryPacketConn) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := c.ReadFromAddrPort(b)
	if err != nil {
		return 0, nil, err
	}
	return n, net.UDPAddrFromAddrPort(from), nil
}

func (c *MemoryPacketConn) take() (datagram, error) {
	q := &c.socket.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	for {
		switch {
		case q.closed:
			return datagram{}, c.opError("read", nil, net.ErrClosed)
		case c.readBy.passed:
			return datagram{}, c.opError("read", nil, os.ErrDeadlineExceeded)
		case q.count > 0:
			return q.takeLocked(), nil
		}
		q.changed.Wait()
	}
}

// WriteToAddrPort sends b with the TOS and DF that are set. Like Send it fails with ErrMessageSize, ErrUnreachable or what SetFate says.
func (c *MemoryPacketConn) WriteToAddrPort(b []byte, dst netip.AddrPort) (int, error) {
	q := &c.socket.queue
	q.mu.Lock()
	o := Out{Dst: dst, TOS: c.tos, DF: c.df, Payload: b}
	closed := q.closed
	q.mu.Unlock()
	if closed {
		return 0, c.opError("write", net.UDPAddrFromAddrPort(dst), net.ErrClosed)
	}
	if err := c.socket.send(&o, nil); err != nil {
		return 0, c.opError("write", net.UDPAddrFromAddrPort(dst), err)
	}
	return len(b), nil
}

// WriteTo is WriteToAddrPort for net.PacketConn; dst is a *net.UDPAddr.
func (c *MemoryPacketConn) WriteTo(b []byte, dst net.Addr) (int, error) {
	a, ok := dst.(*net.UDPAddr)
	if !ok {
		return 0, c.opError("write", dst, net.InvalidAddrError("not a UDP address"))
	}
	return c.WriteToAddrPort(b, a.AddrPort())
}

// SetTOS sets DSCP and ECN of what is sent from now on.
func (c *MemoryPacketConn) SetTOS(tos uint8) {
	c.socket.queue.mu.Lock()
	defer c.socket.queue.mu.Unlock()
	c.tos = tos
}

// SetDF sets or clears DF of what is sent from now on.
func (c *MemoryPacketConn) SetDF(df bool) {
	c.socket.queue.mu.Lock()
	defer c.socket.queue.mu.Unlock()
	c.df = df
}

// SetReadDeadline ends reads at t, waiting ones too; zero: never.
func (c *MemoryPacketConn) SetReadDeadline(t time.Time) error {
	q := &c.socket.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return c.opError("set", nil, net.ErrClosed)
	}
	c.readBy.moveLocked(t, &q.changed)
	return nil
}

// SetWriteDeadline has no effect: no write waits.
func (c *MemoryPacketConn) SetWriteDeadline(time.Time) error { return nil }

// SetDeadline is SetReadDeadline.
func (c *MemoryPacketConn) SetDeadline(t time.Time) error { return c.SetReadDeadline(t) }

// LocalAddrPort is the bound address.
func (c *MemoryPacketConn) LocalAddrPort() netip.AddrPort { return c.socket.local }

// LocalAddr is the bound address, a *net.UDPAddr.
func (c *MemoryPacketConn) LocalAddr() net.Addr { return net.UDPAddrFromAddrPort(c.socket.local) }

// Close ends reads that wait with net.ErrClosed.
func (c *MemoryPacketConn) Close() error {
	q := &c.socket.queue
	q.mu.Lock()
	c.readBy.moveLocked(time.Time{}, &q.changed)
	q.mu.Unlock()
	if err := c.socket.Close(); err != nil {
		return c.opError("close", nil, err)
	}
	return nil
}

func (c *MemoryPacketConn) opError(op string, dst net.Addr, err error) error {
	return &net.OpError{Op: op, Net: "udp", Source: c.LocalAddr(), Addr: dst, Err: err}
}
