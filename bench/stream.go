package bench

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"turnout/internal/netio"
	"turnout/stun"
)

const (
	// streamBuffer is what a stream reads at once.
	streamBuffer = 64 << 10
	// streamStall is stall for a stream. Its packets are lost between server and peer alone, and seldom all of a window: a
	// long silence mostly says that this host is busy, and what was waited for will come.
	streamStall = time.Second
	// streamAnswer is how long the answer to a request, or a handshake, may take. The request is sent once: TCP repeats what
	// is lost, and on a busy host only the answer is late. RFC 8489 §6.2.2 (Ti).
	streamAnswer = 39500 * time.Millisecond
)

// A stream is one client on TCP or TLS, with a goroutine of its own: it reads whatever has come, checks it, and writes as
// many packets as have arrived.
type stream struct {
	handshake
	index   int
	conn    net.Conn
	tally   *tally
	seen    sequence
	sent    uint64
	missing map[uint64]struct{} // packets that the window counts as lost; some may come late
	in, out []byte
	filled  int // bytes of in
}

// A tally is what all streams count, under one lock that is taken once a read.
type tally struct {
	job     Job
	pattern *pattern
	start   time.Time
	roots   *x509.CertPool // nil: those of the system
	window  atomic.Bool    // packets are counted
	over    atomic.Bool    // streams end, with their next read

	mu     sync.Mutex
	result Flow // guarded by mu
}

func (t *tally) now() int64 { return int64(time.Since(t.start)) }

// generateStreams runs a job over TCP or TLS.
func generateStreams(ctx context.Context, j Job, network netio.Network) (Measurement, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	t := &tally{job: j, pattern: newPattern(j.Seed), start: time.Now(), result: Flow{Latency: NewLatency()}}
	if len(j.Roots) > 0 {
		t.roots = x509.NewCertPool()
		if !t.roots.AppendCertsFromPEM(j.Roots) {
			return Measurement{}, errors.New("no certificate among the roots")
		}
	}
	streams := make([]*stream, j.Scenario.Flows)
	for i := range streams {
		streams[i] = &stream{index: i, tally: t, missing: map[uint64]struct{}{}, in: make([]byte, streamBuffer)}
		s := streams[i]
		s.username, s.password = j.Credentials.of(i)
		s.carrier, s.peer = j.Scenario.Carrier, j.Peer
	}
	defer func() {
		for _, s := range streams {
			if s.conn != nil {
				s.conn.Close()
			}
		}
	}()
	return t.measure(ctx, streams, network)
}

// measure sets the streams up, lets them run and sums up.
func (t *tally) measure(ctx context.Context, streams []*stream, network netio.Network) (m Measurement, err error) {
	u := newUsage(t.job)
	var memory Memory
	if memory.Before, err = u.memory(); err != nil {
		return m, err
	}
	before, err := u.sample()
	if err != nil {
		return m, err
	}
	for _, s := range streams {
		if err := s.connect(ctx, network); err != nil {
			return m, fmt.Errorf("client %d: %w", s.index, err)
		}
	}
	after, err := u.sample()
	if err != nil {
		return m, err
	}
	m.Setup = SetUp{Allocations: len(streams), Elapsed: after.at.Sub(before.at), ServerCPU: after.server - before.server}
	if memory.After, err = u.memory(); err != nil {
		return m, err
	}
	if len(t.job.ServerPIDs) > 0 {
		m.Memory = &memory
	}
	if t.job.Scenario.Purpose == Traffic {
		if err := t.traffic(ctx, streams, u); err != nil {
			return m, err
		}
		m.Traffic = &t.result
	}
	return m, nil // closing a connection gives its allocation back, RFC 8656 §3.5
}

// traffic lets the streams run: warm-up, window, end.
func (t *tally) traffic(ctx context.Context, streams []*stream, u *usage) error {
	failed := make(chan error, len(streams))
	for _, s := range streams {
		go func() { failed <- s.run() }()
	}
	err := t.count(ctx, u, failed)
	t.over.Store(true) // at the latest when the stream's patience ends
	for range streams {
		err = errors.Join(err, <-failed)
	}
	return err
}

// count opens and closes the window. A stream that ends by itself ends it all; its error is put back for whoever waits for it.
func (t *tally) count(ctx context.Context, u *usage, failed chan error) error {
	wait := func(d time.Duration) error {
		select {
		case <-time.After(d):
			return nil
		case <-ctx.Done():
			return errInterrupted
		case err := <-failed:
			failed <- err
			return errors.New("a stream ended early")
		}
	}
	if err := wait(t.job.Warmup); err != nil {
		return err
	}
	before, err := u.sample()
	if err != nil {
		return err
	}
	t.window.Store(true)
	if err := wait(t.job.Duration); err != nil {
		return err
	}
	t.window.Store(false)
	after, err := u.sample()
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	r := &t.result
	r.Elapsed = after.at.Sub(before.at)
	r.ServerCPU, r.GeneratorCPU, r.MachineCPU = after.server-before.server, after.own-before.own, after.machine-before.machine
	return nil
}

