package secure

import (
	"net"

	"turnout/internal/netio"
)

// aheadSize is what a connection with much to say is read in steps of: a dozen
// records of video.
const aheadSize = 16 << 10

// An ahead reads more of a connection than TLS asks for, which is a record or less:
// a system call for many records, and messages that the relay can serve together.
// It belongs to the connection's reader.
type ahead struct {
	buf        []byte // made when one read has not got everything
	begin, end int    // what is in it
	ready      bool   // nothing is waited for: netio.ErrNotReady interrupts a read that would
}

// read fills b from what was read ahead, or from c.
func (a *ahead) read(c net.Conn, b []byte) (int, error) {
	if a.begin == a.end {
		switch {
		case a.ready:
			return 0, netio.ErrNotReady
		case a.buf == nil || len(b) >= len(a.buf):
			n, err := c.Read(b)
			if n == len(b) && a.buf == nil { // there is probably more
				a.buf = make([]byte, aheadSize)
			}
			return n, err
		}
		n, err := c.Read(a.buf)
		a.begin, a.end = 0, n
		if n == 0 {
			return 0, err
		}
		// An error will come again.
	}
	n := copy(b, a.buf[a.begin:a.end])
	a.begin += n
	return n, nil
}

// ReadReady reads what has arrived already, and waits for nothing: 0 bytes are no
// error. Like Read it is for the connection's reader.
func (c *tlsConn) ReadReady(b []byte) (int, error) {
	a := &c.records.ahead
	if a.begin == a.end {
		return 0, nil
	}
	a.ready = true
	n, err := c.Conn.Read(b)
	a.ready = false
	if err == netio.ErrNotReady {
		err = nil
	}
	return n, err
}
