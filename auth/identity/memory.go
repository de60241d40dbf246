package identity

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
)

// A Memory is a store that ends with the process: for tests.
type Memory struct {
	feed feed

	mu       sync.Mutex
	records  [kinds]map[string]Record // guarded by mu
	revision uint64                   // guarded by mu; the last one given out
	closed   bool                     // guarded by mu
}

// NewMemory makes an empty store.
func NewMemory() *Memory {
	m := new(Memory)
	for i := range m.records {
		m.records[i] = map[string]Record{}
	}
	return m
}

// Read gives a record.
func (m *Memory) Read(_ context.Context, k Kind, key string) (Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return Record{}, ErrClosed
	}
	r, ok := m.records[k][key]
	if !ok {
		return Record{}, ErrNotFound
	}
	return r, nil
}

// Write puts value in place of the given revision.
func (m *Memory) Write(_ context.Context, k Kind, key string, value []byte, revision uint64) (uint64, error) {
	if err := checkKey(key); err != nil {
		return 0, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.putLocked(k, Record{Key: key, Value: bytes.Clone(value)}, revision)
}

// Delete removes the given revision.
func (m *Memory) Delete(_ context.Context, k Kind, key string, revision uint64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if revision == 0 {
		return ErrConflict
	}
	_, err := m.putLocked(k, Record{Key: key}, revision)
	return err
}

func (m *Memory) putLocked(k Kind, r Record, revision uint64) (uint64, error) {
	if m.closed {
		return 0, ErrClosed
	}
	if m.records[k][r.Key].Revision != revision {
		return 0, ErrConflict
	}
	m.revision++
	r.Revision = m.revision
	if r.Value == nil {
		delete(m.records[k], r.Key)
	} else {
		m.records[k][r.Key] = r
	}
	m.feed.publish(k, r)
	return r.Revision, nil
}

// List gives records in the order of their keys.
func (m *Memory) List(_ context.Context, k Kind, prefix, after string, limit int) ([]Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil, ErrClosed
	}
	var found []Record
	for _, key := range slices.Sorted(maps.Keys(m.records[k])) {
		if len(found) < limit && key > after && strings.HasPrefix(key, prefix) {
			found = append(found, m.records[k][key])
		}
	}
	return found, nil
}

// Watch tells of what there is and of every change.
func (m *Memory) Watch(ctx context.Context, k Kind, apply func(Record), ready func()) error {
	return m.feed.watch(ctx, k, func() ([]Record, uint64, error) {
		m.mu.Lock()
		defer m.mu.Unlock()
		return slices.Collect(maps.Values(m.records[k])), m.revision, nil
	}, apply, ready)
}

// Status is nil: there is nothing to lose.
func (m *Memory) Status() error { return nil }

// Close ends every watch.
func (m *Memory) Close() error {
	m.mu.Lock()
	m.closed = true
	m.mu.Unlock()
	m.feed.close()
	return nil
}
