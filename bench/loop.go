package bench

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"turnout/internal/netio"
	"turnout/stun"
)

// Sizes of a loop.
const (
	loopSlots  = 256  // datagrams received in a round
	loopOuts   = 1024 // datagrams queued before they are sent
	headerRoom = 128  // bytes of a queued datagram besides its pattern
)

// peerEvent is the poller's id of the peer's socket; clients' sockets count from 0.
const peerEvent = 1 << 32

// A client is one flow's side that has the allocation.
type client struct {
	handshake
	socket   netio.Socket
	local    netip.Addr // source address where clients share a socket; else the zero Addr
	deadline int64      // of the answer that is waited for
	tries    int

	channel [stun.ChannelHeaderSize]byte // header of every packet; all have one size
	sent    uint64                       // packets, which are numbered from 0
	heard   int64                        // when a packet last arrived, or a stall was ended
	queued  bool                         // in loop.ready
	first   uint64                       // number of the first packet of the window
	last    uint64                       // number of the first one behind it
	seen    sequence
}

// A loop is the generator for UDP: clients and their peer on one thread, each round one batch. It is owned by one
// goroutine, which is best locked to its thread.
type loop struct {
	// immutable after newLoop
	job     Job
	pattern *pattern
	start   time.Time // from which the clock counts
	poller  netio.Poller
	peer    netio.Socket // nil where the peer is elsewhere
	echo    netip.AddrPort
	sockets []netio.Socket
	clients []client

	now                  int64 // nanoseconds since start, read once a round
	outs                 []netio.Out
	arena                []byte  // headers of the outs
	ready                []int32 // clients that may have credit
	began                int64   // when the traffic did
	offered              uint64  // packets at a fixed rate so far
	arrivedIn, refusedIn uint64  // of the packets of the window: arrived for the first time; refused by this system
	swept                int64   // when stalled clients were last looked for
	ids                  uint64  // transaction ids given out
	builder              stun.Builder
	fatal                error   // that ends the run
	waiting              []int32 // clients whose request is under way
	phase                phase
	result               Flow
	late                 *Latency // how late packets at a fixed rate are sent
}

// A phase says how arrivals count.
type phase uint8

const (
	phaseSetUp phase = iota
	phaseTraffic
	phaseWindow // packets are counted
	phaseDrain  // nothing new is sent
)

func newLoop(j Job, network netio.Network) (*loop, error) {
	l := &loop{
		job: j, pattern: newPattern(j.Seed), start: time.Now(), echo: j.Peer,
		clients: make([]client, j.Scenario.Flows),
		outs:    make([]netio.Out, 0, loopOuts), arena: make([]byte, 0, loopOuts*headerRoom),
		result: Flow{Latency: NewLatency()}, late: NewLatency(),
	}
	var err error
	if l.poller, err = network.NewPoller(l.job.Scenario.poller()); err != nil {
		return nil, err
	}
	if err := l.open(network); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

// poller is the generator's configuration for a scenario.
func (s Scenario) poller() netio.PollerConfig {
	c := netio.PollerConfig{Slots: loopSlots, GSO: netio.SwitchOff, GRO: netio.SwitchOff}
	if s.Segmented {
		c.GSO, c.GRO = netio.SwitchAuto, netio.SwitchAuto
	}
	return c
}

// open opens the sockets, each as a group of one: those have room for a burst.
func (l *loop) open(network netio.Network) error {
	add := func(address netip.Addr, id uint64) (netio.Socket, error) {
		group, err := network.ListenUDP(netip.AddrPortFrom(address, 0), 1)
		if err != nil {
			return nil, err
		}
		l.sockets = append(l.sockets, group[0])
		return group[0], l.poller.Add(group[0], id)
	}
	for i := range l.clients {
		c := &l.clients[i]
		var err error
		switch {
		case l.job.Spread && i > 0:
			c.socket = l.clients[0].socket
		case l.job.Spread:
			c.socket, err = add(netip.IPv4Unspecified(), 0)
		default:
			c.socket, err = add(l.job.Local, uint64(i))
		}
		if err != nil {
			return fmt.Errorf("client %d: %w", i, err)
		}
		if l.job.Spread {
			c.local = spreadAddress(i)
		}
		c.username, c.password = l.job.Credentials.of(i)
		c.carrier = l.job.Scenario.Carrier
	}
	if !l.echo.IsValid() {
		var err error
		if l.peer, err = add(l.job.Local, peerEvent); err != nil {
			return fmt.Errorf("peer: %w", err)
		}
		l.echo = l.peer.Local()
	}
	for i := range l.clients {
		l.clients[i].peer = l.echo
		stun.PutChannelHeader(l.clients[i].channel[:], channelNumber, l.job.Scenario.Payload)
	}
	return nil
}

// spreadBase is the first address of clients that share a socket: 127.16.0.0, away from those that people and programs use.
const spreadBase = 127<<24 | 16<<16

// spreadAddress is the address of client i.
func spreadAddress(i int) netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], uint32(spreadBase+i))
	return netip.AddrFrom4(b)
}

// clientOf is the client that a packet on a client's socket is for, or nil.
func (l *loop) clientOf(id uint64, to netip.Addr) *client {
	i := id
	if l.job.Spread {
		if !to.Is4() {
			return nil
		}
		b := to.As4()
		i = uint64(binary.BigEndian.Uint32(b[:])) - spreadBase
	}
	if i >= uint64(len(l.clients)) {
		return nil
	}
	return &l.clients[i]
}

