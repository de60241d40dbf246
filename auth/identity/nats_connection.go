package identity

import "time"

// A Connection is the state of a connection to NATS.
type Connection struct {
	// Up says that there is one.
	Up bool
	// Reconnects is how many were made after the first.
	Reconnects uint64
	// Behind is for how long changes may not have been seen: since the connection was
	// lost, until every watch has read everything anew. 0 while changes are followed.
	Behind time.Duration
}

// Connection tells how the connection is now.
func (n *NATS) Connection() Connection {
	c := Connection{Up: n.away() == nil, Reconnects: n.conn.Stats().Reconnects}
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.lostAt.IsZero() {
		c.Behind = time.Since(n.lostAt)
	}
	return c
}

// caughtUp notes that a watch has seen all there is.
func (n *NATS) caughtUp(watcher chan struct{}) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.watchers[watcher] = true
	n.followLocked()
}

// followLocked notes that nothing is missed any more, if no watch has something left to read.
func (n *NATS) followLocked() {
	for _, current := range n.watchers {
		if !current {
			return
		}
	}
	if !n.down {
		n.lostAt = time.Time{}
	}
}
