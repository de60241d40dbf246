package secure

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/pion/dtls/v3"

	"turnout/internal/netio"
)

// The header of a DTLS record, RFC 6347 §4.1, and of the handshake message in it,
// §4.2.2:
//
//	 0  1 byte: content type
//	 1  2 bytes: version
//	 3  2 bytes: epoch, 0 until keys are agreed on
//	 5  6 bytes: sequence number
//	11  2 bytes: length of what follows
//	13  1 byte: type of the handshake message
const (
	recordHeader     = 13
	contentHandshake = 22
	clientHello      = 1
	serverHello      = 2

	// datagramMax is the longest that the DTLS library reads.
	datagramMax = 8192
	batch       = 64 // datagrams read in one go
)

// isHandshake says whether a datagram begins with an unencrypted handshake message
// of a type.
func isHandshake(b []byte, kind byte) bool {
	return len(b) > recordHeader && b[0] == contentHandshake && epoch(b) == 0 && b[recordHeader] == kind
}

func epoch(b []byte) uint16 { return binary.BigEndian.Uint16(b[3:]) }

// A dtlsListener serves DTLS on one UDP socket. One goroutine, which owns the
// poller, hands datagrams out by the addresses of their path and sends what
// connections have to say; each connection is a goroutine of the DTLS library's.
type dtlsListener struct {
	// immutable
	transports *Transports
	options    []dtls.ServerOption
	poller     netio.Poller
	socket     netio.Socket
	local      netip.AddrPort
	ready      chan net.Conn
	ctx        context.Context // done when closed
	cancel     context.CancelFunc
	tasks      sync.WaitGroup // handshakes
	done       chan struct{}  // closed when run returns

	mu      sync.Mutex
	room    sync.Cond           // on mu
	paths   map[path]candidates // guarded by mu
	outbox  []netio.Out         // guarded by mu
	ended   bool                // guarded by mu: run has sent its last
	spare   [][]byte            // guarded by mu: payloads of outs that were sent
	sending []netio.Out         // owned by run
}

// candidates are the associations of a path: the one in use, and one in its
// handshake. A client that has lost its state may begin again, but ends what is in
// use only by a whole handshake, which nobody can do from a forged address.
// RFC 6347 §4.2.8.
type candidates struct{ established, pending *association }

// ListenDTLS opens a listener of DTLS 1.2 at addr (port 0: any), whose connections
// read and write one message at a time. Clients show by a cookie that they receive
// what is sent to their address (RFC 6347 §4.2.1, which RFC 7350 §4.6 demands).
// Errors are those of netio.Network.ListenUDP.
func (t *Transports) ListenDTLS(network netio.Network, addr netip.AddrPort) (net.Listener, error) {
	if t.certificates == nil {
		return nil, errNoCertificate
	}
	poller, err := network.NewPoller(netio.PollerConfig{Slots: batch})
	if err != nil {
		return nil, fmt.Errorf("listen dtls %s: %w", addr, err)
	}
	group, err := network.ListenUDP(addr, 1)
	if err != nil {
		poller.Close()
		return nil, err
	}
	l := &dtlsListener{
		transports: t, poller: poller, socket: group[0], local: group[0].Local(),
		ready: make(chan net.Conn), done: make(chan struct{}), paths: map[path]candidates{},
		options: []dtls.ServerOption{
			dtls.WithGetCertificate(t.certificates.forDTLS),
			dtls.WithSupportedProtocols(protocols...),
			// RFC 7350 §3 wants the first; all have forward secrecy. Of those it names, the DTLS library lacks DHE.
			dtls.WithCipherSuites(
				dtls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, dtls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
				dtls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, dtls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
				dtls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, dtls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256),
		},
	}
	l.room.L = &l.mu
	l.ctx, l.cancel = context.WithCancel(context.Background())
	if err := poller.Add(l.socket, 0); err != nil {
		l.socket.Close()
		poller.Close()
		return nil, fmt.Errorf("watch dtls %s: %w", addr, err)
	}
	go l.run()
	return l, nil
}

