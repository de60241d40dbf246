package relay

import (
	"errors"
	"net"
	"net/netip"
	"time"

	"turnout/allocation"
	"turnout/stun"
)

// openTCP listens on the relayed address of one family of a TCP allocation.
// RFC 6062 §5.1.
func (w *worker) openTCP(a *allocation.Allocation, ipv6 bool) error {
	l, err := w.network.ListenTCP(a.Bound(ipv6))
	if err != nil {
		return err
	}
	id := a.ID()
	link := w.linkOf(id)
	if link.tcp == nil {
		link.tcp = &tcpLink{connections: map[netip.AddrPort]*connection{}, accounts: new([2]account)}
	}
	link.tcp.listeners[family(ipv6)] = l
	w.connections.tasks.Go(func() { w.runPeers(l, id) })
	return nil
}

// runPeers accepts the connections of peers until the listener is closed.
// RFC 6062 §5.3: every one, and those without permission are closed at once.
func (w *worker) runPeers(l net.Listener, id allocation.ID) {
	for {
		conn, err := l.Accept()
		switch {
		case err == nil:
			if !w.offer(id, conn) {
				conn.Close()
			}
		case errors.Is(err, net.ErrClosed):
			return
		default:
			w.inbox.put(post{do: func(w *worker) { w.counters.drop(DropPeerAccept) }})
			select {
			case <-time.After(acceptPause):
			case <-w.done:
			}
		}
	}
}

// offer asks the worker whether it takes a peer's connection. One after the
// other: whoever floods a relayed address waits for its turn.
func (w *worker) offer(id allocation.ID, conn net.Conn) (taken bool) {
	verdict := make(chan bool, 1)
	if !w.inbox.put(post{do: func(w *worker) { verdict <- w.admit(id, conn) }}) {
		return false
	}
	select {
	case taken = <-verdict:
	case <-w.done:
		select {
		case taken = <-verdict:
		default:
		}
	}
	return taken
}

// admit takes a peer's connection, or counts why not.
func (w *worker) admit(id allocation.ID, conn net.Conn) (taken bool) {
	a := w.table.LookupID(id)
	if a == nil {
		w.counters.drop(DropPeerConnection)
		return false
	}
	defer w.recovered(nil, a, nil)
	if d := w.attempt(a, conn); d != notDropped {
		w.counters.drop(d)
		return false
	}
	return true
}

// attempt tells the client of a peer's connection, which then waits to be bound.
// RFC 6062 §5.3.
func (w *worker) attempt(a *allocation.Allocation, conn net.Conn) Drop {
	peer := addrPort(conn.RemoteAddr())
	if len(w.nat) > 0 {
		peer = w.external(peer, w.ports.LiveTCP)
	}
	permitted, restricted := w.table.Permitted(a, peer.Addr(), w.now)
	if !permitted {
		return DropPeerNoPermission
	}
	if restricted && !w.policy.AllowedTCP(peer) {
		return DropPeerSource
	}
	l := w.links[a.ID().Index()]
	if w.connected(a, peer) {
		return DropPeerConnection
	}
	if len(l.connections()) >= w.maxConnections || l.attempts() >= maxAttempts {
		w.note(LimitConnections, l.whoHas())
		return DropPeerConnection
	}
	c := w.newConnection(a, peer)
	c.attempt = true
	w.connections.add(c, w.random32)
	c.await(conn)
	w.builder.Reset(w.arena.space(answerSize), connectionAttempt, w.transactionID())
	w.builder.AddXORAddrPort(stun.AttrXORPeerAddress, peer)
	w.builder.AddUint32(stun.AttrConnectionID, c.id)
	indication := w.builder.Bytes()
	w.arena.keep(len(indication))
	d := w.toOrigin(&l.origin, indication, nil, 0, 0, 0)
	if d != notDropped {
		c.end() // nobody would bind it
	}
	return d
}

var connectionAttempt = stun.NewMessageType(stun.MethodConnectionAttempt, stun.ClassIndication)

// attempts is how many connections of peers wait to be bound.
func (l *link) attempts() (n int) {
	for _, c := range l.connections() {
		if c.attempt && c.waits() {
			n++
		}
	}
	return n
}
