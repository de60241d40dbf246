package relay

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"time"

	"turnout/allocation"
	"turnout/internal/netio"
	"turnout/stun"
)

const (
	listenerBatch = 64 // slots filled from a ready listener in a round
	relayBatch    = 32 // and from a ready relay socket
	inboxBatch    = 64 // posts served in a round
	// outsBatch datagrams are sent before more is read: they and their headers are in
	// the processor's caches still, and the first of them has waited long enough.
	outsBatch = 512
)

// A worker is a single-threaded TURN server: it owns its clients' allocations,
// their relay sockets and their expiry. Workers share nothing on the packet path.
type worker struct {
	// immutable after New
	index     int
	start     time.Time // zero of the worker's clock
	poller    netio.Poller
	network   netio.Network
	workers   []*worker // all of them, by index
	inbox     inbox
	ended     chan endedAllocation // to the log
	failed    chan<- error         // why run cannot go on
	done      chan struct{}        // closed when run returns
	forwarded atomic.Int32         // datagrams in the inbox that other workers put there
	cpu       atomic.Int64         // nanoseconds of its thread, as a survey found it

	// owned by the worker
	state
	now     allocation.Time // read once a round
	wall    time.Time
	tidied  allocation.Time // when the ports were last looked through
	links   []*link         // by the allocation's index
	arena   arena
	outs    []netio.Out
	sent    []delivery // beside outs: what each one was
	stamped []stamped  // of outs, in a sample
	closing []netio.Socket

	listeners []netio.Socket // nil where one was closed
	heard     []*listener    // beside listeners: whose each one is
	forgotten []*listener    // whose socket is closed with this round

	streams polledStreams // that it reads and writes
	readers []*stream     // their frames are done with at the end of the round
	written []*stream     // with data queued in this round
	builder stun.Builder
	request request
	origin  origin // of the datagram being served
	verdict verdict
	outward outward // of the ChannelData served last
	inward  inward  // of the peer served last
	random  *rand.ChaCha8
	leases  []*lease  // of users' bandwidth that this round's packets have used
	leaving []*parcel // allocations that go to other workers at the end of the round

	received int64 // of the packet being served, if it is in a sample; else 0
	sampling bool  // listeners tell when packets arrive

	visiting   map[allocation.FiveTuple]struct{} // clients whose request another worker looks at
	forwarding map[allocation.FiveTuple]*worker  // clients whose allocation another worker has
	shortcuts  netio.Shortcuts                   // as noted last
	stop       bool
	onEnded    func(a *allocation.Allocation, ipv4, ipv6 bool)
}

// A delivery remembers what a queued datagram was counted as, to take it back if
// it cannot be sent.
type delivery struct {
	counter int // of counterToPeers or counterToClients and an address family, or 0 for answers
	bytes   int
}

// run serves rounds until it is told to stop: wait, read, serve what others
// posted, flush, close what ended. It owns its thread.
func (w *worker) run() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(w.done)
	pending := false
	for !w.stop {
		events, err := w.poller.Wait(w.patience(pending))
		if err != nil {
			w.failed <- fmt.Errorf("worker %d: wait for sockets: %w", w.index, err)
			break
		}
		pending = w.round(events)
	}
	w.finish()
}

// round serves what is ready and what was posted; pending says that more was.
func (w *worker) round(events []netio.Event) (pending bool) {
	w.readClock()
	w.expire()
	w.streams.most = readMost(len(events) + len(w.streams.again))
	for i := range events {
		w.serveEvent(events[i])
	}
	w.readOn()
	pending = w.serveInbox()
	w.endRound()
	return pending || len(w.streams.again) > 0
}

// patience is how long to wait for readiness: not at all while posts are
// pending, else until the next expiry.
func (w *worker) patience(pending bool) time.Duration {
	if pending {
		return 0
	}
	next := w.table.Next()
	if next == 0 {
		return -1
	}
	return max(0, time.Duration(next-w.now)) // a round's length late at the most
}

// readClock is the round's one clock read: monotonic and wall time.
func (w *worker) readClock() {
	w.wall = time.Now()
	w.now = allocation.Time(w.wall.Sub(w.start))
}

func (w *worker) serveEvent(e netio.Event) {
	if e.ID == netio.WakeID {
		return // the inbox is looked into every round
	}
	if e.ID&listenerEvent != 0 {
		w.serveListener(int(e.ID &^ listenerEvent))
		return
	}
	if e.ID&streamEvent != 0 {
		w.serveStream(e)
		return
	}
	index, ipv6, generation := splitRelayEvent(e.ID)
	l := w.links[index]
	if !l.live || l.id.Generation() != generation || l.relays[family(ipv6)] == nil {
		return // ended earlier in this round
	}
	a := w.table.LookupID(l.id)
	if a == nil {
		return
	}
	if e.Errored {
		w.serveICMP(a, l.relays[family(ipv6)])
	}
	if e.Readable {
		w.serveRelay(a, l.relays[family(ipv6)])
	}
}

// serveListener reads one batch of what clients sent.
func (w *worker) serveListener(index int) {
	s, at := w.listeners[index], w.heard[index]
	if s == nil {
		return // closed earlier in this round
	}
	packets, err := w.receive(s, listenerBatch)
	if err != nil {
		// It would stay readable for ever. Others go on.
		w.log.Error("a listener is broken and out of service", "address", s.Local().String(), "worker", w.index, "error", err)
		_ = w.poller.Remove(s)
		return
	}
	bound := s.Local()
	w.forgetLanes()
	for i := range packets {
		packet, from := &packets[i], &w.origin
		if !w.outward.known || packet.Addr != from.tuple.Client || packet.Local != from.tuple.Server {
			w.outward.known = false
			*from = origin{
				tuple:  allocation.FiveTuple{Client: packet.Addr, Server: packet.Local, Transport: allocation.UDP},
				socket: s, listener: at, wildcard: packet.Local != bound,
			}
		}
		w.received = packet.Received
		w.serveClient(packet.Payload, packet.TOS, from)
	}
	w.received = 0
}

