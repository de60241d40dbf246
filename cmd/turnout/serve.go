package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/spf13/cobra"

	"turnout/internal/admin"
	"turnout/internal/config"
	"turnout/internal/metrics"
	"turnout/relay"
)

// Ends of a relay that was told to stop. Calls last for minutes: waiting a little longer would save none, so the grace is for the
// answers and closing calls under way.
const (
	grace       = time.Second
	hardStop    = 5 * time.Second // for everything, the grace included
	shownFor    = time.Hour       // how long the credentials are valid that serve prints
	shownUser   = "operator"      // and for whom
	scrapesOnce = 4               // at a time; more are answered 503
)

func (a *app) serveCommand() *cobra.Command {
	var s source
	c := a.command("serve [--config FILE]", "Run the relay",
		"Run the relay. Without a configuration it serves loopback only, for a first try.\n"+
			"SIGTERM or SIGINT ends it cleanly; a second one at once.",
		func(ctx context.Context) error {
			l, err := a.load(&s)
			if err != nil {
				return err
			}
			return a.serve(ctx, l)
		})
	s.flags(c)
	return c
}

// A service is what serve runs.
type service struct {
	log      *slog.Logger
	manager  manager
	relay    atomic.Pointer[relayServer] // nil before it listens
	draining atomic.Bool
	admins   []*admin.Server
	ended    chan error // one value from each goroutine
	running  int        // goroutines
}

// serve runs until ctx ends or a part of it fails.
func (a *app) serve(ctx context.Context, l *config.Loaded) error {
	s := &service{log: newLogger(l.Log, a.stderr), ended: make(chan error, 3)}
	s.manager = newManager(a.environ, os.Getpid(), s.log)
	for _, w := range l.Warnings {
		s.log.Warn(w.String())
	}
	t, err := a.trust(l)
	if err != nil {
		return err
	}
	host, err := a.host()
	if err != nil {
		return err
	}
	addresses, err := a.relayAddresses(l, host, func(text string) { s.log.Warn(text) })
	if err != nil {
		return err
	}
	tr, err := newTransports(l, s.log)
	if err != nil {
		return err
	}
	defer s.closeAdmins()
	own, err := s.listenAdmins(l, tr)
	if err != nil {
		return err
	}
	c := a.relayConfig(l, t, addresses, host, own, s.log)
	c.ListenStream = tr.listen
	defer tr.watch(ctx)()
	server, err := a.parts.newRelay(c)
	if err != nil {
		return err
	}
	// The relay ends by Shutdown, not with ctx, so that it can drain.
	s.run(func() error { return server.Serve(context.WithoutCancel(ctx)) })
	s.relay.Store(&server)
	if err := a.announce(l, t, c, tr.name(), server.Addrs(), s.admins); err != nil {
		return errors.Join(err, s.stop(server))
	}
	s.manager.tell("READY=1")
	defer s.manager.watch(server.Alive)()
	select {
	case err = <-s.ended:
		s.running--
		if err == nil {
			err = errors.New("the relay ended by itself")
		}
		return errors.Join(err, s.stop(server))
	case <-ctx.Done():
		return s.stop(server)
	}
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
		return (*server).Stats(), true
	}, tr.secured.Stats)
	for _, at := range []struct {
		key  string
		addr config.Address
	}{{"admin.listen", l.Admin.Listen}, {"metrics.listen", l.Metrics.Listen}} {
		if !at.addr.IsValid() {
			continue
		}
		server, err := admin.New(at.addr.AddrPort, admin.Config{
			Metrics: promhttp.HandlerFor(registry, promhttp.HandlerOpts{MaxRequestsInFlight: scrapesOnce, ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelError)}),
			State:   s.state,
			Logger:  s.log,
		})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", at.key, err)
		}
		s.admins = append(s.admins, server)
		own = append(own, server.Addr())
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
	case server != nil && (*server).Ready():
		return admin.Ready
	case server != nil && (*server).Stats().Draining:
		return admin.Draining
	}
	return admin.Starting
}

// stop ends the relay and then the operator's pages, which say so until the end.
func (s *service) stop(server relayServer) error {
	s.draining.Store(true)
	s.manager.tell("STOPPING=1")
	live := server.Stats().Allocations
	s.log.Info("stopping", "allocations", live)
	server.Drain()
	done := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), grace)
		defer cancel()
		err := server.Shutdown(ctx)
		if errors.Is(err, context.DeadlineExceeded) {
			err = nil // what was live after the grace was ended: that is how it is meant
		}
		s.closeAdmins()
		for range s.running {
			err = errors.Join(err, <-s.ended)
		}
		done <- err
	}()
	select {
	case err := <-done:
		if err == nil {
			s.log.Info("stopped")
		}
		return err
	case <-time.After(hardStop):
		return fmt.Errorf("did not stop within %s; what was left is ended with the process", hardStop)
	}
}

func (s *service) closeAdmins() {
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	for _, server := range s.admins {
		_ = server.Shutdown(ctx) // its Serve says what was wrong
	}
}
