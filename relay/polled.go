package relay

import (
	"net"
	"time"

	"turnout/allocation"
	"turnout/internal/netio"
)

// A polled is what a stream has besides that its worker reads and writes by itself: what has arrived where the poller says
// so, what a round has queued at the round's end. Neither ever waits. It is owned by the worker.
type polled struct {
	server *Server
	wire   netio.Stream // below the stream's conn, or it itself; nil once closed or released
	slot   int          // in the worker's polledStreams, -1 while it has none
	begun  bool         // something of it was served
	again  bool         // it may have more than the poller knows of
	broken bool         // nothing can be written any more
	told   bool         // the worker knows that it has ended

	rest []byte // of a frame that has not arrived whole
	next int    // how long that will be, 0: not known yet

	heard allocation.Time // when a frame was served last, or an allocation was found on it
	stuck allocation.Time // since when the wire keeps something
	due   allocation.Time // when timer runs out
	timer *time.Timer     // judges it
}

// polledStreams are those of one worker. Events name them by slot and generation.
type polledStreams struct {
	slots []streamSlot
	free  []int // slots

	space []byte // what a round reads into; made for the first stream
	used  int    // of space in this round
	most  int    // that is read of each in this round

	again  []*stream // to be read in the next round, whatever the poller says
	ending []*stream // to be closed or released at the end of the round
	spare  []*chunk  // written
}

type streamSlot struct {
	stream     *stream
	generation uint32 // tells the users of one slot apart, in 31 bits
}

// A layer is a connection on top of another one, which can be replaced: TLS.
type layer interface {
	Below() net.Conn
	SetBelow(net.Conn)
}

// poll has the worker read and write a new stream, and returns false where its poller cannot.
func (s *Server) poll(st *stream) bool {
	w := st.worker.Load()
	poller, ok := w.poller.(netio.StreamPoller)
	if !ok || st.datagrams {
		return false
	}
	below := st.conn
	over, layered := st.conn.(layer)
	if layered {
		below = over.Below()
	}
	wire, err := poller.TakeStream(below)
	if err != nil {
		return false
	}
	if layered {
		over.SetBelow(wire)
	} else {
		st.conn = wire
	}
	st.polled = &polled{server: s, wire: wire, slot: -1}
	s.open.Add(1)
	if !w.inbox.put(post{do: func(w *worker) { w.begin(st) }}) {
		s.open.Add(-1)
		wire.Close()
	}
	return true
}

// begin serves a new stream from now on.
func (w *worker) begin(s *stream) {
	p := s.polled
	p.heard, p.due = w.now, w.now+allocation.Time(streamIdle)
	p.timer = time.AfterFunc(streamIdle, func() { s.post(func(w *worker) { w.judge(s) }) })
	w.attach(s)
}

// attach has the poller tell of a stream: a new one, or one that comes with its allocation. Others are none of its business.
func (w *worker) attach(s *stream) {
	if s.polled == nil || s.polled.wire == nil || s.polled.slot >= 0 {
		return
	}
	p, t := s.polled, &w.streams
	if n := len(t.free); n > 0 {
		p.slot, t.free = t.free[n-1], t.free[:n-1]
	} else {
		p.slot, t.slots = len(t.slots), append(t.slots, streamSlot{})
	}
	slot := &t.slots[p.slot]
	slot.stream = s
	id := uint64(slot.generation)<<32 | streamEvent | uint64(p.slot)
	if err := w.poller.(netio.StreamPoller).AddStream(p.wire, id); err != nil {
		w.log.Error("watching a client's connection failed", "client", s.tuple.Client.String(), "error", err)
		w.breakOff(s)
		return
	}
	p.again = false
	w.readAgain(s) // what TLS has read ahead makes no event
	if s.ended {
		t.ending = append(t.ending, s)
	}
}

// detach has the poller forget a stream, which stays open.
func (w *worker) detach(s *stream) {
	if s.polled == nil || s.polled.slot < 0 {
		return
	}
	if err := w.poller.(netio.StreamPoller).RemoveStream(s.polled.wire); err != nil {
		w.log.Warn("forgetting a client's connection failed", "client", s.tuple.Client.String(), "error", err)
	}
	w.vacate(s)
}

// vacate gives a stream's slot up.
func (w *worker) vacate(s *stream) {
	slot := &w.streams.slots[s.polled.slot]
	slot.stream = nil
	slot.generation = (slot.generation + 1) & (1<<31 - 1)
	w.streams.free = append(w.streams.free, s.polled.slot)
	s.polled.slot = -1
}

// serveStream serves what the poller tells of a stream.
func (w *worker) serveStream(e netio.Event) {
	slot := &w.streams.slots[uint32(e.ID)&^streamEvent]
	s := slot.stream
	if s == nil || slot.generation != uint32(e.ID>>32) {
		return // it has ended in this round, or gone to another worker
	}
	if e.Writable {
		w.flushWire(s)
	}
	switch {
	case !e.Readable && !e.Errored:
	case s.ended: // nothing is read any more, so this is a reset
		w.breakOff(s)
	default:
		s.polled.wire.Ready()
		w.readStream(s)
	}
}
