package relay

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
)

// ErrClosed says that a server has ended, or is about to.
var ErrClosed = errors.New("the relay has ended")

// Reload has the server go by another configuration: all of it or, where an error is
// returned, nothing. Live allocations go on: they keep what they have been given, but for
// the permissions of peers that are denied now, and their next requests are served by
// the new configuration.
//
// Realm, RelayAddresses, PortMin, PortMax, Workers, Batch, GSO, GRO, LatencySample,
// LegacyChannels, NoTCP, Discovery and NonceLifetime must be what they are: an error
// names the one that is not. Network and Logger stay, whatever c has.
//
// When it returns, every worker goes by the new configuration. Calls are served one
// after the other; it is called after Serve was. The error is [ErrClosed] where the
// server has ended.
func (s *Server) Reload(c Config) error {
	s.reloading.Lock()
	defer s.reloading.Unlock()
	c.Network, c.Logger = s.config.Network, s.config.Logger
	c = c.withDefaults()
	if err := errors.Join(c.check(), s.config.fixed(c)); err != nil {
		return err
	}
	before, next := s.current.Load(), s.settingsOf(c)
	r, err := s.relist(c, before.listeners)
	if err != nil {
		return err
	}
	next.listeners, next.vantages = r.all, before.vantages
	next.policy = newPolicy(c, listening(next.listeners, next.vantages, r.removed, s.retired), s.ports)
	if err := s.acceptAll(r.opened); err != nil {
		s.unlist(r)
		return err
	}
	if err := s.hearAll(r); err != nil {
		return err
	}
	s.commit(c, next, r)
	return nil
}

// fixed names what differs in next and cannot while the server runs.
func (c Config) fixed(next Config) error {
	var errs []error
	for _, f := range []struct {
		name string
		same bool
	}{
		{"Realm", c.Realm == next.Realm},
		{"RelayAddresses", slices.Equal(c.RelayAddresses, next.RelayAddresses)},
		{"PortMin", c.PortMin == next.PortMin},
		{"PortMax", c.PortMax == next.PortMax},
		{"Workers", c.Workers == next.Workers},
		{"Batch", c.Batch == next.Batch},
		{"GSO", c.GSO == next.GSO},
		{"GRO", c.GRO == next.GRO},
		{"LatencySample", c.LatencySample == next.LatencySample},
		{"LegacyChannels", c.LegacyChannels == next.LegacyChannels},
		{"NoTCP", c.NoTCP == next.NoTCP},
		{"Discovery", slices.Equal(c.Discovery, next.Discovery)},
		{"NonceLifetime", c.NonceLifetime == next.NonceLifetime},
	} {
		if !f.same {
			errs = append(errs, fmt.Errorf("%s cannot change while the relay runs", f.name))
		}
	}
	return errors.Join(errs...)
}

// commit has every worker go by next, and returns when all do. Nothing of it can fail.
func (s *Server) commit(c Config, next *settings, r relisting) {
	for _, l := range r.revived {
		l.removed.Store(false)
	}
	if q := newQuotas(c); !reflect.DeepEqual(q, s.quotas.Load()) {
		s.setQuotas(q)
	}
	s.config = c
	s.ledger.SetTotal(c.TotalAllocations)
	if s.connections != nil {
		s.connections.bandwidth.Store(int64(next.bandwidth))
	}
	s.SetAlternates(c.Alternates)
	before := s.current.Swap(next)
	s.askEvery(func(w *worker) { w.adoptSettings(next) })
	if !before.policy.same(next.policy) {
		s.review()
	}
	s.retire(r.removed)
}

// askEvery has every worker do something, and returns when all have, or have ended.
func (s *Server) askEvery(do func(*worker)) {
	// Without an end of waiting there is no error.
	_ = s.askAll(context.Background(), func(w *worker, answer func()) {
		do(w)
		answer()
	})
}

// adoptSettings has the worker go by other settings from the next message on.
func (w *worker) adoptSettings(next *settings) {
	w.settings = next
	w.table.SetLimits(next.maxPermissions, next.maxChannels)
}
