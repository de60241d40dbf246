package identity

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/nats-io/nats.go/jetstream"
)

// List gives records in the order of their keys. The server knows no order, so all
// keys of the kind come over for every page: it is for people, not for requests.
func (n *NATS) List(ctx context.Context, k Kind, prefix, after string, limit int) ([]Record, error) {
	if err := n.away(); err != nil {
		return nil, err
	}
	ctx, cancel := n.bounded(ctx, natsList)
	defer cancel()
	keys, err := n.keys(ctx, k, prefix, after)
	if err != nil {
		return nil, err
	}
	var found []Record
	for _, key := range keys {
		if len(found) == limit {
			break
		}
		r, err := n.Read(ctx, k, key)
		if errors.Is(err, ErrNotFound) { // deleted meanwhile
			continue
		}
		if err != nil {
			return nil, err
		}
		found = append(found, r)
	}
	return found, nil
}

func (n *NATS) keys(ctx context.Context, k Kind, prefix, after string) ([]string, error) {
	w, err := n.buckets[k].WatchAll(ctx, jetstream.IgnoreDeletes(), jetstream.MetaOnly())
	if err != nil {
		return nil, fmt.Errorf("list NATS bucket: %w", unreachable(err))
	}
	defer stop(w)
	var keys []string
	for {
		select {
		case e, ok := <-w.Updates():
			if !ok {
				return nil, fmt.Errorf("list NATS bucket: %w", ErrUnavailable)
			}
			if e == nil {
				slices.Sort(keys)
				return slices.Compact(keys), nil
			}
			if key, ok := unescape(e.Key()); ok && key > after && strings.HasPrefix(key, prefix) {
				keys = append(keys, key)
			}
		case <-ctx.Done():
			return nil, fmt.Errorf("list NATS bucket: %w: %w", ErrUnavailable, context.Cause(ctx))
		}
	}
}

// Compact removes the marks of old deletions.
func (n *NATS) Compact(ctx context.Context) error {
	for k := range Kind(kinds) {
		if err := n.away(); err != nil {
			return err
		}
		within, cancel := n.bounded(ctx, natsList)
		err := n.buckets[k].PurgeDeletes(within, jetstream.DeleteMarkersOlderThan(markerAge))
		cancel()
		if err != nil {
			return fmt.Errorf("compact NATS bucket: %w", unreachable(err))
		}
	}
	return nil
}