// connect opens the connection and makes the allocation and the channel.
func (s *stream) connect(ctx context.Context, network netio.Network) error {
	j := &s.tally.job
	conn, err := network.DialTCP(ctx, netip.AddrPortFrom(j.Local, 0), j.Server)
	if err != nil {
		return err
	}
	s.conn = conn
	if j.Scenario.Transport == TLS {
		s.conn = tls.Client(conn, &tls.Config{ServerName: j.ServerName, RootCAs: s.tally.roots})
	}
	for _, step := range []struct{ begin, done stage }{{stageAllocate, stageAllocated}, {stageBind, stageReady}} {
		s.begin(step.begin, stun.NewTransactionID())
		for s.stage != step.done {
			if err := s.conn.SetDeadline(time.Now().Add(streamAnswer)); err != nil {
				return err
			}
			if _, err := s.conn.Write(s.request(nil)); err != nil {
				return err
			}
			frame, err := s.frame()
			if err == nil {
				err = s.answer(frame, stun.NewTransactionID())
			}
			if err != nil {
				return err
			}
			s.consume(len(frame))
		}
	}
	return s.conn.SetDeadline(time.Time{})
}

// frame waits for a whole one. It is valid until consume.
func (s *stream) frame() ([]byte, error) {
	for {
		if s.filled >= stun.ChannelHeaderSize {
			n, err := stun.FrameLength(s.in[:s.filled])
			if err != nil {
				return nil, err
			}
			if n <= s.filled {
				return s.in[:n], nil
			}
		}
		if err := s.fill(); err != nil {
			return nil, err
		}
	}
}

func (s *stream) fill() error {
	n, err := s.conn.Read(s.in[s.filled:])
	s.filled += n
	if n > 0 {
		return nil
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return err
}

// consume takes n bytes off the front.
func (s *stream) consume(n int) {
	copy(s.in, s.in[n:s.filled])
	s.filled -= n
}

// run is a stream's life with traffic, until the tally says that it is over, or the connection breaks.
func (s *stream) run() error {
	credit := s.tally.job.Scenario.Window
	var patience time.Time
	for {
		if err := s.write(credit); err != nil {
			return fmt.Errorf("client %d: %w", s.index, err)
		}
		if now := time.Now(); patience.Sub(now) < streamStall/2 {
			patience = now.Add(streamStall)
			if err := s.conn.SetReadDeadline(patience); err != nil {
				return err
			}
		}
		err := s.fill()
		switch {
		case s.tally.over.Load():
			return nil
		case errors.Is(err, os.ErrDeadlineExceeded):
			credit = s.stalled()
		case err != nil:
			return fmt.Errorf("client %d: %w", s.index, err)
		default:
			credit = s.take()
		}
	}
}

// stalled takes all that is under way for lost, which happens to datagrams between server and peer, and gives the whole
// window as credit.
func (s *stream) stalled() (credit int) {
	t := s.tally
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.window.Load() {
		s.lose(s.sent, &t.result)
	}
	s.seen.skip(s.sent)
	return t.job.Scenario.Window
}

// lose counts the packets below end that have not arrived as lost. The tally is locked.
func (s *stream) lose(end uint64, r *Flow) {
	for n := s.seen.next; n < end; n++ {
		s.missing[n] = struct{}{}
		r.Sent++
		r.Lost++
	}
}

// find takes back that a packet was lost, if it was counted so.
func (s *stream) find(n uint64, r *Flow) {
	if _, lost := s.missing[n]; lost {
		delete(s.missing, n)
		r.Sent--
		r.Lost--
	}
}

// take checks what has been read, and returns how many packets may be sent for it.
func (s *stream) take() (credit int) {
	t := s.tally
	t.mu.Lock()
	defer t.mu.Unlock()
	now, r, at := t.now(), &t.result, 0
	for s.filled-at >= stun.ChannelHeaderSize {
		n, err := stun.FrameLength(s.in[at:s.filled])
		if err != nil {
			r.corrupt(s.in[at:s.filled])
			at = s.filled // nothing behind it can be told from anything else
			break
		}
		if n > s.filled-at {
			break
		}
		s.arrived(s.in[at:at+n], now, r)
		at += n
	}
	s.consume(at)
	under := int(s.sent - min(s.seen.next, s.sent))
	return max(t.job.Scenario.Window-under, 0)
}

// arrived judges one frame.
func (s *stream) arrived(frame []byte, now int64, r *Flow) {
	t := s.tally
	payload, ok := dataOf(frame, s.peer)
	if !ok {
		r.corrupt(frame)
		return
	}
	stamp, ok := t.pattern.read(payload, t.job.Scenario.Payload)
	switch {
	case !ok:
		r.corrupt(frame)
		return
	case stamp.flow != uint32(s.index):
		r.Misdelivered++
		return
	}
	counted := t.window.Load()
	if counted {
		s.lose(stamp.sequence, r) // a stream and its peer keep the order
	}
	switch s.seen.mark(stamp.sequence) {
	case arrivalDuplicate:
		r.Duplicate++
		return
	case arrivalOrphan:
		r.Orphan++
		return
	case arrivalLate:
		r.Late++
		s.find(stamp.sequence, r)
	}
	if counted {
		r.Delivered++
		r.Sent++
		r.Latency.Record(time.Duration(now - stamp.sent))
	}
}

// write sends n packets at once.
func (s *stream) write(n int) error {
	if n == 0 {
		return nil
	}
	t := s.tally
	size := t.job.Scenario.Payload
	s.out = s.out[:0]
	now := t.now()
	for range n {
		at := len(s.out)
		var head [stun.ChannelHeaderSize + stampSize]byte
		stun.PutChannelHeader(head[:], channelNumber, size)
		t.pattern.put(head[stun.ChannelHeaderSize:], stamp{uint32(s.index), s.sent, now})
		s.out = append(s.out, head[:]...)
		s.out = append(s.out, t.pattern.body(uint32(s.index), s.sent, size-stampSize)...)
		s.out = append(s.out, zeros[:stun.Padding(len(s.out)-at)]...)
		s.sent++
	}
	_, err := s.conn.Write(s.out)
	return err
}
