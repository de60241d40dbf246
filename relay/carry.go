package relay

import (
	"errors"
	"net"
	"os"
	"time"
)

// closeLinger is how long a data connection of which one way has ended may be
// silent the other way before it is closed. An end of a stream may mean that
// nothing more is sent or that the connection is closed; only time tells which.
const closeLinger = 30 * time.Second

// carryUp moves what the client sends to the peer, first what came right behind
// the ConnectionBind. Called by the reader of the client's stream.
func (c *connection) carryUp(client net.Conn, early []byte) {
	defer c.halves.Done()
	moved := func(n int) {
		c.up.Add(uint64(n))
		c.carried.up.Add(uint64(n))
		c.pace(fromClient, n)
	}
	if len(early) > 0 {
		if _, err := c.conn.Write(early); err != nil {
			c.end()
			return
		}
		moved(len(early))
	}
	c.carry(c.conn, client, moved)
}

// carryDown moves what the peer sends to the client, first what it sent before
// the ConnectionBind, which the system has kept. RFC 6062 §5.4. It returns when
// both ways have ended. Called by the writer of the client's stream, once the
// response is written.
func (c *connection) carryDown(client net.Conn) {
	c.carry(client, c.conn, func(n int) {
		c.down.Add(uint64(n))
		c.carried.down.Add(uint64(n))
		c.pace(toClient, n)
	})
	c.halves.Done()
	c.halves.Wait()
	c.end()
}

// abandon ends a bound connection whose client did not take the response.
func (c *connection) abandon() {
	c.end()
	c.halves.Done()
	c.halves.Wait()
}

// carry moves bytes one way. When the source has ended, so does that way at the
// destination, behind the last byte; when both ways have ended both connections
// are closed. RFC 6062 §5.5.
func (c *connection) carry(dst, src net.Conn, moved func(n int)) {
	err := c.worker.network.Transfer(dst, src, moved)
	for errors.Is(err, os.ErrDeadlineExceeded) && c.lingerOn(src) {
		err = c.worker.network.Transfer(dst, src, moved)
	}
	if err != nil || closeWrite(dst) != nil {
		c.end()
		return
	}
	c.linger(dst) // the other way reads from it
}

// closeWrite ends what the other end of conn reads, behind what was written.
func closeWrite(conn net.Conn) error {
	half, ok := conn.(interface{ CloseWrite() error })
	if !ok {
		return errors.ErrUnsupported
	}
	return half.CloseWrite()
}
