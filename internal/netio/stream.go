package netio

import "net"

// A StreamPoller is a Poller that tells of TCP connections too, so that its owner reads and writes them by itself, without a
// goroutine for each and without waiting. Linux's is one.
type StreamPoller interface {
	Poller
	// TakeStream makes a Stream of a TCP connection, or of one with other addresses around it, and closes conn: the
	// descriptor is the Stream's alone. Of anything else, and where descriptors have run out, it makes an error, and conn
	// stays as it is. Safe for concurrent use.
	TakeStream(conn net.Conn) (Stream, error)
	// AddStream registers a stream under an id of the caller's, as Add does. It is readable at first, whether or not
	// something has arrived.
	AddStream(s Stream, id uint64) error
	// RemoveStream unregisters: before the stream is closed, released or added to another poller.
	RemoveStream(s Stream) error
}

// A Stream is a TCP connection that never waits. It belongs to the owner of the poller it is added to, whose goroutine alone
// may use it. TLS may be on top of it: as a net.Conn it has no deadlines and keeps no addresses, which are those of the
// connection it was made of.
type Stream interface {
	net.Conn // Read: ErrNotReady where nothing has arrived. Write: takes all of b

	// Ready has the next Read ask the system. A Read that has got less than it asked for makes those after it ErrNotReady,
	// without a system call, until the poller's event says that there is more.
	Ready()
	// Kept is how many bytes Write has taken and the system not yet. The poller's event says when it takes more (Writable).
	// While something is kept, Write takes 64 KiB more and then fails.
	Kept() int
	// Flush writes what is kept, as much of it as the system takes.
	Flush() error
	// Deafen has nothing more be read: events are of writing and of errors alone.
	Deafen() error
	// Release gives the connection back to package net, with what was kept and is still to be written; after RemoveStream.
	// The Stream is closed then, with an error too.
	Release() (conn net.Conn, kept []byte, err error)
}

// ErrNotReady is what Read of a Stream returns in place of waiting. TLS goes on where it was after an error that calls itself
// temporary.
var ErrNotReady net.Error = notReady{}

type notReady struct{}

func (notReady) Error() string   { return "nothing has arrived" }
func (notReady) Timeout() bool   { return true }
func (notReady) Temporary() bool { return true }
