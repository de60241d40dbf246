package bench

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"turnout/internal/netio"
	"turnout/stun"
)

const (
	// inFlight is how many clients are set up at a time.
	inFlight = 64
	// answerTimeout is how long a request is waited for before it is repeated, and maxTries how often it is sent. (RFC 8489
	// §6.2.1 begins with 500 ms; a server that sets up thousands has more to do.)
	answerTimeout = time.Second
	maxTries      = 6
	// drainTime is how long packets are listened to in the end, at least: one may come twice. While some are missing, it goes
	// on for lostTime: on a busy host a relay may not get a processor for as long as drainTime, and has lost nothing.
	drainTime = 300 * time.Millisecond
	lostTime  = 2 * time.Second
)

// transaction is a transaction id that this loop has not used.
func (l *loop) transaction() stun.TransactionID {
	l.ids++
	var id stun.TransactionID
	binary.BigEndian.PutUint32(id[:], uint32(l.job.Seed))
	binary.BigEndian.PutUint64(id[4:], l.ids)
	return id
}

// indexOf is the client's number, for errors.
func (l *loop) indexOf(c *client) int {
	return slices.IndexFunc(l.clients, func(o client) bool { return o.local == c.local && o.socket == c.socket })
}

// answered takes what may be an answer, and reports whether it is a message that a server may send here.
func (l *loop) answered(c *client, b []byte) bool {
	if c.deadline > 0 {
		err := c.answer(b, l.transaction())
		switch {
		case err == nil:
			c.deadline, c.tries = 0, 0
			return true
		case err != errNotAnswer:
			if l.fatal == nil {
				l.fatal = fmt.Errorf("client %d: %w", l.indexOf(c), err)
			}
			return true
		}
	}
	m, err := stun.Parse(b)
	return err == nil && (m.Class() == stun.ClassSuccess || m.Class() == stun.ClassError) // to a request that was repeated
}

// converse brings every client from one stage to another: begin is the request's, done the one that an answer leads to.
func (l *loop) converse(ctx context.Context, begin, done stage, repeated *int) error {
	next := 0
	for {
		now := int64(time.Since(l.start))
		waiting := l.waiting[:0]
		for _, i := range l.waiting {
			c := &l.clients[i]
			if c.stage == done {
				continue
			}
			if err := l.ask(c, now, repeated); err != nil {
				return fmt.Errorf("client %d: %w", i, err)
			}
			waiting = append(waiting, i)
		}
		l.waiting = waiting
		for ; len(l.waiting) < inFlight && next < len(l.clients); next++ {
			c := &l.clients[next]
			c.begin(begin, l.transaction())
			c.deadline, c.tries = 0, 0
			if err := l.ask(c, now, repeated); err != nil {
				return fmt.Errorf("client %d: %w", next, err)
			}
			l.waiting = append(l.waiting, int32(next))
		}
		if len(l.waiting) == 0 {
			return nil
		}
		l.flush()
		if err := l.round(ctx, idle); err != nil {
			return err
		}
	}
}

// ask sends a client's request, if it has not been sent, or not been answered in time.
func (l *loop) ask(c *client, now int64, repeated *int) error {
	if c.deadline > now {
		return nil
	}
	if c.tries == maxTries {
		return fmt.Errorf("%v does not answer", l.job.Server)
	}
	if c.tries > 0 {
		*repeated++
	}
	c.tries++
	c.deadline = now + int64(answerTimeout)
	// Requests are few: their memory is not the arena's.
	l.queue(netio.Out{Socket: c.socket, Local: c.local, Dst: l.job.Server, Payload: c.request(nil)})
	return nil
}

// giveBack asks once for the end of every allocation there may be, and waits for no answer: a server that goes on living shall not
// keep those of a run that failed for as long as they last. An Allocate that is under way is served before what comes behind it.
func (l *loop) giveBack() {
	for i := range l.clients {
		c := &l.clients[i]
		if c.key == nil || c.stage == stageReleased {
			continue
		}
		c.begin(stageRelease, l.transaction())
		l.queue(netio.Out{Socket: c.socket, Local: c.local, Dst: l.job.Server, Payload: c.request(nil)})
	}
	l.flush()
}

// measure runs the whole job.
func (l *loop) measure(ctx context.Context) (m Measurement, err error) {
	defer func() {
		if err != nil && l.job.Release {
			l.giveBack()
		}
	}()
	usage := newUsage(l.job)
	if err := l.setUp(ctx, usage, &m); err != nil {
		return m, err
	}
	if l.job.Scenario.Purpose == Traffic {
		if err := l.traffic(ctx, usage); err != nil {
			return m, err
		}
		m.Traffic = &l.result
	}
	if l.job.Release {
		l.phase = phaseSetUp
		if err := l.converse(ctx, stageRelease, stageReleased, new(int)); err != nil {
			return m, fmt.Errorf("give the allocations back: %w", err)
		}
	}
	return m, nil
}

