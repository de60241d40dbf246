package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/spf13/cobra"

	"turnout/auth/token"
	"turnout/internal/admin"
	"turnout/internal/config"
	"turnout/internal/metrics"
	"turnout/internal/secure"
	"turnout/internal/web"
	"turnout/relay"
)

const (
	shownFor    = time.Hour  // how long the credentials are valid that serve prints
	shownUser   = "operator" // and for whom
	scrapesOnce = 4          // at a time; more are answered 503
	// surveyPatience is how long a scrape waits for workers: longer than any round of a loaded one, and a fraction of what
	// Prometheus waits for a scrape.
	surveyPatience = time.Second
)

func (a *app) serveCommand() *cobra.Command {
	var s source
	c := a.command("serve [--config FILE]", "Run the relay and the service",
		"Run the relay and the service. Without a configuration both serve loopback only, for a first try.\n"+
			"SIGHUP, or a change of the file, has it go by the configuration as it is then; calls go on.\n"+
			"SIGTERM drains the relay: no new allocations are made, and it ends when the last one has, or at\n"+
			"drain.deadline. A second one, or Ctrl-C at a terminal, ends what is live at once.",
		func(ctx context.Context) error {
			return a.serve(ctx, &s)
		})
	s.flags(c)
	return c
}

// A service is what serve runs.
type service struct {
	// Immutable after newService.
	app        *app
	source     *source
	log        *slog.Logger
	journal    journal        // of log
	level      *slog.LevelVar // of log
	manager    manager
	background context.Context // of what the configuration in use has going on; done when all ends
	end        context.CancelFunc
	meter      *metrics.Service
	health     health

	// Set while it starts.
	transports *transports
	own        []netip.AddrPort // where it listens besides the relay

	current    atomic.Pointer[running]
	reloading  chan struct{} // holds one value while a reload is under way
	reloads    reloads
	files      reading     // of the configuration
	offer      *offer      // in use; by whom reloads
	handler    replaceable // of the api
	alternates watching    // by whom reloads

	relay    atomic.Pointer[relayServer] // nil before it listens, and where there is none
	serving  atomic.Bool                 // everything listens
	draining atomic.Bool                 // on the way to the end
	endsAt   atomic.Pointer[time.Time]   // when it ends what is live, once it drains to the end
	started  time.Time
	admins   []operatorListener
	keep     atomic.Pointer[keep]           // nil before it is open, and where nothing is kept
	verifier atomic.Pointer[token.Verifier] // nil without api
	api      *web.Server                    // nil where there is none
	ended    chan error                     // one value from each goroutine
	running  int                            // goroutines
}

// An operatorListener is that of admin.listen or of metrics.listen, and what it is called where its address is printed.
type operatorListener struct {
	*admin.Server
	shown string
}

// newService reads the configuration.
func (a *app) newService(src *source) (*service, error) {
	s := &service{app: a, source: src, level: new(slog.LevelVar), ended: make(chan error, 4), reloading: make(chan struct{}, 1), started: a.now()}
	var files reading
	l, err := config.Load(s.sources(&files))
	if err != nil {
		return nil, err
	}
	s.files.take(&files, l)
	s.level.Set(levelOf(l.Log))
	s.log = s.journal.of(newLogger(l.Log, s.level, a.stderr))
	s.manager = newManager(a.environ, os.Getpid(), s.log)
	for _, w := range l.Warnings {
		s.log.Warn(w.String())
	}
	now, err := newRunning(l, a.now())
	if err != nil {
		return nil, err
	}
	s.current.Store(now)
	s.measure()
	s.background, s.end = context.WithCancel(context.Background())
	return s, nil
}

// serve runs until ctx ends or a part of it fails.
func (a *app) serve(ctx context.Context, src *source) error {
	hangUps, ignore := a.hear(src)
	defer ignore()
	s, err := a.newService(src)
	if err != nil {
		return err
	}
	defer s.close()
	defer s.health.watch(s.log)()
	s.reloading <- struct{}{} // what is not there yet cannot be reloaded: whoever asks for it waits
	begun := sync.OnceFunc(func() { <-s.reloading })
	defer begun()
	l := s.current.Load().loaded
	if s.transports, err = newTransports(l, s.log); err != nil {
		return err
	}
	defer s.transports.watch(ctx)()
	if err := s.listen(ctx, l); errors.Is(err, errStopped) {
		return nil
	} else if err != nil {
		return err
	}
	s.watchAlternates(l)
	defer func() { s.alternates.stop() }()
	now, stop := s.current.Load(), func() error { return s.stop(a.again) }
	if err := s.startAPI(now); err != nil {
		return errors.Join(err, stop())
	}
	now.trust.adopt(l, s.offer)
	s.serving.Store(true)
	begun()
	if err := a.announce(ctx, l, now.trust, s, now.relaying); err != nil {
		return errors.Join(err, stop())
	}
	s.manager.tell("READY=1")
	defer s.manager.watch(s.alive)()
	defer s.watchSources(ctx, hangUps)()
	select {
	case err = <-s.ended:
		s.running--
		if err == nil {
			err = errors.New("the relay ended by itself")
		}
		return errors.Join(err, stop())
	case <-ctx.Done():
		return stop()
	}
}

