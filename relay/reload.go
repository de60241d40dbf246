package relay

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
)

// ErrClosed says that a server has ended, or is about to.
var ErrClosed = errors.New("the relay has ended")

// Reload has the server go by another configuration: all of it or, where an error is
// returned, nothing. Live allocations go on: they keep what they have been given, and
// their next requests are served by the new configuration.
//
// Realm, RelayAddresses, PortMin, PortMax, Workers, Batch, GSO, GRO, LatencySample,
// LegacyChannels, NoTCP, Discovery, NonceLifetime and Listeners must be what they are: an error names
// the one that is not. Network and Logger stay, whatever c has.
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
	next := s.settingsOf(c)
	next.policy = newPolicy(c, s.listening(), s.ports)
	next.vantages = s.current.Load().vantages
	return s.commit(c, next)
}

// fixed names what differs in next and cannot while the server runs.
func (c Config) fixed(next Config) error {
	var errs []error
	for _, f := range []struct {
		name string
		same bool
	}{
		{"Realm", c.Realm == next.Realm},
		{"Listeners", slices.Equal(c.Listeners, next.Listeners)},
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

// commit has every worker go by next, and returns when all do. Nothing of it can fail,
// but for a server that ends.
func (s *Server) commit(c Config, next *settings) error {
	adopted, asked := make(chan struct{}, len(s.workers)), 0
	for _, w := range s.workers {
		if w.inbox.put(post{do: func(w *worker) { w.adoptSettings(next); adopted <- struct{}{} }}) {
			asked++
		}
	}
	if asked == 0 {
		return ErrClosed
	}
	if q := newQuotas(c); !reflect.DeepEqual(q, s.quotas.Load()) {
		s.setQuotas(q)
	}
	s.config = c
	s.current.Store(next)
	s.ledger.SetTotal(c.TotalAllocations)
	s.SetAlternates(c.Alternates)
	for range asked {
		select {
		case <-adopted:
		case <-s.closed:
			return ErrClosed
		}
	}
	return nil
}

// adoptSettings has the worker go by other settings from the next message on.
func (w *worker) adoptSettings(next *settings) {
	w.settings = next
	w.table.SetLimits(next.maxPermissions, next.maxChannels)
}
