package secure

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// passOn connects a browser to the HTTPS server, which gets every byte that was
// read of its ClientHello and then whatever comes.
func (l *streamListener) passOn(client net.Conn, hello []byte) (next func(), err error) {
	ctx, cancel := context.WithTimeout(l.ctx, handshakeTime)
	defer cancel()
	dial := l.transports.fallback.Load()
	if dial == nil {
		return nil, errUnreachable // there was one when the client was judged
	}
	server, err := (*dial)(ctx)
	if err != nil {
		return nil, errors.Join(errUnreachable, err)
	}
	if !l.own(server) {
		return nil, net.ErrClosed
	}
	if _, err = server.Write(hello); err == nil {
		err = client.SetDeadline(time.Time{})
	}
	if err != nil {
		l.disown(server)
		server.Close()
		return nil, errors.Join(errUnreachable, err)
	}
	l.transports.counters.passedOn.Add(1)
	return func() {
		var back sync.WaitGroup
		back.Go(func() { forward(client, server) })
		forward(server, client)
		back.Wait()
		for _, c := range []net.Conn{client, server} {
			l.disown(c)
			c.Close()
		}
	}, nil
}

// forward copies until from ends, and ends to in the same way: no more bytes, or
// no connection.
func forward(to, from net.Conn) {
	_, err := io.Copy(to, from)
	if half, ok := to.(interface{ CloseWrite() error }); ok && err == nil && half.CloseWrite() == nil {
		return
	}
	to.Close()
	from.Close()
}
