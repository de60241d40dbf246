package secure

import (
	"runtime"

	"turnout/internal/netio"
)

const (
	// outboxMax is how many datagrams wait for the listener's goroutine.
	outboxMax = 1024
	// spareMax and spareSize bound the buffers that are kept for the next ones.
	spareMax  = 256
	spareSize = 2048
)

// run is the goroutine that owns the poller.
func (l *dtlsListener) run() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(l.done)
	for l.ctx.Err() == nil {
		events, err := l.poller.Wait(-1)
		if err != nil {
			l.transports.log.Error("a listener is broken and out of service", "address", l.local, "error", err)
			l.cancel()
		}
		for _, e := range events {
			if e.ID != netio.WakeID {
				l.receive()
			}
		}
		l.flush()
		l.poller.EndRound()
	}
	l.finish()
}

// receive hands one batch of datagrams out.
func (l *dtlsListener) receive() {
	packets, err := l.poller.Recv(l.socket, batch)
	if err != nil {
		// It would stay readable for ever.
		l.transports.log.Error("a listener is broken and out of service", "address", l.local, "error", err)
		l.cancel()
		return
	}
	for _, p := range packets {
		l.transports.counters.drop(l.dispatch(p))
	}
}

// send queues a copy of a datagram to a client; false when the listener has ended.
// It waits while the listener has much to send. Safe for concurrent use.
func (l *dtlsListener) send(p path, b []byte) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.outbox) >= outboxMax && !l.ended {
		l.room.Wait()
	}
	if l.ended {
		return false
	}
	var payload []byte
	if n := len(l.spare); n > 0 {
		payload, l.spare = l.spare[n-1][:0], l.spare[:n-1]
	}
	out := netio.Out{Socket: l.socket, Dst: p.client, Payload: append(payload, b...)}
	if p.server != l.local { // a wildcard socket
		out.Local = p.server.Addr()
	}
	l.outbox = append(l.outbox, out)
	if len(l.outbox) == 1 {
		l.poller.Wake()
	}
	return true
}

// flush sends what is queued.
func (l *dtlsListener) flush() {
	l.mu.Lock()
	l.sending, l.outbox = l.outbox, l.sending[:0]
	l.room.Broadcast()
	l.mu.Unlock()
	if len(l.sending) == 0 {
		return
	}
	for range l.poller.Send(l.sending) {
		l.transports.counters.drop(DropDTLSSend)
	}
	l.mu.Lock()
	for i := range l.sending {
		if b := l.sending[i].Payload; len(l.spare) < spareMax && cap(b) <= spareSize {
			l.spare = append(l.spare, b)
		}
		l.sending[i] = netio.Out{}
	}
	l.mu.Unlock()
}

// wake has the listener's goroutine look up.
func (l *dtlsListener) wake() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.ended { // else the poller is closed, or about to be
		l.poller.Wake()
	}
}

// finish sends what is queued, ends what is left and closes the socket.
func (l *dtlsListener) finish() {
	l.flush()
	l.mu.Lock()
	l.ended = true
	l.room.Broadcast()
	var left []*association
	for _, c := range l.paths {
		for _, a := range []*association{c.established, c.pending} {
			if a != nil {
				left = append(left, a)
			}
		}
	}
	l.mu.Unlock()
	for _, a := range left {
		a.Close()
	}
	_ = l.poller.Remove(l.socket)
	_ = l.socket.Close()
	_ = l.poller.Close()
}
