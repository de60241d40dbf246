package relay

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"

	"turnout/allocation"
	"turnout/stun"
)

// connected implements opener.
func (w *worker) connected(a *allocation.Allocation, peer netip.AddrPort) bool {
	c := w.links[a.ID().Index()].connections()[peer]
	return c != nil && !c.ended()
}

// connect implements opener.
func (w *worker) connect(a *allocation.Allocation, peer netip.AddrPort, rq *request) error {
	if len(w.links[a.ID().Index()].connections()) >= w.maxConnections {
		return allocation.ErrTooMany
	}
	c := w.newConnection(a, peer)
	ctx, cancel := context.WithTimeout(context.Background(), connectTimeout)
	c.dialling, c.asks = cancel, rq.later()
	w.connections.add(c, w.random32)
	local, to := a.Bound(peer.Addr().Is6()), peer
	if w.ports.LiveTCP(peer) {
		// Another client's relayed address: a 1:1 NAT before this host would not send it back.
		to, _ = w.ports.Bound(peer)
	}
	w.connections.tasks.Go(func() {
		defer cancel()
		conn, err := w.network.DialTCP(ctx, local, to)
		if !w.inbox.put(post{do: func(w *worker) { w.dialled(c, conn, err) }}) && err == nil {
			conn.Close()
		}
	})
	return errLater
}

// newConnection is a connection of a's, known to its worker.
func (w *worker) newConnection(a *allocation.Allocation, peer netip.AddrPort) *connection {
	l := w.links[a.ID().Index()]
	c := &connection{
		peer: peer, worker: w, allocation: a.ID(), control: a.FiveTuple().Client,
		owner: a.Owner(), key: append([]byte{}, a.Key()...), accounts: l.tcp.accounts, over: make(chan struct{}),
	}
	c.allowance.Store(l.allowance)
	l.tcp.connections[peer] = c // in place of one that has ended and is not forgotten yet
	return c
}

// errEnded is why a connection that was made is of no use: a reload has denied its peer meanwhile, or its address family was
// given up.
var errEnded = errors.New("not wanted any more")

// dialled answers the Connect whose connection stands, or does not.
func (w *worker) dialled(c *connection, conn net.Conn, err error) {
	if err == nil && !c.await(conn) {
		conn.Close()
		err = errEnded
	}
	a := w.table.LookupID(c.allocation)
	if a == nil {
		return // it has ended, and its control connection is not to hear of it any more
	}
	defer w.recovered(nil, a, nil)
	to := &w.links[a.ID().Index()].origin
	if err != nil {
		c.end()
		w.forget(c)
		w.log.Debug("connecting to a peer failed", "error", err)
		if d := w.respond(&c.asks, to, stun.CodeConnectionTimeoutOrFailure, nil); d != notDropped {
			w.counters.drop(d)
		}
		return
	}
	// RFC 6062 §5.2: the identifier of the peer data connection.
	d := w.respond(&c.asks, to, 0, func(rs *stun.Builder) { rs.AddUint32(stun.AttrConnectionID, c.id) })
	if d != notDropped {
		w.counters.drop(d)
		c.end() // nobody would bind it
	}
}

// forget drops an ended connection from its allocation, whose traffic keeps its bytes.
func (w *worker) forget(c *connection) {
	a := w.table.LookupID(c.allocation)
	if a == nil {
		return
	}
	c.settle(a)
	if l := w.links[a.ID().Index()]; l.connections()[c.peer] == c {
		delete(l.tcp.connections, c.peer)
	}
}

// endConnections ends the data connections of one family of an allocation. RFC 6062 §5.5.
func (w *worker) endConnections(a *allocation.Allocation, ipv6 bool) {
	i := a.ID().Index()
	if i >= len(w.links) || w.links[i].id != a.ID() {
		return
	}
	all := w.links[i].connections()
	for peer, c := range all {
		if peer.Addr().Is6() == ipv6 {
			c.settle(a)
			c.end()
			delete(all, peer)
		}
	}
}

// settle adds what c has moved since the last time to its allocation's traffic.
// Data connections have bytes and no packets.
func (c *connection) settle(a *allocation.Allocation) {
	up, down := c.up.Load(), c.down.Load()
	t := a.Traffic()
	t.BytesIn += up - c.told.BytesIn
	t.BytesOut += down - c.told.BytesOut
	c.told.BytesIn, c.told.BytesOut = up, down
}

// random32 is a random number, as CONNECTION-ID is one.
func (w *worker) random32() uint32 {
	var b [4]byte
	_, _ = w.random.Read(b[:]) // never fails
	return binary.BigEndian.Uint32(b[:])
}
