package netio

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

const (
	defaultSlots = 64
	maxEvents    = 128 // one Wait tells of so many sockets; the others come first in the next
)

var (
	errAdded         = errors.New("socket is in a poller already")
	errNotAdded      = errors.New("socket is not in this poller")
	errForeignSocket = errors.New("socket of another network")
	errWakeID        = errors.New("socket added under WakeID")
)

// A queuedSocket is a socket a queuePoller can serve.
type queuedSocket interface {
	Socket
	receiver() *receiveQueue
	// send sends o, whose Socket it is. Where the pieces must lie together, join is the memory for that.
	send(o *Out, join *[]byte) error
}

// A registration is a socket in a poller, or one way of a stream. A new one is made for every Add, so that one on the ready
// list from before a Remove is told from its successor.
type registration struct {
	poller *queuePoller
	source eventSource
	id     uint64
	listed bool // guarded by the source's mu: on the poller's ready list
}

// An eventSource has events for a poller. LOCK ORDERING: its mu before queuePoller.mu.
type eventSource interface {
	// event says what w's poller is to be told; nothing takes w off the ready list.
	event(w *registration) (Event, bool)
	// unwatch ends w's watch.
	unwatch(w *registration)
}

// A queuePoller polls sockets whose datagrams wait in a receiveQueue. It waits on a channel and a timer only, never in the
// kernel: goroutines that wait in it are durably blocked, and testing/synctest's clock runs.
type queuePoller struct {
	// Immutable.
	buffers   *bufferPool // where payloads go back to
	slots     int
	singly    bool // the network reads one datagram a system call
	shortcuts Shortcuts
	signal    chan struct{}

	// Written by any goroutine.
	woken atomic.Bool
	mu    sync.Mutex
	ready []*registration // guarded by mu: told since they were last found idle, the longest waiting first

	// Owned by the worker's goroutine.
	added        map[eventSource]*registration
	timer        *time.Timer
	spare, again []*registration
	events       []Event
	taken        []datagram
	packets      []Packet
	held         [][]byte // payloads handed out since the last EndRound: one slot each
	failures     []Failure
	icmp         []ICMPError
	join         []byte
	counts       Counts
	closed       bool
}

// newQueuePoller fails where c has a shortcut switched on.
func newQueuePoller(c PollerConfig, buffers *bufferPool) (*queuePoller, error) {
	shortcuts, err := noShortcuts(c)
	if err != nil {
		return nil, fmt.Errorf("new poller: %w", err)
	}
	slots := c.Slots
	if slots <= 0 {
		slots = defaultSlots
	}
	return &queuePoller{
		buffers:   buffers,
		slots:     slots,
		shortcuts: shortcuts,
		signal:    make(chan struct{}, 1),
		added:     make(map[eventSource]*registration),
	}, nil
}

func (p *queuePoller) Add(s Socket, id uint64) error {
	if p.closed {
		return net.ErrClosed
	}
	if id == WakeID {
		return errWakeID
	}
	qs, ok := s.(queuedSocket)
	if !ok {
		return errForeignSocket
	}
	w := &registration{poller: p, source: qs.receiver(), id: id}
	if err := qs.receiver().watch(w); err != nil {
		return err
	}
	p.added[w.source] = w
	return nil
}

func (p *queuePoller) Remove(s Socket) error {
	qs, ok := s.(queuedSocket)
	if !ok {
		return errForeignSocket
	}
	return p.forget(qs.receiver())
}

func (p *queuePoller) forget(source eventSource) error {
	w := p.added[source]
	if w == nil {
		return errNotAdded
	}
	source.unwatch(w)
	delete(p.added, source)
	return nil
}

func (p *queuePoller) Wait(timeout time.Duration) ([]Event, error) {
	if p.closed {
		return nil, net.ErrClosed
	}
	p.collect()
	if len(p.events) > 0 || timeout == 0 {
		return p.events, nil
	}
	var passed <-chan time.Time
	if timeout > 0 {
		passed = p.arm(timeout)
		defer p.timer.Stop()
	}
	for {
		select {
		case <-p.signal:
			// The signal may be of something an earlier Wait has told.
			if p.collect(); len(p.events) > 0 {
				return p.events, nil
			}
		case <-passed:
			p.collect()
			return p.events, nil
		}
	}
}