func (l *loop) close() {
	for _, s := range l.sockets {
		_ = l.poller.Remove(s)
		s.Close()
	}
	l.poller.Close()
}

// errInterrupted is of a run that was told to end.
var errInterrupted = errors.New("interrupted")

// round waits for at most timeout, reads one batch of each ready socket, and sends what is due.
func (l *loop) round(ctx context.Context, timeout time.Duration) error {
	events, err := l.poller.Wait(timeout)
	if err != nil {
		return err
	}
	if ctx.Err() != nil {
		return errInterrupted
	}
	l.now = int64(time.Since(l.start))
	for _, e := range events {
		if e.ID == netio.WakeID {
			continue
		}
		if l.poller.Room() == 0 {
			l.flush()
			l.poller.EndRound()
		}
		if err := l.read(e.ID); err != nil {
			return err
		}
	}
	l.pace()
	l.flush()
	l.poller.EndRound()
	return l.fatal
}

func (l *loop) read(id uint64) error {
	if id == peerEvent {
		packets, err := l.poller.Recv(l.peer, l.poller.Room())
		for i := range packets {
			l.atPeer(&packets[i])
		}
		return err
	}
	packets, err := l.poller.Recv(l.clients[id].socket, l.poller.Room())
	for i := range packets {
		l.atClient(id, &packets[i])
	}
	return err
}

// atPeer takes a datagram that the server relayed to the peer.
func (l *loop) atPeer(p *netio.Packet) {
	if l.job.Scenario.Direction == Echo { // the client judges what comes back
		l.queue(netio.Out{Socket: l.peer, Dst: p.Addr, Payload: p.Payload})
		return
	}
	s, ok := l.pattern.read(p.Payload, l.job.Scenario.Payload)
	switch {
	case !ok || uint64(s.flow) >= uint64(len(l.clients)):
		l.result.corrupt(p.Payload)
	case l.clients[s.flow].relayed != p.Addr:
		l.result.Misdelivered++
	default:
		l.arrived(int32(s.flow), s)
	}
}

// atClient takes a datagram that the server sent to a client.
func (l *loop) atClient(id uint64, p *netio.Packet) {
	c := l.clientOf(id, p.Local.Addr())
	if c == nil || p.Addr != l.job.Server {
		l.result.Stray++
		return
	}
	payload, ok := dataOf(p.Payload, c.peer)
	if !ok {
		if !l.answered(c, p.Payload) {
			l.result.corrupt(p.Payload)
		}
		return
	}
	s, ok := l.pattern.read(payload, l.job.Scenario.Payload)
	switch {
	case !ok || uint64(s.flow) >= uint64(len(l.clients)):
		l.result.corrupt(p.Payload)
	case &l.clients[s.flow] != c:
		l.result.Misdelivered++
	default:
		l.arrived(int32(s.flow), s)
	}
}

// evidenceSize is how many bytes of a corrupt packet are kept.
const evidenceSize = 64

// corrupt counts a packet that is not what was sent.
func (f *Flow) corrupt(packet []byte) {
	f.Corrupt++
	if f.Evidence == "" {
		f.Evidence = fmt.Sprintf("%d bytes: %x", len(packet), packet[:min(len(packet), evidenceSize)])
	}
}

// dataOf is the payload of a ChannelData message on the clients' channel, or of a Data indication from peer.
func dataOf(b []byte, peer netip.AddrPort) ([]byte, bool) {
	if stun.Classify(b) == stun.KindChannelData {
		n, data, err := stun.ParseChannelData(b)
		if err != nil || n != channelNumber {
			return nil, false
		}
		return data, true
	}
	m, err := stun.Parse(b)
	if err != nil || m.Type() != stun.NewMessageType(stun.MethodData, stun.ClassIndication) {
		return nil, false
	}
	if from, err := m.XORAddrPort(stun.AttrXORPeerAddress); err != nil || from != peer {
		return nil, false
	}
	return m.Attribute(stun.AttrData)
}

// arrived counts a whole packet of client i.
func (l *loop) arrived(i int32, s stamp) {
	c := &l.clients[i]
	c.heard = l.now
	switch c.seen.mark(s.sequence) {
	case arrivalDuplicate:
		l.result.Duplicate++
		return
	case arrivalOrphan:
		l.result.Orphan++
		return
	case arrivalLate:
		l.result.Late++
	}
	if l.phase == phaseWindow {
		l.result.Delivered++
	}
	if s.sequence >= c.first && (l.phase == phaseWindow || l.phase == phaseDrain && s.sequence < c.last) {
		l.arrivedIn++
		l.result.Latency.Record(time.Duration(l.now - s.sent))
	}
	if !c.queued && l.phase != phaseDrain {
		c.queued = true
		l.ready = append(l.ready, i)
	}
}

// queue takes a datagram to be sent in this round.
func (l *loop) queue(o netio.Out) {
	l.outs = append(l.outs, o)
	if len(l.outs) == cap(l.outs) {
		l.flush()
	}
}

// flush sends what is queued. What the system refuses never left, and is not held against the server.
func (l *loop) flush() {
	if len(l.outs) == 0 {
		return
	}
	for _, f := range l.poller.Send(l.outs) {
		l.result.Refused++
		if l.fatal == nil && !errors.Is(f.Err, netio.ErrWouldBlock) {
			l.fatal = fmt.Errorf("send to %v: %w", l.outs[f.Index].Dst, f.Err)
		}
		if l.phase == phaseWindow {
			l.refusedIn++
		}
	}
	l.outs, l.arena = l.outs[:0], l.arena[:0]
}
