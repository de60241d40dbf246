package identity

import (
	"context"
	"errors"
)

// Operations are the words for what is done with a store.
func Operations() []string { return []string{"read", "write", "delete", "list", "watch"} }

// Faults are the words for why an operation failed: the store is away, it was closed, a watch missed something, or
// the engine failed, as with a full disk.
func Faults() []string { return []string{"unavailable", "closed", "behind", "failed"} }

// Kinds are all spaces of keys.
func Kinds() []Kind { return []Kind{Users, CustomIDs, Subjects, Usernames, Documents} }

// Metered is a store that tells count of every operation when it ends: one of [Operations], the kind, and one of
// [Faults], empty for one that did not fail. A record that is not there, one that somebody else changed first, and an
// end that the caller asked for are no faults. count is called concurrently.
func Metered(s Store, count func(operation string, k Kind, fault string)) Store {
	return &metered{s, count}
}

// A metered store is another one, and somebody who counts.
type metered struct {
	Store
	count func(operation string, k Kind, fault string)
}

// faultOf is the word for an operation's error.
func faultOf(ctx context.Context, err error) string {
	switch {
	case err == nil, errors.Is(err, ErrNotFound), errors.Is(err, ErrConflict), errors.Is(err, ErrInvalid), ctx.Err() != nil:
		return ""
	case errors.Is(err, ErrUnavailable):
		return "unavailable"
	case errors.Is(err, ErrClosed):
		return "closed"
	case errors.Is(err, ErrBehind):
		return "behind"
	}
	return "failed"
}

// Read gives a record.
func (m *metered) Read(ctx context.Context, k Kind, key string) (Record, error) {
	r, err := m.Store.Read(ctx, k, key)
	m.count("read", k, faultOf(ctx, err))
	return r, err
}

// Write puts value in place of the given revision.
func (m *metered) Write(ctx context.Context, k Kind, key string, value []byte, revision uint64) (uint64, error) {
	revision, err := m.Store.Write(ctx, k, key, value, revision)
	m.count("write", k, faultOf(ctx, err))
	return revision, err
}

// Delete removes the given revision.
func (m *metered) Delete(ctx context.Context, k Kind, key string, revision uint64) error {
	err := m.Store.Delete(ctx, k, key, revision)
	m.count("delete", k, faultOf(ctx, err))
	return err
}

// List gives records in the order of their keys.
func (m *metered) List(ctx context.Context, k Kind, prefix, after string, limit int) ([]Record, error) {
	records, err := m.Store.List(ctx, k, prefix, after, limit)
	m.count("list", k, faultOf(ctx, err))
	return records, err
}

// Watch tells of what there is and of every change.
func (m *metered) Watch(ctx context.Context, k Kind, apply func(Record), ready func()) error {
	err := m.Store.Watch(ctx, k, apply, ready)
	m.count("watch", k, faultOf(ctx, err))
	return err
}

// Compact passes on what [Directory.Prune] asks of stores that can.
func (m *metered) Compact(ctx context.Context) error {
	if c, ok := m.Store.(compacter); ok {
		return c.Compact(ctx)
	}
	return nil
}
