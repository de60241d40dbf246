package relay

import (
	"context"
	"crypto/rand"
	"fmt"
	mathrand "math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"turnout/allocation"
	"turnout/internal/netio"
)

// A Server is a running relay: its workers, its listeners and what they share.
type Server struct {
	// immutable after New
	*shared
	network netio.Network
	workers []*worker
	start   time.Time // zero of the workers' clock
	ended   chan endedAllocation

	reloading sync.Mutex  // one Reload at a time
	config    Config      // in use, with its defaults; guarded by reloading
	retired   []*listener // out of the configuration and perhaps not closed yet; guarded by reloading

	current atomic.Pointer[settings] // that every worker goes by, or soon will

	serving      atomic.Bool
	next         atomic.Uint64 // the worker that takes the next stream
	open         atomic.Int64  // client connections
	budgetsSpent atomic.Int64  // as a survey found it
	failed       chan error    // a worker that cannot go on
	shutdown     chan struct{} // closed when Shutdown begins
	ending       chan struct{} // closed when the workers have ended
	closed       chan struct{} // closed when everything has ended
	once         sync.Once
	grace        context.Context // of Shutdown; set before shutdown is closed

	mu      sync.Mutex
	conns   map[*stream]struct{} // guarded by mu; nil when the server ends
	streams []*listener          // that accept connections; guarded by mu
	tasks   sync.WaitGroup       // streams and their listeners
}

// New opens every listener, so that a port in use is told before anything is
// served. The error names the address; test it for netio's sentinels.
func New(c Config) (*Server, error) {
	c = c.withDefaults()
	if err := c.check(); err != nil {
		return nil, err
	}
	s := &Server{
		network:  c.Network,
		ended:    make(chan endedAllocation, 1024),
		failed:   make(chan error, c.Workers),
		shutdown: make(chan struct{}),
		closed:   make(chan struct{}),
		ending:   make(chan struct{}),
		conns:    map[*stream]struct{}{},
	}
	var err error
	if s.shared, err = newShared(c); err != nil {
		return nil, err
	}
	// Its policy follows, since ports may be chosen only now, and are closed to peers.
	first := s.settingsOf(c)
	s.current.Store(first)
	if err := s.listen(c); err != nil {
		s.abandon()
		return nil, err
	}
	first.policy = newPolicy(c, listening(first.listeners, first.vantages), s.ports)
	s.config = c
	return s, nil
}

// listen makes the workers and opens the listeners.
func (s *Server) listen(c Config) error {
	s.start = time.Now().Add(-1) // so that no round is at 0, which stands for "never"
	for i := range c.Workers {
		w, err := s.newWorker(i, c, s.start)
		if err != nil {
			return err
		}
		s.workers = append(s.workers, w)
	}
	s.workers[0].logShortcuts()
	for _, w := range s.workers {
		w.workers = s.workers
	}
	first := s.current.Load()
	for _, asked := range c.Listeners {
		l, err := s.openListener(c, asked)
		if err == nil {
			err = s.hearFirst(l)
		}
		if err != nil {
			return err
		}
		first.listeners = append(first.listeners, l)
	}
	return s.listenDiscovery(c, first)
}

// hearFirst has a listener be heard once the server serves.
func (s *Server) hearFirst(l *listener) error {
	if l.stream != nil {
		s.streams = append(s.streams, l)
		return nil
	}
	for i, w := range s.workers {
		if err := w.hear(l); err != nil {
			for _, socket := range l.sockets[i:] {
				_ = socket.Close()
			}
			return err
		}
	}
	return nil
}

func (s *Server) newWorker(i int, c Config, start time.Time) (*worker, error) {
	poller, err := c.Network.NewPoller(netio.PollerConfig{Slots: c.Batch, GSO: c.GSO, GRO: c.GRO})
	if err != nil {
		return nil, fmt.Errorf("worker %d: %w", i, err)
	}
	var seed [32]byte
	_, _ = rand.Read(seed[:]) // never fails
	w := &worker{
		index: i, start: start, poller: poller, network: c.Network,
		ended: s.ended, failed: s.failed, done: make(chan struct{}),
		random: mathrand.NewChaCha8(seed), sampling: c.LatencySample == 1,
	}
	w.inbox.wake = poller.Wake
	w.settings = s.current.Load()
	w.sockets = w
	w.tickets = &tickets{sealer: s.sealer}
	w.onEnded = w.expired
	w.noteShortcuts()
	w.counters.rare = true
	w.counters.publish(poller)
	w.table = allocation.NewTable(allocation.Config{
		Worker: i, Ports: s.ports, Ledger: s.ledger,
		MaxPermissions: c.MaxPermissions, MaxChannels: c.MaxChannels,
	})
	return w, nil
}

