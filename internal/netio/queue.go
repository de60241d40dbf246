package netio

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"
)

// maxQueuedErrors bounds a socket's error queue, as the kernel's is bounded by the receive buffer: later errors are lost.
const maxQueuedErrors = 64

// errQueueFull is what a datagram is dropped for where nobody can wait.
var errQueueFull = errors.New("receive queue full")

// A datagram waits to be received; a Packet will be made of it.
type datagram struct {
	from, to netip.AddrPort
	payload  []byte // lent by the network's bufferPool
	tos      uint8
	received int64 // Unix time in nanoseconds; 0 where the queue does not stamp
}

// A receiveQueue is the receiving half of a socket that no kernel polls: datagrams nobody has asked for yet, whole and in
// the order of their arrival, and ICMP errors. It tells its poller when there is something to read.
//
// It is safe for concurrent use. LOCK ORDERING: receiveQueue.mu before queuePoller.mu.
type receiveQueue struct {
	maxDatagrams int // immutable: full with so many …
	maxBytes     int // immutable: … or with so many bytes of payload, where the last datagram may go beyond

	mu           sync.Mutex
	changed      sync.Cond     // on mu: something arrived or left, a deadline passed, the queue closed
	ring         []datagram    // guarded by mu: count datagrams from first on, around the end
	first, count int           // guarded by mu
	bytes        int           // guarded by mu
	errors       []ICMPError   // guarded by mu
	watcher      *registration // guarded by mu: of the poller the socket was added to, else nil
	failure      error         // guarded by mu: why nothing more will arrive
	closed       bool          // guarded by mu
	stamps       bool          // guarded by mu: what arrives is told with its time
	dropped      uint32        // guarded by mu: by offer, since newDrops
}

func (q *receiveQueue) init(maxDatagrams, maxBytes int) {
	q.maxDatagrams, q.maxBytes = maxDatagrams, maxBytes
	q.changed.L = &q.mu
}

// offer appends a datagram, or says why it is dropped: errQueueFull or net.ErrClosed. The queue owns the payload then.
func (q *receiveQueue) offer(d datagram) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return net.ErrClosed
	}
	if q.fullLocked() {
		q.dropped++
		return errQueueFull
	}
	if q.stamps {
		d.received = time.Now().UnixNano()
	}
	q.appendLocked(d)
	return nil
}

// newDrops is how many datagrams offer dropped since it was last called.
func (q *receiveQueue) newDrops() uint32 {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := q.dropped
	q.dropped = 0
	return n
}

// stamp says whether datagrams that are offered are told with their time.
func (q *receiveQueue) stamp(on bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stamps = on
}

// put appends a datagram as soon as there is room for it, or says that the queue was closed.
func (q *receiveQueue) put(d datagram) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.fullLocked() && !q.closed {
		q.changed.Wait()
	}
	if q.closed {
		return net.ErrClosed
	}
	q.appendLocked(d)
	return nil
}

func (q *receiveQueue) fullLocked() bool {
	return q.count >= q.maxDatagrams || q.bytes >= q.maxBytes
}

func (q *receiveQueue) appendLocked(d datagram) {
	if q.count == len(q.ring) {
		larger := make([]datagram, max(8, 2*len(q.ring)))
		n := copy(larger, q.ring[q.first:])
		copy(larger[n:], q.ring[:q.first])
		q.ring, q.first = larger, 0
	}
	q.ring[(q.first+q.count)%len(q.ring)] = d
	q.count++
	q.bytes += len(d.payload)
	q.tellLocked()
}

// takeLocked removes the first datagram, where there is one.
func (q *receiveQueue) takeLocked() datagram {
	d := q.ring[q.first]
	q.ring[q.first] = datagram{}
	q.first = (q.first + 1) % len(q.ring)
	q.count--
	q.bytes -= len(d.payload)
	return d
}

// take moves at most n datagrams to dst, and returns the failure of a queue that is empty for good.
func (q *receiveQueue) take(dst []datagram, n int) ([]datagram, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return dst, net.ErrClosed
	}
	if q.count == 0 {
		return dst, q.failure
	}
	for range min(n, q.count) {
		dst = append(dst, q.takeLocked())
	}
	q.changed.Broadcast()
	return dst, nil
}

// offerError appends to the error queue.
func (q *receiveQueue) offerError(e ICMPError) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || len(q.errors) >= maxQueuedErrors {
		return false
	}
	q.errors = append(q.errors, e)
	q.tellLocked()
	return true
}

// takeErrors moves the error queue to dst.
func (q *receiveQueue) takeErrors(dst []ICMPError) []ICMPError {
	q.mu.Lock()
	defer q.mu.Unlock()
	dst = append(dst, q.errors...)
	q.errors = q.errors[:0]
	return dst
}

// fail says that nothing more will arrive; readers learn why once they have read what did.
func (q *receiveQueue) fail(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.failure = err
	q.tellLocked()
}

// close ends every wait and forgets what was not read. It says whether the queue was open.
func (q *receiveQueue) close() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return false
	}
	q.closed = true
	q.ring, q.first, q.count, q.bytes, q.errors = nil, 0, 0, 0, nil
	q.tellLocked()
	return true
}

// tellLocked puts the socket on its poller's ready list and wakes who waits for a change.
func (q *receiveQueue) tellLocked() {
	if w := q.watcher; w != nil && !w.listed {
		w.listed = true
		w.poller.enlist(w)
	}
	q.changed.Broadcast()
}

// watch makes w the queue's watcher, where it has none; what waits already is told at once.
func (q *receiveQueue) watch(w *registration) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return net.ErrClosed
	}
	if q.watcher != nil {
		return errAdded
	}
	q.watcher = w
	if q.count > 0 || len(q.errors) > 0 || q.failure != nil {
		q.tellLocked()
	}
	return nil
}

// unwatch ends w's watch.
func (q *receiveQueue) unwatch(w *registration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.watcher == w {
		q.watcher = nil
	}
}

// event says what w's poller is to be told; nothing takes w off the ready list.
func (q *receiveQueue) event(w *registration) (Event, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.watcher != w {
		return Event{}, false // removed since it was listed
	}
	e := Event{ID: w.id, Readable: q.count > 0 || q.failure != nil || q.closed, Errored: len(q.errors) > 0}
	if !e.Readable && !e.Errored {
		w.listed = false
		return Event{}, false
	}
	return e, true
}
