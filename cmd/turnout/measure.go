package main

import (
	"crypto/sha256"
	"encoding/hex"
	"time"

	"turnout/auth/identity"
	"turnout/internal/config"
	"turnout/internal/metrics"
)

// measure makes what counts and what looks after the process, before there is anything to look after.
func (s *service) measure(l *config.Loaded, now func() time.Time) {
	s.loaded.Store(&metrics.Configuration{Hash: configurationHash(l), Loaded: now(), Fits: true})
	s.meter = metrics.NewService(s.reading)
	s.health.set("log", s.journal.probe(s.log))
	s.health.set("reload", func() []trouble {
		if s.loaded.Load().Fits {
			return nil
		}
		return []trouble{{fault: faultReload}}
	})
}

// configurationHash tells configurations apart that are not the same, but for their secrets: of these it says nothing, so that it
// can be shown to whoever reads metrics.
func configurationHash(l *config.Loaded) string {
	text, err := l.JSON()
	if err != nil {
		return "unknown" // what was read can be written, but for a fault of this program
	}
	const size = 8 // bytes: enough to tell a fleet's apart
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:size])
}

// reading is the state of the process for a scrape.
func (s *service) reading() metrics.Reading {
	r := metrics.Reading{
		Degraded:      s.health.degraded,
		Configuration: *s.loaded.Load(),
		Log: func(yield func(level string, lines uint64)) {
			for i, level := range logLevels {
				yield(level, s.journal.written[i].Load())
			}
		},
		LogLost: s.journal.lost.Load(),
	}
	if s.keep != nil {
		r.Store = s.keep.reading()
	}
	if v := s.verifier.Load(); v != nil {
		for _, i := range v.Status() {
			r.Issuers = append(r.Issuers, metrics.Issuer{Name: i.Issuer, Keys: i.Keys, Fetched: i.Fetched, Fetches: i.EachFetch})
		}
	}
	return r
}

// reading is the state of the store for a scrape.
func (k *keep) reading() *metrics.Store {
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