// Addr is the bound address.
func (l *dtlsListener) Addr() net.Addr { return net.UDPAddrFromAddrPort(l.local) }

// Accept waits for a connection whose handshake is complete.
func (l *dtlsListener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.ready:
		return conn, nil
	case <-l.ctx.Done():
		return nil, net.ErrClosed
	}
}

// Close ends handshakes and connections, after what they have sent, and closes the socket.
func (l *dtlsListener) Close() error {
	l.cancel()
	l.wake()
	<-l.done // and so no further handshake begins
	l.tasks.Wait()
	return nil
}

// dispatch gives a datagram to its association, or begins one.
func (l *dtlsListener) dispatch(p netio.Packet) Drop {
	b := p.Payload
	switch {
	case len(b) == 0 || b[0] < 20 || b[0] > 63: // RFC 7983 §7
		return DropNotDTLS
	case len(b) < recordHeader || len(b) > datagramMax || int(binary.BigEndian.Uint16(b[11:])) > len(b)-recordHeader:
		return DropDTLSMalformed
	}
	at := path{p.Addr, p.Local}
	l.mu.Lock()
	c := l.paths[at]
	l.mu.Unlock()
	switch {
	case c.pending == nil && isHandshake(b, clientHello):
		if !l.transports.handshakes.admits(time.Now()) {
			return DropDTLSRate
		}
		return l.begin(at).put(b)
	case c.pending != nil && epoch(b) == 0:
		return c.pending.put(b)
	case c.established == nil && (c.pending == nil || !c.pending.isProven()):
		return DropDTLSUnknown
	case c.established == nil:
		return c.pending.put(b)
	}
	if c.pending != nil && c.pending.isProven() {
		c.pending.put(b) // whose keys it is of, only the keys can tell
	}
	return c.established.put(b)
}

// begin makes the association of a path that is to do its handshake.
func (l *dtlsListener) begin(at path) *association {
	a := newAssociation(l, at)
	l.mu.Lock()
	c := l.paths[at]
	c.pending = a
	l.paths[at] = c
	l.mu.Unlock()
	a.place = l.transports.handshakes.begin(sourceOf(at.client.Addr()), false, func() { a.Close() })
	l.tasks.Go(func() { l.serve(a) })
	return a
}

// serve does the handshake and hands the connection over.
func (l *dtlsListener) serve(a *association) {
	ctx, cancel := context.WithTimeout(l.ctx, handshakeTime)
	defer cancel()
	conn, err := dtls.ServerWithOptions(a, net.UDPAddrFromAddrPort(a.path.client), l.options...)
	if err == nil {
		err = conn.HandshakeContext(ctx)
	}
	if !a.place.end() {
		err = errDisplaced
	}
	if err == nil {
		err = l.establish(ctx, a)
	}
	t := l.transports
	if err != nil {
		a.Close()
		if conn != nil {
			conn.Close()
		}
		why := reason(err)
		t.counters.fail(DTLS, why)
		t.failed(a.path.client, a.path.server.String(), why, err)
		return
	}
	t.counters.completed[DTLS].Add(1)
	ready := &datagramConn{Conn: conn, association: a}
	select {
	case l.ready <- ready:
	case <-l.ctx.Done():
		ready.Close()
	}
}

// establish makes a the association in use on its path. One that was is ended
// first, and its owner has let go of it when establish returns: what lived on it is
// gone before the client asks for it anew.
func (l *dtlsListener) establish(ctx context.Context, a *association) error {
	a.mu.Lock()
	a.established = true
	a.mu.Unlock()
	l.mu.Lock()
	c := l.paths[a.path]
	before := c.established
	c.established, c.pending = a, nil
	l.paths[a.path] = c
	l.mu.Unlock()
	if before == nil {
		return nil
	}
	before.Close()
	select {
	case <-before.gone:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// forget takes an association off its path.
func (l *dtlsListener) forget(a *association) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.paths[a.path]
	if c.established == a {
		c.established = nil
	}
	if c.pending == a {
		c.pending = nil
	}
	if c == (candidates{}) {
		delete(l.paths, a.path)
	} else {
		l.paths[a.path] = c
	}
}