// serveRelay reads one batch of what peers sent to a relayed address.
func (w *worker) serveRelay(a *allocation.Allocation, s netio.Socket) {
	id := a.ID()
	packets, err := w.receive(s, relayBatch)
	if err != nil {
		w.log.Error("a relay socket is broken", "address", s.Local().String(), "error", err)
		w.end(a, EndSocketBroken)
		return
	}
	w.forgetLanes()
	for i := range packets {
		if w.links[id.Index()].id != id {
			break // a panic has ended it
		}
		w.received = packets[i].Received
		w.servePeer(a, &packets[i])
	}
	w.received = 0
}

// receive reads a batch; when the slots are full, or much is to be sent, it ends
// the round's first half.
func (w *worker) receive(s netio.Socket, n int) ([]netio.Packet, error) {
	if w.poller.Room() == 0 || len(w.outs) >= outsBatch {
		w.flush()
	}
	packets, err := w.poller.Recv(s, n)
	w.counters.observe(distributionReads, uint64(len(packets)))
	return packets, err
}

// serveInbox serves a bounded part of what others posted; pending says that more is left.
func (w *worker) serveInbox() (pending bool) {
	posts := w.inbox.take()
	n := min(len(posts), inboxBatch)
	for i := range n {
		w.forgetLanes()
		switch p := &posts[i]; {
		case p.do != nil:
			p.do(w)
		case p.parcel != nil:
			w.acceptParcel(p.parcel)
		default:
			w.serveFrames(p.stream, p.frames)
		}
	}
	return w.inbox.done(n)
}

// expire ends what has run out.
func (w *worker) expire() {
	if next := w.table.Next(); next != 0 && next <= w.now {
		w.table.Expire(w.now, w.onEnded)
	}
	if w.now >= w.tidied+allocation.Time(allocation.Second) {
		w.tidied = w.now
		w.ports.Expire(w.now) // reservations that nobody came for
		w.sampleListeners(true)
		w.counters.rare = true
	} else if w.sampled() {
		w.sampleListeners(false)
	}
}

// endRound sends what is queued, then closes what ended: sockets close only here,
// after the flush, so that no datagram leaves through a recycled descriptor.
func (w *worker) endRound() {
	w.flush()
	w.endStreams()
	for i, s := range w.closing {
		w.readDrops(counterRelayDrops, s)
		if err := s.Close(); err != nil {
			w.log.Warn("closing a relay socket failed", "address", s.Local(), "error", err)
		}
		w.closing[i] = nil
	}
	w.closing = w.closing[:0]
	for i, l := range w.forgotten {
		if l.left.Add(-1) == 0 {
			close(l.gone)
		}
		w.forgotten[i] = nil
	}
	w.forgotten = w.forgotten[:0]
	w.settleLeases()
	w.sendParcels()
	w.noteShortcuts()
	w.counters.publish(w.poller)
}

// flush sends everything queued and frees the slots and headers it stood in.
func (w *worker) flush() {
	for _, f := range w.poller.Send(w.outs) {
		w.counters.drop(sendDrop(f.Err))
		if d := w.sent[f.Index]; d.counter != 0 {
			w.counters.untraffic(d.counter, d.bytes)
		}
	}
	w.outs, w.sent = w.outs[:0], w.sent[:0]
	w.observeLatency()
	for i, s := range w.written {
		s.handOver(w)
		w.written[i] = nil
	}
	w.written = w.written[:0]
	w.poller.EndRound()
	w.arena.reset()
	w.streams.used = 0
	for i, s := range w.readers {
		s.resume()
		w.readers[i] = nil
	}
	w.readers = w.readers[:0]
}

// panicsOn is set by tests: a panic in a handler is then not survived.
var panicsOn = false

// recovered survives a panic in a handler: the datagram is dropped, its
// allocation ended (a, or where that is nil the one of the client from), and stack
// and message type logged without payload.
func (w *worker) recovered(from *origin, a *allocation.Allocation, payload []byte) {
	v := recover()
	if v == nil {
		return
	}
	if panicsOn {
		panic(v)
	}
	w.forgetLanes()
	w.counters.drop(DropPanic)
	w.counters.add(counterPanics, 1)
	kind := "data"
	if m, err := stun.Parse(payload); err == nil {
		kind = m.Method().String()
	}
	w.log.Error("a handler panicked", "message", kind, "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
	if a == nil {
		a = w.table.Lookup(from.tuple)
	}
	if a != nil && a.ID() != 0 { // the handler may have ended it before
		w.end(a, EndPanicked)
	}
}

// finish ends every allocation and closes what the worker owns.
func (w *worker) finish() {
	for _, p := range w.inbox.close() {
		switch {
		case p.parcel != nil:
			w.refuseParcel(p.parcel)
		case p.do != nil: // it may bring a connection that somebody has to close
			p.do(w)
		case p.stream != nil && p.frames != nil:
			p.stream.resume()
		}
	}
	for a := range w.table.All() {
		w.end(a, EndShutdown)
	}
	w.endRound()
	w.endRound() // closes what could not leave in the first
	w.closeStreams()
	for _, s := range w.listeners {
		if s != nil {
			w.readDrops(counterListenerDrops, s)
			_ = w.poller.Remove(s)
			_ = s.Close()
		}
	}
	_ = w.poller.Close()
}