// arm starts the timer, which one poller makes once.
func (p *queuePoller) arm(d time.Duration) <-chan time.Time {
	if p.timer == nil {
		p.timer = time.NewTimer(d)
	} else {
		p.timer.Reset(d)
	}
	return p.timer.C
}

// collect makes events of the ready list. Sockets with something to read go to its end, those found idle off it.
func (p *queuePoller) collect() {
	p.events = p.events[:0]
	// The flag falls before anything is looked at: whatever was posted ahead of a Wake that finds it up is seen by this round.
	if p.woken.Load() && p.woken.Swap(false) {
		p.events = append(p.events, Event{ID: WakeID})
	}
	p.mu.Lock()
	batch := p.ready
	p.ready = p.spare[:0]
	p.mu.Unlock()

	seen := 0
	p.again = p.again[:0]
	for ; seen < len(batch) && len(p.events) < maxEvents; seen++ {
		w := batch[seen]
		if e, ok := w.source.event(w); ok {
			p.events = append(p.events, e)
			p.again = append(p.again, w)
		}
	}

	p.mu.Lock()
	arrived := p.ready
	rest := copy(batch, batch[seen:])
	clear(batch[rest:]) // what went off the list may be collected as garbage
	p.ready = append(append(batch[:rest], arrived...), p.again...)
	p.mu.Unlock()
	clear(arrived)
	p.spare = arrived[:0]
}

// enlist appends to the ready list. The caller holds the source's mu and has seen that w is not listed.
func (p *queuePoller) enlist(w *registration) {
	p.mu.Lock()
	p.ready = append(p.ready, w)
	p.mu.Unlock()
	p.raise()
}

// raise lets a Wait look again: one signal is enough for any number of news.
func (p *queuePoller) raise() {
	select {
	case p.signal <- struct{}{}:
	default:
	}
}

func (p *queuePoller) Wake() {
	if p.woken.Load() || p.woken.Swap(true) {
		return // pending: the Wait that takes it will look after what the caller posted before
	}
	p.raise()
}

func (p *queuePoller) Room() int { return p.slots - len(p.held) }

func (p *queuePoller) Recv(s Socket, max int) ([]Packet, error) {
	p.packets = p.packets[:0]
	qs, ok := s.(queuedSocket)
	if !ok {
		return nil, errForeignSocket
	}
	max = min(max, p.Room())
	if p.closed || max <= 0 {
		return p.packets, nil
	}
	taken, err := qs.receiver().take(p.taken[:0], max)
	for _, d := range taken {
		n := len(d.payload)
		p.packets = append(p.packets, Packet{Addr: d.from, Local: d.to, Payload: d.payload[:n:n], TOS: d.tos, Received: d.received})
		p.held = append(p.held, d.payload)
	}
	clear(taken)
	p.taken = taken
	if p.singly {
		p.counts.RecvCalls += uint64(len(taken))
	} else {
		p.counts.RecvCalls++
	}
	p.counts.RecvDatagrams += uint64(len(taken))
	return p.packets, err
}

func (p *queuePoller) RecvErrors(s Socket) []ICMPError {
	qs, ok := s.(queuedSocket)
	if !ok {
		return nil
	}
	p.icmp = qs.receiver().takeErrors(p.icmp[:0])
	return p.icmp
}

func (p *queuePoller) Send(outs []Out) []Failure {
	p.failures = p.failures[:0]
	for i := range outs {
		s, ok := outs[i].Socket.(queuedSocket)
		if !ok {
			p.failures = append(p.failures, Failure{Index: i, Err: errForeignSocket})
			continue
		}
		p.counts.SendCalls++
		if err := s.send(&outs[i], &p.join); err != nil {
			p.failures = append(p.failures, Failure{Index: i, Err: err})
			continue
		}
		p.counts.SendDatagrams++
	}
	return p.failures
}

func (p *queuePoller) EndRound() {
	for i, b := range p.held {
		p.buffers.free(b)
		p.held[i] = nil
	}
	p.held = p.held[:0]
}

func (p *queuePoller) Counts() Counts { return p.counts }

func (p *queuePoller) Shortcuts() Shortcuts { return p.shortcuts }

// Close takes every socket out; they stay open.
func (p *queuePoller) Close() error {
	if p.closed {
		return net.ErrClosed
	}
	p.closed = true
	for source, w := range p.added {
		source.unwatch(w)
	}
	p.added = nil
	p.EndRound()
	return nil
}
