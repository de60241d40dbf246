package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	"turnout/auth/identity"
	"turnout/auth/token"
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
	careRetry = 5 * time.Second
)

// care keeps the keys of tokens young and the store small until ctx ends. Several services may do it on one store.
func (k *keep) care(ctx context.Context, now func() time.Time, log *slog.Logger) {
	k.background.Go(func() { k.follow(ctx, log) })
	k.background.Go(func() {
		tick := time.NewTicker(careEvery)
		defer tick.Stop()
		for {
			if err := k.rotate(ctx, now()); err != nil && ctx.Err() == nil {
				log.Error("the keys of access tokens could not be rotated", "error", err)
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

// rotate adds a key that will sign soon, where the last one has grown old. Of several services one does it.
func (k *keep) rotate(ctx context.Context, now time.Time) error {
	if now.Sub(k.tokens.Newest()) < tokenKeyAge {
		return nil
	}
	raw, err := identity.ChangeDocument(ctx, k.store, identity.TokenKeysDocument, func(raw json.RawMessage) (json.RawMessage, error) {
		set, err := token.ParseKeySet(raw)
		if err != nil || now.Sub(set.Newest()) < tokenKeyAge {
			return raw, err // another service was faster
		}
		if set, err = set.Rotated(token.ES256, now, tokenKeyLead); err != nil {
			return nil, err
		}
		return set.Marshal()
	})
	if err != nil {
		return err
	}
	return k.replaceKeys(raw)
}

func (k *keep) replaceKeys(raw json.RawMessage) error {
	set, err := token.ParseKeySet(raw)
	if err == nil {
		k.tokens.Replace(set)
	}
	return err
}

// follow takes over the keys that other services of the fleet add.
func (k *keep) follow(ctx context.Context, log *slog.Logger) {
	for {
		err := identity.WatchDocument(ctx, k.store, identity.TokenKeysDocument, k.replaceKeys)
		if ctx.Err() != nil || errors.Is(err, identity.ErrClosed) {
			return
		}
		log.Warn("the keys of access tokens are not watched; trying again", "error", err)
		timer := time.NewTimer(careRetry)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
	}
}
