package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"turnout/auth/identity"
)

// take takes over what the store tells of a document.
func (c *keychain) take(ctx context.Context, r identity.Record) error {
	err := c.takeOver(ctx, r)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.refused == nil {
		c.refused = map[string]error{}
	}
	if delete(c.refused, r.Key); err != nil {
		c.refused[r.Key] = err
	}
	return err
}

// status says why the keys may not be those in the store, nil if they are.
func (c *keychain) status() error {
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(c.refused)) {
		return fmt.Errorf("%s: %w", name, c.refused[name])
	}
	return nil
}

// takeOver refuses the keys of a store that is not the one these are from.
func (c *keychain) takeOver(ctx context.Context, r identity.Record) error {
	var a *aging
	switch r.Key {
	case identity.RelaySecretsDocument:
		a = &c.secrets
	case identity.AccessKeysDocument:
		a = &c.access
	case identity.TokenKeysDocument:
	default:
		return nil
	}
	if r.Value == nil {
		return nil // gone: what is known goes on to be good
	}
	mark, err := identity.ReadDocument[string](ctx, c.store, identity.MarkDocument)
	if err != nil {
		return err
	}
	if mark != c.mark {
		return errOtherStore
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if a == nil {
		return c.replaceTokensLocked(r.Value, r.Revision)
	}
	var all identity.Secrets
	if json.Unmarshal(r.Value, &all) != nil || len(all) == 0 {
		return fmt.Errorf("%s in the store are not readable", r.Key)
	}
	// A watch tells of changes in their order: the last counts, of a store that was put back to an earlier state too.
	a.kept, a.revision = all, r.Revision
	if len(a.configured) == 0 {
		c.tellLocked(a)
	}
	return nil
}

// errOtherStore: the store was emptied or replaced while this process ran.
var errOtherStore = errors.New("another store is in the place of the one that this process was started with; " +
	"put that one back, or restart all services and relays to go over to the new one")
