package main

import (
	"context"
	"fmt"
	"log/slog"
	"slices"

	"turnout/internal/config"
	"turnout/relay"
)

// A reloadResult is what a reload changed.
type reloadResult struct {
	Changed []string        // keys whose new values are in use
	Restart []config.Change // keys that stay as they are until turnout is started again
	Hash    string          // of the configuration in use now
}

// reload reads the configuration's sources again and has every part go by what they say: all of it or, where an error is
// returned, nothing. Live allocations go on. Cause is told in the log. Reloads are served one after the other; ctx ends
// waiting for one's turn, and reading, and nothing that has begun to be applied. Files that seen has are not read.
func (s *service) reload(ctx context.Context, cause string, seen looks) (reloadResult, error) {
	select {
	case s.reloading <- struct{}{}:
		defer func() { <-s.reloading }()
	case <-ctx.Done():
		return reloadResult{}, ctx.Err()
	}
	s.manager.reloading()
	defer s.manager.tell("READY=1")
	result, err := s.tryReload(ctx, seen)
	s.reloads.note(err)
	if err != nil {
		s.log.Error("reload: the configuration in use stays", "cause", cause, "error", explain(err))
		return result, err
	}
	for _, c := range result.Restart {
		s.log.Warn("reload: "+c.String(), "cause", cause)
	}
	s.log.Info("reloaded", "cause", cause, "changed", result.Changed, "hash", result.Hash)
	return result, nil
}

// tryReload does everything that can fail, and then the rest.
func (s *service) tryReload(ctx context.Context, seen looks) (reloadResult, error) {
	before := s.current.Load()
	files := reading{seen: seen}
	next, changes, err := config.Reload(s.sources(&files), before.loaded, s.fixed)
	s.files.take(&files, next)
	if err != nil {
		return reloadResult{}, err
	}
	result := reloadResult{Changed: []string{}}
	for _, c := range changes {
		if c.Restart {
			result.Restart = append(result.Restart, c)
		} else {
			result.Changed = append(result.Changed, c.Key)
		}
	}
	now, err := newRunning(next, s.app.now())
	if err != nil {
		return result, err
	}
	if err := s.apply(ctx, before, now); err != nil {
		return result, err
	}
	for _, w := range next.Warnings {
		s.log.Warn(w.String())
	}
	result.Hash = now.hash
	return result, nil
}

// apply has every part go by another configuration. The relay is the last that may refuse it; from there on nothing can
// fail.
func (s *service) apply(ctx context.Context, before, now *running) error {
	next, err := s.app.nextTrust(ctx, now.loaded, before)
	if err != nil {
		return err
	}
	now.trust, now.relaying = next, before.relaying
	s.alternates.stop()
	defer func() { s.watchAlternates(s.current.Load().loaded) }()
	server := s.relay.Load()
	if server != nil {
		if now.relaying.config, err = s.nextRelay(before, now); err != nil {
			return err
		}
		now.relaying.bound = boundSoFar(before.relaying, now.relaying.config.Listeners)
	}
	offer, err := s.nextOffer(now)
	if err != nil {
		return err
	}
	secured, err := s.transports.next(now.loaded)
	if err != nil {
		return err
	}
	if server != nil {
		if err := (*server).Reload(now.relaying.config); err != nil {
			return err
		}
	}
	secured()
	if server != nil {
		bound, name := (*server).Addrs(), s.transports.name()
		if !slices.Equal(bound, now.relaying.bound) || name != now.relaying.name {
			// A port that was left to the system, or the name in another certificate, is known only now.
			now.relaying.bound, now.relaying.name = bound, name
			if exact, err := s.nextOffer(now); err == nil { // it was good before
				offer = exact
			}
		}
	}
	now.trust.adopt(now.loaded, offer)
	s.useOffer(offer)
	s.level.Set(levelOf(now.loaded.Log))
	s.current.Store(now)
	return nil
}

// nextRelay is the relay's configuration, in which what it relays from stays.
func (s *service) nextRelay(before, now *running) (c relay.Config, err error) {
	host, err := s.app.host()
	if err != nil {
		return c, err
	}
	c = s.app.relayConfig(now.loaded, now.trust, before.relaying.config.RelayAddresses, host, s.own, s.log)
	c.Alternates = s.alternates.book.alternates(now.loaded)
	c.ListenStream = s.transports.listen
	return c, nil
}

// boundSoFar is where listeners will be bound, as far as that is known before: some ports are left to the system.
func boundSoFar(before relaying, asked []relay.Listener) (all []relay.Listener) {
	for _, l := range asked {
		if i := slices.Index(before.config.Listeners, l); i >= 0 {
			l = before.bound[i]
		}
		all = append(all, l)
	}
	return all
}

// fixed names keys that need a restart in the case of this configuration.
func (s *service) fixed(next *config.Loaded) (keys []string) {
	before := s.current.Load().loaded
	if (len(before.Listen) == 0) != (len(next.Listen) == 0) { // a relay begins or ends
		keys = append(keys, "listen")
	}
	if retention(next) > retention(before) { // what was revoked before may be forgotten already
		keys = append(keys, "api.issuers")
	}
	if next.FirstSecret && s.keep.Load() == nil { // there is no store to make it in
		keys = append(keys, "auth.secrets", "auth.users", "auth.oauth.keys", "auth.oauth.server-name")
	}
	return keys
}

// levelOf is the least severe that is logged.
func levelOf(c config.Log) (level slog.Level) {
	if err := level.UnmarshalText([]byte(c.Level)); err != nil {
		panic(fmt.Sprintf("log.level %q passed its check: %v", c.Level, err)) // one of slog's own words
	}
	return level
}