// listen opens everything that a configuration has listen: first the operator's pages, which tell how the rest comes along, then
// the store, the service's listener, so that a port in use is told before anything is served, and the relay, which serves at once.
func (s *service) listen(ctx context.Context, l *config.Loaded) error {
	now, tr := *s.current.Load(), s.transports
	s.health.set("certificates", certificatesProbe(s.app.now, tr.certificates, tr.https))
	var err error
	if s.own, err = s.listenAdmins(l, tr); err != nil {
		return err
	}
	if now.trust, err = s.app.openTrust(ctx, l, s); err != nil {
		return err
	}
	at, err := s.listenAPI(l, tr)
	if err != nil {
		return err
	}
	if at.IsValid() {
		s.own = append(s.own, at)
	}
	if now.relaying, err = s.app.startRelay(ctx, l, now.trust, s); err != nil {
		return err
	}
	s.current.Store(&now)
	return nil
}

// openTrust opens what is kept and connects it with the checks of credentials. Revocations end what is live on the relay.
func (a *app) openTrust(ctx context.Context, l *config.Loaded, s *service) (t trust, err error) {
	if keepNeeded(l) {
		k, err := s.awaitKeep(ctx, l)
		if err != nil {
			return t, err
		}
		k.begin(s.log)
		s.keep.Store(k)
		s.health.set("store", k.probe)
	}
	return a.trust(ctx, l, s.keep.Load())
}

// A relaying is where the relay listens and relays from; without a relay it is empty.
type relaying struct {
	config relay.Config
	bound  []relay.Listener
	name   string // what the certificate is good for
}

// startRelay makes the relay and lets it serve, where the configuration has one.
func (a *app) startRelay(ctx context.Context, l *config.Loaded, t trust, s *service) (relaying, error) {
	if len(l.Listen) == 0 {
		return relaying{}, nil
	}
	host, err := a.host()
	if err != nil {
		return relaying{}, err
	}
	addresses, err := a.relayAddresses(l, host, func(text string) { s.log.Warn(text) })
	if err != nil {
		return relaying{}, err
	}
	c := a.relayConfig(l, t, addresses, host, s.own, s.log)
	c.ListenStream = s.transports.listen
	server, err := a.parts.newRelay(c)
	if err != nil {
		return relaying{}, err
	}
	// The relay ends by Shutdown, not with ctx, so that it can drain.
	s.run(func() error { return server.Serve(context.WithoutCancel(ctx)) })
	s.relay.Store(&server)
	return relaying{c, server.Addrs(), s.transports.name()}, nil
}

// listenAPI opens the service's listener, so that a port in use is told before anything is served.
func (s *service) listenAPI(l *config.Loaded, tr *transports) (at netip.AddrPort, err error) {
	if !l.API.Listen.Addr.IsValid() {
		return at, nil
	}
	var shown *tls.Config
	if l.API.Listen.Scheme == "https" {
		shown = secure.Server(tr.https, tr.certificates)
	}
	listener, err := web.Listen(l.API.Listen.Addr)
	if err != nil {
		return at, fmt.Errorf("api.listen: %w", err)
	}
	s.api = web.New(listener, shown, s.log)
	return s.api.Addr(), nil
}

// startAPI makes the service and lets it answer.
func (s *service) startAPI(now *running) error {
	offer, err := s.nextOffer(now)
	if err != nil || offer == nil {
		return err
	}
	s.useOffer(offer)
	s.keep.Load().care(s.background, s.app.now, s.log)
	s.run(func() error { return s.api.Serve(&s.handler) })
	return nil
}

// run starts a part of the service.
func (s *service) run(part func() error) {
	s.running++
	go func() { s.ended <- part() }()
}

// listenAdmins serves the operator's pages on both listeners, before there is a relay: /readyz says so.
func (s *service) listenAdmins(l *config.Loaded, tr *transports) (own []netip.AddrPort, err error) {
	registry := metrics.New(build(), func() (relay.Stats, bool) {
		server := s.relay.Load()
		if server == nil {
			return relay.Stats{}, false
		}
		ctx, cancel := context.WithTimeout(context.Background(), surveyPatience)
		defer cancel()
		if err := (*server).Survey(ctx); err != nil {
			s.log.Warn("a scrape tells what some worker counted before: it does not answer", "error", err)
		}
		return (*server).Stats(), true
	}, tr.stats, s.meter)
	operation, err := s.operation(l, tr)
	if err != nil {
		return nil, err
	}
	for _, at := range []struct {
		key  string
		addr config.OperatorAddress
		api  *admin.API
		name string // in metrics
		show string
	}{{"admin.listen", l.Admin.Listen, operation, "admin", "operator"}, {"metrics.listen", config.OperatorAddress{AddrPort: l.Metrics.Listen.AddrPort}, nil, "metrics", "metrics"}} {
		if !at.addr.Set() {
			continue
		}
		server, err := listenOperator(at.addr, admin.Config{
			Metrics:  promhttp.HandlerFor(registry, promhttp.HandlerOpts{MaxRequestsInFlight: scrapesOnce, ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelError)}),
			State:    s.state,
			Degraded: s.health.reasons,
			Told:     s.meter.Listener(at.name, admin.RouteOther, "GET /metrics", "GET /livez", "GET /readyz").Answered,
			Logger:   s.log,
			API:      at.api,
		})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", at.key, err)
		}
		s.admins = append(s.admins, operatorListener{server, at.show})
		if server.Addr().IsValid() {
			own = append(own, server.Addr())
		}
		s.run(server.Serve)
	}
	return own, nil
}

// state is what /readyz says.
func (s *service) state() admin.State {
	server := s.relay.Load()
	switch {
	case s.draining.Load():
		return admin.Draining
	case server == nil && s.serving.Load(): // a service whose relay runs elsewhere
		return admin.Ready
	case server != nil && (*server).Ready():
		return admin.Ready
	case server != nil && (*server).Stats().Draining:
		return admin.Draining
	}
	return admin.Starting
}