// setUp makes the allocations, which is timed, and then their channels or permissions.
func (l *loop) setUp(ctx context.Context, u *usage, m *Measurement) error {
	memory, err := u.memory()
	if err != nil {
		return err
	}
	before, err := u.sample()
	if err != nil {
		return err
	}
	if err := l.converse(ctx, stageAllocate, stageAllocated, &m.Setup.Repeated); err != nil {
		return err
	}
	after, err := u.sample()
	if err != nil {
		return err
	}
	m.Setup.Allocations = len(l.clients)
	m.Setup.Elapsed = after.at.Sub(before.at)
	m.Setup.ServerCPU = after.server - before.server
	if err := l.converse(ctx, stageBind, stageReady, new(int)); err != nil {
		return err
	}
	if len(l.job.ServerPIDs) > 0 {
		m.Memory = &Memory{Before: memory}
		m.Memory.After, err = u.memory()
	}
	return err
}

// beginTraffic lets packets flow from the next round on.
func (l *loop) beginTraffic() {
	l.phase = phaseTraffic
	l.now = int64(time.Since(l.start))
	l.began, l.swept = l.now, l.now
	if l.job.Scenario.Rate == 0 {
		for i := range l.clients {
			l.clients[i].queued, l.clients[i].heard = true, l.now
			l.ready = append(l.ready, int32(i))
		}
	}
}

// traffic runs warm-up, window and drain.
func (l *loop) traffic(ctx context.Context, u *usage) error {
	l.beginTraffic()
	if err := l.runUntil(ctx, l.now+int64(l.job.Warmup)); err != nil {
		return err
	}
	before, err := u.sample()
	if err != nil {
		return err
	}
	counts, begin := l.poller.Counts(), l.now
	l.phase = phaseWindow
	for i := range l.clients {
		l.clients[i].first = l.clients[i].sent
	}
	if err := l.runUntil(ctx, begin+int64(l.job.Duration)); err != nil {
		return err
	}
	after, err := u.sample()
	if err != nil {
		return err
	}
	l.phase = phaseDrain
	l.closeWindow(begin, before, after, counts)
	if err := l.drain(ctx); err != nil {
		return err
	}
	l.result.Lost = l.result.Sent - min(l.arrivedIn, l.result.Sent)
	l.result.Dropped, l.result.ServerDropped, err = l.dropped()
	return err
}

// drain waits for what is still under way.
func (l *loop) drain(ctx context.Context) error {
	least, most := l.now+int64(drainTime), l.now+int64(lostTime)
	for l.now < least || l.arrivedIn < l.result.Sent && l.now < most {
		if err := l.round(ctx, idle); err != nil {
			return err
		}
	}
	return nil
}

// runUntil goes round until the clock says end.
func (l *loop) runUntil(ctx context.Context, end int64) error {
	for l.now < end {
		timeout := min(time.Duration(end-l.now), idle)
		if l.job.Scenario.Rate > 0 {
			timeout = min(timeout, time.Duration(max(l.dueAt(l.offered)-int64(time.Since(l.start)), 0)))
		}
		if err := l.round(ctx, timeout); err != nil {
			return err
		}
	}
	return nil
}

// closeWindow writes down what the window had, but for what is still under way.
func (l *loop) closeWindow(begin int64, before, after sample, counts netio.Counts) {
	r := &l.result
	for i := range l.clients {
		c := &l.clients[i]
		c.last = c.sent
		r.Sent += c.last - c.first
	}
	r.Sent -= min(l.refusedIn, r.Sent)
	r.Elapsed = time.Duration(l.now - begin)
	r.ServerCPU, r.GeneratorCPU, r.MachineCPU = after.server-before.server, after.own-before.own, after.machine-before.machine
	now := l.poller.Counts()
	r.IO = IO{
		SendCalls: now.SendCalls - counts.SendCalls, SendDatagrams: now.SendDatagrams - counts.SendDatagrams,
		RecvCalls: now.RecvCalls - counts.RecvCalls, RecvDatagrams: now.RecvDatagrams - counts.RecvDatagrams,
	}
	if s := l.job.Scenario; s.Rate > 0 {
		r.Planned = uint64(r.Elapsed.Seconds() * s.Rate * float64(s.Flows))
		r.Lateness = l.late.Percentile(99)
	}
}

// dropped is how many datagrams found no room in a socket: in the generator's, and in the server's if it is on this host.
func (l *loop) dropped() (own, server uint64, err error) {
	ports := map[uint16]*uint64{}
	if len(l.job.ServerPIDs) > 0 {
		ports[l.job.Server.Port()] = &server
		for i := range l.clients {
			ports[l.clients[i].relayed.Port()] = &server
		}
	}
	for _, s := range l.sockets {
		ports[s.Local().Port()] = &own
	}
	return own, server, addDrops(ports)
}
