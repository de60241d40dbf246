package bench

import (
	"time"

	"turnout/internal/netio"
	"turnout/stun"
)

const (
	// stall is how long a flow of a closed loop waits for a packet under way, before it takes all for lost and begins anew.
	stall = 100 * time.Millisecond
	// maxCatchUp is how many packets of a fixed rate one round sends at most, when the generator is late.
	maxCatchUp = 512
	// idle is the longest that a round of a closed loop waits: for the sweep that ends stalls.
	idle = 20 * time.Millisecond
)

// pace sends what is due: at a fixed rate by the clock, in a closed loop by what has arrived.
func (l *loop) pace() {
	switch {
	case l.phase != phaseTraffic && l.phase != phaseWindow:
	case l.job.Scenario.Rate > 0:
		l.paceRate()
	default:
		l.paceLoop()
	}
}

// dueAt is when packet n of a fixed rate is due: flows take turns, so that their packets are spread evenly.
func (l *loop) dueAt(n uint64) int64 {
	s := l.job.Scenario
	return l.began + int64(float64(n)/(s.Rate*float64(s.Flows))*float64(time.Second))
}

func (l *loop) paceRate() {
	flows := uint64(len(l.clients))
	for range maxCatchUp {
		due := l.dueAt(l.offered)
		if due > l.now {
			return
		}
		if l.phase == phaseWindow {
			l.late.Record(time.Duration(l.now - due))
		}
		l.emit(int32(l.offered % flows))
		l.offered++
	}
}

// paceLoop gives every client that heard something as many packets as its window has room for.
func (l *loop) paceLoop() {
	if l.now-l.swept > int64(idle) {
		l.swept = l.now
		l.sweep()
	}
	s := l.job.Scenario
	for _, i := range l.ready {
		c := &l.clients[i]
		// The server keeps the order of a flow: what was sent before the newest arrival and has not come is lost.
		under := int(c.sent - min(c.seen.next, c.sent))
		credit := s.Window - under
		c.queued = false // the next arrival brings it back
		if credit < max(s.Burst, 1) {
			continue
		}
		for range credit {
			l.emit(i)
		}
	}
	l.ready = l.ready[:0]
}

// sweep ends stalls: where nothing has arrived for long, nothing is under way any more.
func (l *loop) sweep() {
	for i := range l.clients {
		c := &l.clients[i]
		if l.now-c.heard < int64(stall) {
			continue
		}
		c.heard = l.now
		c.seen.skip(c.sent)
		if !c.queued {
			c.queued = true
			l.ready = append(l.ready, int32(i))
		}
	}
}

// emit queues the next packet of client i.
func (l *loop) emit(i int32) {
	c := &l.clients[i]
	size := l.job.Scenario.Payload
	s := stamp{flow: uint32(i), sequence: c.sent, sent: l.now}
	c.sent++
	body := l.pattern.body(s.flow, s.sequence, size-stampSize)
	if len(l.arena)+headerRoom > cap(l.arena) {
		l.flush()
	}
	begin := len(l.arena)
	if l.job.Scenario.Direction == Down {
		l.arena = l.arena[:begin+stampSize]
		l.pattern.put(l.arena[begin:], s)
		l.queue(netio.Out{Socket: l.peer, Dst: c.relayed, Header: l.arena[begin:], Payload: body})
		return
	}
	o := netio.Out{Socket: c.socket, Local: c.local, Dst: l.job.Server, Payload: body}
	if c.carrier == Channel {
		l.arena = append(l.arena, c.channel[:]...)
	} else {
		o.Padding = l.indicate(c, size)
	}
	end := len(l.arena)
	l.arena = l.arena[:end+stampSize]
	l.pattern.put(l.arena[end:], s)
	o.Header = l.arena[begin:]
	l.queue(o)
}

// zeros is padding.
var zeros [4]byte

// indicate appends the header of a Send indication of size bytes to the arena, and returns what follows the data.
func (l *loop) indicate(c *client, size int) (padding []byte) {
	l.builder.Reset(l.arena, stun.NewMessageType(stun.MethodSend, stun.ClassIndication), l.transaction())
	l.builder.AddXORAddrPort(stun.AttrXORPeerAddress, c.peer)
	n := l.builder.BeginData(size)
	l.arena = l.builder.Bytes()
	return zeros[:n]
}