// Addrs are the listening addresses of the configuration in use, in its order, ports
// filled in. Safe for concurrent use.
func (s *Server) Addrs() (all []Listener) {
	for _, l := range s.current.Load().listeners {
		all = append(all, l.at)
	}
	return all
}

// Serve relays until ctx is done, and then ends at once, or until Shutdown is
// called; it returns when everything is closed. The error is that of a worker
// which could not go on. It raises GOMAXPROCS so that
// streams and garbage collection have a processor beside the workers' threads.
func (s *Server) Serve(ctx context.Context) error {
	runtime.GOMAXPROCS(max(runtime.GOMAXPROCS(0), len(s.workers)+2))
	var logs sync.WaitGroup
	logs.Go(s.runLog)
	logs.Go(s.runFailures)
	logs.Go(s.runLimits)
	s.mu.Lock()
	for _, l := range s.streams {
		s.tasks.Go(func() { s.runAccept(l) })
	}
	s.mu.Unlock()
	for _, w := range s.workers {
		go w.run()
	}
	s.serving.Store(true)
	var failure error
	select {
	case <-ctx.Done():
		s.Drain()
	case <-s.shutdown:
		s.awaitAllocations()
	case failure = <-s.failed:
		s.Drain()
	}
	s.serving.Store(false)
	s.closeStreams()
	for _, w := range s.workers {
		w.inbox.put(post{do: func(w *worker) { w.stop = true }})
	}
	for _, w := range s.workers {
		<-w.done
	}
	s.tasks.Wait()
	if s.connections != nil {
		s.connections.tasks.Wait()
	}
	close(s.ended)
	close(s.failures)
	close(s.ending)
	close(s.noticed)
	logs.Wait()
	close(s.closed)
	return failure
}

// Shutdown drains, waits until the last allocation has ended or ctx is done, then
// ends what is left. It returns when Serve has closed everything; the error is
// ctx's if allocations were cut.
func (s *Server) Shutdown(ctx context.Context) error {
	s.once.Do(func() {
		s.grace = ctx
		close(s.shutdown)
	})
	s.Drain() // after that, so that an Undrain which has not seen it is undone
	<-s.closed
	return ctx.Err()
}

// awaitAllocations waits for the last allocation's end or the end of the grace.
func (s *Server) awaitAllocations() {
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for s.ledger.Total() > 0 {
		select {
		case <-s.grace.Done():
			return
		case <-ticker.C:
		}
	}
}

// abandon closes what a failed New has opened.
func (s *Server) abandon() {
	for _, l := range s.streams {
		l.stream.Close()
	}
	for _, w := range s.workers {
		w.finish()
	}
}

// Ready says whether the server takes new allocations.
func (s *Server) Ready() bool { return s.serving.Load() && !s.draining.Load() }

// now is the workers' time.
func (s *Server) now() allocation.Time { return allocation.Time(time.Since(s.start)) }

// Stats sums the workers' counters; cheap enough for every scrape.
func (s *Server) Stats() Stats {
	// Idle workers do not look: reservations that have run out are no ports in use.
	s.ports.Expire(s.now())
	st := Stats{
		Allocations: s.ledger.Total(),
		PortsInUse:  s.ports.InUse(), Ports: s.ports.Size(),
		TCPPortsInUse: s.ports.InUseTCP(), TCPPorts: s.ports.SizeTCP(),
		Streams: int(s.open.Load()), Draining: s.draining.Load(), Workers: len(s.workers),
		BudgetsSpent: int(s.budgetsSpent.Load()),
	}
	// Workers publish in the order of the index, what was created before what ended: read the other way round, no
	// allocation is seen to end, on whichever worker, that was not seen to begin.
	for i := numCounters - 1; i >= 0; i-- {
		for _, w := range s.workers {
			st.counts[i] += w.counters.published[i].Load()
		}
	}
	if s.connections != nil {
		s.connections.addTo(&st.counts)
		st.PeerConnections = s.connections.count()
	}
	st.fill(len(s.workers))
	s.fillDistributions(&st)
	return st
}
