package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"turnout/auth/identity"
	"turnout/auth/token"
	"turnout/internal/config"
)

const (
	// tokenKeyAge is how long a key signs before another one takes its place.
	tokenKeyAge = 30 * 24 * time.Hour
	// tokenKeyLead is how long before it signs a key is published: others fetch key
	// sets four times an hour, and more often when they meet an unknown key.
	tokenKeyLead = time.Hour
	// careEvery is how often is looked after what has grown old.
	careEvery = time.Hour
	// careRetry is how soon a watch that broke off begins again.
	careRetry = time.Second
)

// tokenAlgorithm is the one that new keys of access tokens sign with.
func tokenAlgorithm(l *config.Loaded) token.Algorithm {
	if l.API.TokenAlgorithm == "ES256" {
		return token.ES256
	}
	return token.EdDSA
}

// begin takes over the keys that other processes of a fleet put into the store, until k is closed.
func (k *keep) begin(log *slog.Logger) {
	ctx, cancel := context.WithCancel(context.Background())
	stop := k.stop
	k.stop = func() { cancel(); stop() }
	k.background.Go(func() { k.follow(ctx, log) })
}

// care keeps the keys of tokens young and the store small until ctx ends. Several services may do it on one store.
func (k *keep) care(ctx context.Context, now func() time.Time, log *slog.Logger) {
	k.background.Go(func() {
		tick := time.NewTicker(careEvery)
		defer tick.Stop()
		for {
			if err := errors.Join(k.chain.renewTokens(ctx, now()), k.chain.tidy(ctx, now())); err != nil && ctx.Err() == nil {
				log.Error("the keys in the store could not be renewed", "error", err)
			}
			if n, err := k.directory.Prune(ctx); err != nil && ctx.Err() == nil {
				log.Error("old revocations could not be removed", "error", err)
			} else if n > 0 {
				log.Debug("removed old revocations", "count", n)
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	})
}

// follow watches the keys in the store. What went wrong is logged once, not as often as it is tried again.
func (k *keep) follow(ctx context.Context, log *slog.Logger) {
	var last string
	for {
		err := k.store.Watch(ctx, identity.Documents, func(r identity.Record) {
			if err := k.chain.take(ctx, r); err != nil && ctx.Err() == nil && last != err.Error() {
				last = err.Error()
				log.Error("keys of the store were not taken over", "document", r.Key, "error", err)
			}
		}, func() { last = "" })
		if ctx.Err() != nil || errors.Is(err, identity.ErrClosed) {
			return
		}
		if text := err.Error(); text != last {
			last = text
			log.Warn("the keys in the store are not watched; trying again", "error", err)
		}
		timer := time.NewTimer(careRetry)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
	}
}
