package main

import (
	"turnout/auth/identity"
	"turnout/internal/metrics"
)

// measure makes what counts and what looks after the process, before there is anything to look after.
func (s *service) measure() {
	s.meter = metrics.NewService(s.scrape)
	s.health.set("log", s.journal.probe(s.log))
	s.health.set("reload", func() []trouble {
		if s.reloads.lastFailed.Load() {
			return []trouble{{fault: faultReload}}
		}
		return nil
	})
}

// scrape is the state of the process.
func (s *service) scrape() metrics.Reading {
	now := s.current.Load()
	r := metrics.Reading{
		Degraded: s.health.degraded,
		Configuration: metrics.Configuration{
			Hash: now.hash, Loaded: now.at, Failed: s.reloads.lastFailed.Load(),
			Reloads: s.reloads.succeeded.Load(), Failures: s.reloads.failed.Load(),
		},
		Log: func(yield func(level string, lines uint64)) {
			for i, level := range logLevels {
				yield(level, s.journal.written[i].Load())
			}
		},
		LogLost: s.journal.lost.Load(), LogLeftOut: s.journal.leftOut.Load(),
	}
	if k := s.keep.Load(); k != nil {
		r.Store = k.scrape()
	}
	if v := s.verifier.Load(); v != nil {
		for _, i := range v.Status() {
			r.Issuers = append(r.Issuers, metrics.Issuer{Name: i.Issuer, Keys: i.Keys, Fetched: i.Fetched, Fetches: i.EachFetch})
		}
	}
	return r
}

// scrape is the state of the store.
func (k *keep) scrape() *metrics.Store {
	r := &metrics.Store{Up: k.store.Status() == nil}
	r.Subjects, r.Usernames = k.revocations.Len()
	switch engine := k.engine.(type) {
	case *identity.Bolt:
		r.Bytes = engine.Size()
	case *identity.NATS:
		c := engine.Connection()
		r.Connection = &metrics.Connection{Up: c.Up, Reconnects: c.Reconnects, Behind: c.Behind}
	}
	return r
}
