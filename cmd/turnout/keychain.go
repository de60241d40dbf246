package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"turnout/auth"
	"turnout/auth/identity"
	"turnout/auth/token"
	"turnout/internal/api"
)

// How a rotation goes where nothing else is asked for.
const (
	// secretLead is how long a new secret only verifies: a relay that was cut off from the store for as long refuses
	// credentials that are made with it.
	secretLead = 10 * time.Minute
	// accessOverlap is how long old access keys are valid: in that time their holders get the new one.
	accessOverlap = 7 * 24 * time.Hour
	// heard is within what time of its successor's a service that has not heard of that may still issue with a secret.
	heard = time.Hour
	// mostAccess bounds what a request's signature is compared with.
	mostAccess = 8
)

// A keychain is the keys that a process lives on: those of its configuration, or those of its store, which the processes
// of a fleet share and any service of it rotates. It is safe for concurrent use.
type keychain struct {
	store     identity.Store
	mark      string // of the store these keys are from; see identity.Mark
	algorithm token.Algorithm
	tokens    *token.KeySet
	now       func() time.Time

	mu      sync.Mutex
	maxTTL  time.Duration    // longest life of a credential; guarded by mu
	secrets aging            // guarded by mu
	access  aging            // guarded by mu
	signing uint64           // revision of the document that tokens are of; guarded by mu
	closed  bool             // guarded by mu
	refused map[string]error // why a document was not taken over, by its name; guarded by mu
}

// An aging is the secrets of one purpose. Which of them are valid changes with time.
type aging struct {
	kept       identity.Secrets       // in the store, as far as was looked
	revision   uint64                 // of the document that kept is, as far as it is known
	configured identity.Secrets       // in the configuration: they count, where there are any, and stay as they are
	use        func(identity.Secrets) // hears of those that are valid; nil: nobody does
	timer      *time.Timer            // until the next change; nil: there is none
}

// all are those that count.
func (a *aging) all() identity.Secrets {
	if len(a.configured) > 0 {
		return a.configured
	}
	return a.kept
}

// tellLocked tells of the secrets that are valid now, and again when that changes.
func (c *keychain) tellLocked(a *aging) {
	if a.timer != nil {
		a.timer.Stop()
		a.timer = nil
	}
	all, now := a.all(), c.now()
	if a.use == nil || len(all) == 0 {
		return
	}
	a.use(all.Valid(now))
	if next := all.Next(now); !next.IsZero() && !c.closed {
		a.timer = time.AfterFunc(next.Sub(now), func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			if !c.closed {
				c.tellLocked(a)
			}
		})
	}
}

// kept are the valid keys of a purpose in the store, made on the first start.
func (c *keychain) kept(ctx context.Context, p api.Purpose) (identity.Secrets, error) {
	c.mu.Lock()
	known := c.aging(p).kept
	c.mu.Unlock()
	if known == nil {
		read := identity.AccessKeys
		if p == api.RelaySecrets {
			read = identity.RelaySecrets
		}
		var err error
		if known, err = read(ctx, c.store); err != nil {
			return nil, err
		}
		c.mu.Lock()
		if a := c.aging(p); a.kept == nil {
			a.kept = known
		}
		c.mu.Unlock()
	}
	return known.Valid(c.now()), nil
}

// setMaxTTL says what the longest life of a credential is.
func (c *keychain) setMaxTTL(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.maxTTL = d
}

// adopt has the keys of a purpose be those of the configuration, or, where that has none, those of the store, and use hear of the
// valid ones, now and after every change.
func (c *keychain) adopt(p api.Purpose, configured identity.Secrets, use func(identity.Secrets)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	a := c.aging(p)
	a.configured, a.use = configured, use
	c.tellLocked(a)
}

func values(s identity.Secrets) (all [][]byte) {
	for _, one := range s {
		all = append(all, one.Value)
	}
	return all
}

func (c *keychain) aging(p api.Purpose) *aging {
	if p == api.RelaySecrets {
		return &c.secrets
	}
	return &c.access
}

// close ends what was to happen later.
func (c *keychain) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	for _, a := range []*aging{&c.secrets, &c.access} {
		if a.timer != nil {
			a.timer.Stop()
		}
	}
}

// List tells of every key.
func (c *keychain) List(_ context.Context, now time.Time) ([]api.Key, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := append(c.secrets.list(api.RelaySecrets, now), c.access.list(api.AccessKeys, now)...)
	keys := c.tokens.List(now)
	for i, k := range keys {
		one := api.Key{Purpose: api.TokenKeys, ID: k.ID, Algorithm: string(k.Algorithm), State: api.KeyVerifying, From: timestamp(k.From), Until: timestamp(k.Until)}
		switch last := i == len(keys)-1; {
		case i > 0 && k.From.After(now):
			one.State = api.KeyComing
		case last || keys[i+1].From.After(now):
			one.State = api.KeyCurrent
		}
		all = append(all, one)
	}
	return all, nil
}

func (a *aging) list(p api.Purpose, now time.Time) (all []api.Key) {
	for i, s := range a.all().Valid(now) {
		one := api.Key{Purpose: p, ID: s.ID, Configured: len(a.configured) > 0, State: api.KeyVerifying, From: unix(s.From), Until: unix(s.Until)}
		switch {
		case i == 0:
			one.State = api.KeyCurrent
		case s.From > now.Unix():
			one.State = api.KeyComing
		}
		all = append(all, one)
	}
	return all
}

func timestamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

func unix(seconds int64) string {
	if seconds == 0 {
		return ""
	}
	return timestamp(time.Unix(seconds, 0))
}

// Rotate makes a new key in the store. The other processes of a fleet hear of it by their watch.
func (c *keychain) Rotate(ctx context.Context, r api.Rotation, now time.Time) (string, error) {
	if r.Purpose == api.TokenKeys {
		return "", c.rotateTokens(ctx, r, now)
	}
	plan := identity.Rotation{Lead: r.Lead, Overlap: r.Overlap, AtOnce: r.AtOnce}
	document, fresh, most := identity.AccessKeysDocument, identity.NewAccessKey(), mostAccess
	if r.Purpose == api.RelaySecrets {
		document, fresh, most = identity.RelaySecretsDocument, identity.NewRelaySecret(), auth.MaxKeys
		plan.Lead = usual(plan.Lead, secretLead)
	} else {
		plan.Lead = usual(plan.Lead, 0)
		plan.Overlap = usual(plan.Overlap, accessOverlap)
	}
	c.mu.Lock()
	if r.Purpose == api.RelaySecrets {
		plan.Overlap = c.maxTTL + heard
	}
	configured := len(c.aging(r.Purpose).configured) > 0
	c.mu.Unlock()
	if configured {
		return "", api.ErrConfigured
	}
	changed, revision, err := identity.ChangeDocument(ctx, c.store, document, func(s identity.Secrets) (identity.Secrets, error) {
		next, err := s.Rotated(fresh, plan, now, most)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", api.ErrTooMany, err)
		}
		return next, nil
	})
	if err != nil {
		return "", err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if a := c.aging(r.Purpose); revision > a.revision { // else another rotation came after this one, and is known already
		a.kept, a.revision = changed, revision
		c.tellLocked(a)
	}
	if r.Purpose == api.AccessKeys {
		return base64.StdEncoding.EncodeToString(fresh), nil
	}
	return "", nil
}

// usual is d, or what is usual where that is negative.
func usual(d, usual time.Duration) time.Duration {
	if d < 0 {
		return usual
	}
	return d
}

// rotateTokens adds a key that will sign soon.
func (c *keychain) rotateTokens(ctx context.Context, r api.Rotation, now time.Time) error {
	return c.changeTokens(ctx, func(set *token.KeySet) (*token.KeySet, error) {
		if r.AtOnce {
			return token.NewKeySet(c.algorithm, now)
		}
		next, err := set.Rotated(c.algorithm, now, usual(r.Lead, tokenKeyLead))
		if err != nil {
			return nil, fmt.Errorf("%w: %w", api.ErrTooMany, err)
		}
		return next, nil
	})
}

// renewTokens adds a key where the last one has grown old. Of several services one does it.
func (c *keychain) renewTokens(ctx context.Context, now time.Time) error {
	old := func(set *token.KeySet) bool { return now.Sub(set.Newest()) >= tokenKeyAge }
	if !old(c.tokens) {
		return nil
	}
	return c.changeTokens(ctx, func(set *token.KeySet) (*token.KeySet, error) {
		if !old(set) {
			return set, nil // another service was faster
		}
		return set.Rotated(c.algorithm, now, tokenKeyLead)
	})
}

// changeTokens puts another set in place of the one in the store, and then of the one in use.
func (c *keychain) changeTokens(ctx context.Context, change func(*token.KeySet) (*token.KeySet, error)) error {
	raw, revision, err := identity.ChangeDocument(ctx, c.store, identity.TokenKeysDocument, func(raw json.RawMessage) (json.RawMessage, error) {
		set, err := token.ParseKeySet(raw)
		if err != nil {
			return nil, err
		}
		next, err := change(set)
		if err != nil || next == set {
			return raw, err
		}
		return next.Marshal()
	})
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if revision <= c.signing {
		return nil // a later set is known already
	}
	return c.replaceTokensLocked(raw, revision)
}

// tidy takes keys that have ended out of the store.
func (c *keychain) tidy(ctx context.Context, now time.Time) error {
	for _, name := range []string{identity.RelaySecretsDocument, identity.AccessKeysDocument} {
		all, err := identity.ReadDocument[identity.Secrets](ctx, c.store, name)
		if errors.Is(err, identity.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		if len(all.Living(now)) == len(all) {
			continue
		}
		if _, _, err := identity.ChangeDocument(ctx, c.store, name, func(s identity.Secrets) (identity.Secrets, error) { return s.Living(now), nil }); err != nil {
			return err
		}
	}
	if _, ended := c.tokens.Living(now); !ended {
		return nil
	}
	return c.changeTokens(ctx, func(set *token.KeySet) (*token.KeySet, error) {
		living, _ := set.Living(now)
		return living, nil
	})
}

// replaceTokensLocked puts the set of a document in place of the one in use.
func (c *keychain) replaceTokensLocked(raw json.RawMessage, revision uint64) error {
	set, err := token.ParseKeySet(raw)
	if err != nil {
		return err
	}
	c.tokens.Replace(set)
	c.signing = revision
	return nil
}
