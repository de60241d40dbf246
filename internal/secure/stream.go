package secure

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"
)

// A streamListener makes client connections of what another listener accepts. The
// work on each is done in a goroutine of its own; Accept gives those that are
// ready, and the other listener's errors.
type streamListener struct {
	net.Listener
	transports *Transports
	secured    bool            // TLS, not TCP
	ready      chan accepted   // without room: errors keep run waiting
	ctx        context.Context // done when closed
	cancel     context.CancelFunc
	once       sync.Once
	tasks      sync.WaitGroup

	mu    sync.Mutex
	conns map[net.Conn]struct{} // guarded by mu: in handshakes or passed on; nil when closed
}

type accepted struct {
	conn net.Conn
	err  error
}

// ListenTCP makes a listener of l that reads PROXY headers from the proxies of the
// configuration. It owns l; without proxies it is l itself.
func (t *Transports) ListenTCP(l net.Listener) net.Listener {
	if len(t.proxies) == 0 {
		return l
	}
	return t.listenStream(l, false)
}

// ListenTLS makes a listener of l that speaks TLS 1.2 and 1.3, behind PROXY headers
// from the proxies of the configuration. It owns l.
func (t *Transports) ListenTLS(l net.Listener) (net.Listener, error) {
	if t.certificates == nil {
		return nil, errNoCertificate
	}
	return t.listenStream(l, true), nil
}

func (t *Transports) listenStream(raw net.Listener, secured bool) *streamListener {
	l := &streamListener{
		Listener: raw, transports: t, secured: secured,
		ready: make(chan accepted), conns: map[net.Conn]struct{}{},
	}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	l.tasks.Go(l.run)
	return l
}

// Accept waits for a connection that is ready.
func (l *streamListener) Accept() (net.Conn, error) {
	select {
	case a := <-l.ready:
		return a.conn, a.err
	case <-l.ctx.Done():
		return nil, net.ErrClosed
	}
}

// Close ends handshakes and what was passed on, and returns when that has ended.
// Accepted connections stay.
func (l *streamListener) Close() error {
	err := net.ErrClosed
	l.once.Do(func() {
		l.cancel()
		err = l.Listener.Close()
		l.mu.Lock()
		conns := l.conns
		l.conns = nil
		l.mu.Unlock()
		for c := range conns {
			c.Close()
		}
	})
	l.tasks.Wait()
	return err
}

// run accepts until the listener is closed.
func (l *streamListener) run() {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			if !l.deliver(nil, err) || errors.Is(err, net.ErrClosed) {
				return
			}
			continue
		}
		if l.own(conn) {
			l.tasks.Go(func() { l.serve(conn) })
		}
	}
}

// deliver gives Accept a result; false when the listener is closed.
func (l *streamListener) deliver(conn net.Conn, err error) bool {
	select {
	case l.ready <- accepted{conn, err}:
		return true
	case <-l.ctx.Done():
		return false
	}
}

// own has Close close conn, or closes it if that is past.
func (l *streamListener) own(conn net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conns == nil {
		conn.Close()
		return false
	}
	l.conns[conn] = struct{}{}
	return true
}

// disown leaves conn to somebody else.
func (l *streamListener) disown(conn net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.conns, conn)
}

// serve does PROXY header and handshake, and hands the connection over.
func (l *streamListener) serve(raw net.Conn) {
	t, from := l.transports, addrPort(raw.RemoteAddr())
	fromProxy := t.proxied(from.Addr())
	var source netip.Prefix // a proxy's connections count for their clients, once they are known
	if !fromProxy {
		source = sourceOf(from.Addr())
	}
	h := t.handshakes.begin(source, true, func() { raw.Close() })
	next, err := l.establish(raw, fromProxy, h)
	if !h.end() {
		err = errDisplaced
	}
	if err != nil {
		why := reason(err)
		if l.secured {
			t.counters.fail(TLS, why)
		} else {
			t.counters.drop(why) // of a PROXY header alone
		}
		t.failed(from, l.Addr().String(), why, err)
		l.disown(raw)
		raw.Close()
		return
	}
	next()
}

// establish reads what comes before the client's messages, and returns what is to
// be done with the connection then.
func (l *streamListener) establish(raw net.Conn, fromProxy bool, h *handshake) (next func(), err error) {
	if err := raw.SetDeadline(time.Now().Add(handshakeTime)); err != nil {
		return nil, err
	}
	conn := raw
	if fromProxy {
		header, err := readProxyHeader(raw)
		if err != nil {
			return nil, errors.Join(errProxyHeader, err)
		}
		conn = header.withAddresses(raw)
		h.reveal(sourceOf(addrPort(conn.RemoteAddr()).Addr()))
	}
	if l.secured {
		r := &recorder{Conn: conn}
		secured := tls.Server(r, l.transports.tls)
		if err := secured.HandshakeContext(l.ctx); err != nil {
			if r.silent {
				return l.passOn(raw, r.kept)
			}
			return nil, err
		}
		l.transports.counters.completed[TLS].Add(1)
		conn = &tlsConn{secured, r}
	}
	if err := raw.SetDeadline(time.Time{}); err != nil {
		return nil, err
	}
	return func() {
		l.disown(raw)
		if !l.deliver(conn, nil) {
			conn.Close()
		}
	}, nil
}

var (
	errDisplaced   = errors.New("another handshake took its place")
	errUnreachable = errors.New("the HTTPS server is unreachable")
)

// reason names why a connection did not get through.
func reason(err error) Drop {
	var timeout net.Error
	switch {
	case errors.Is(err, errDisplaced):
		return DropHandshakeDisplaced
	case errors.Is(err, errUnreachable):
		return DropFallbackUnreachable
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return DropHandshakeTimeout
	case errors.Is(err, errProxyHeader):
		return DropProxyHeader
	case errors.Is(err, errHelloTooLong):
		return DropClientHelloTooLong
	}
	return DropHandshakeFailed
}

// A tlsConn is a connection whose handshake is complete.
type tlsConn struct {
	*tls.Conn
	records *recorder
}

// Below is the connection that TLS is on top of.
func (c *tlsConn) Below() net.Conn { return c.records.Conn }

// SetBelow puts another one in its place, which goes on where that is: nobody may read or write meanwhile.
func (c *tlsConn) SetBelow(conn net.Conn) { c.records.Conn = conn }

// WriteMessages writes messages, which end at the given places of b, as a TLS
// record each, and all records in one go. A stream needs no such boundaries, but
// clients are in use that take what one read of theirs returns for one message. The
// records are put together in space, which is returned, perhaps larger, for the next
// call on whatever connection.
func (c *tlsConn) WriteMessages(b []byte, ends []int, space []byte) ([]byte, error) {
	c.records.hold(space)
	err := eachMessage(c.Conn, b, ends)
	space, releasing := c.records.release()
	return space, errors.Join(err, releasing)
}

// eachMessage writes each message by itself.
func eachMessage(w io.Writer, b []byte, ends []int) error {
	begin := 0
	for _, end := range ends {
		if _, err := w.Write(b[begin:end]); err != nil {
			return err
		}
		begin = end
	}
	return nil
}
