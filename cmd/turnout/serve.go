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

const (
	shownFor    = time.Hour  // how long the credentials are valid that serve prints
	shownUser   = "operator" // and for whom
	scrapesOnce = 4          // at a time; more are answered 503
)

func (a *app) serveCommand() *cobra.Command {
	var s source
	c := a.command("serve [--config FILE]", "Run the relay",
		"Run the relay. Without a configuration it serves loopback only, for a first try.\n"+
			"SIGTERM or SIGINT drains it: no new allocations are made, and it ends when the last one has, or at\n"+
			"drain.deadline. A second one ends what is live at once.",
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
	defer a.watchAlternates(l, server, s.log)()
	stop := func() error { return s.stop(server, time.Duration(l.Drain.Deadline), a.again) }
	if err := a.announce(l, t, c, tr.name(), server.Addrs(), s.admins); err != nil {
		return errors.Join(err, stop())
	}
	s.manager.tell("READY=1")
	defer s.manager.watch(server.Alive)()
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
