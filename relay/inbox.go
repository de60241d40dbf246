package relay

import "sync"

// An inbox is how everyone else reaches a worker: streams, drain, shutdown. A
// slice is swapped under a mutex held for nanoseconds, and the worker is woken
// on the edge from empty to non-empty.
type inbox struct {
	wake func()

	mu     sync.Mutex
	posted []post // guarded by mu
	closed bool   // guarded by mu: the worker has ended

	taken []post // owned by the worker: what it works through
	whole []post // owned by the worker: taken from its beginning, whose memory is used again
	left  bool   // owned by the worker: some of it was left when the last round ended
}

// inboxKept is for how many posts an inbox keeps memory that it is not using: more than are posted between two rounds, and
// less than a flood leaves behind.
const inboxKept = 1024

// A post is one message to a worker: frames of a stream, or something to do.
type post struct {
	stream *stream // with frames: whole frames to serve
	frames []byte
	do     func(*worker)
	parcel *parcel // an allocation to adopt
}

// put hands p to the worker; false when the worker has ended.
func (i *inbox) put(p post) bool { return i.putThen(p, nil) }

// putThen hands p to the worker and calls then before anything can come behind
// it. It calls nothing when the worker has ended.
func (i *inbox) putThen(p post, then func()) bool {
	i.mu.Lock()
	if i.closed {
		i.mu.Unlock()
		return false
	}
	first := len(i.posted) == 0
	i.posted = append(i.posted, p)
	if then != nil {
		then()
	}
	i.mu.Unlock()
	if first {
		i.wake()
	}
	return true
}

// take is what was posted since, or what was left of the last take. The worker
// passes how many it dealt with to done.
func (i *inbox) take() []post {
	if len(i.taken) > 0 {
		return i.taken
	}
	free := i.whole[:0]
	if cap(free) > inboxKept {
		free = nil
	}
	i.mu.Lock()
	i.posted, i.taken = free, i.posted
	i.mu.Unlock()
	i.whole = i.taken
	return i.taken
}

// done forgets the first n of what take returned; pending says whether to take
// again without waiting: where some are left, and once after that. What was posted
// meanwhile has woken the worker for a round that worked through the rest.
func (i *inbox) done(n int) (pending bool) {
	clear(i.taken[:n])
	i.taken = i.taken[n:]
	left := i.left
	i.left = len(i.taken) > 0
	return i.left || left
}

// close refuses further posts and returns what nobody will serve.
func (i *inbox) close() []post {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.closed = true
	return append(i.taken, i.posted...)
}
