package identity

import (
	"context"
	"errors"
	"fmt"
)

// ReadDocument gives a document, which is JSON of a T. The error matches
// [ErrNotFound] or [ErrUnavailable].
func ReadDocument[T any](ctx context.Context, s Store, name string) (T, error) {
	var v T
	r, err := s.Read(ctx, Documents, name)
	if err != nil {
		return v, fmt.Errorf("read %s from the store: %w", name, err)
	}
	err = decode(Documents, name, r.Value, &v)
	return v, err
}

// EnsureDocument gives a document, and makes it first if there is none. Of several
// processes that do so at once one makes it, and all get the same.
func EnsureDocument[T any](ctx context.Context, s Store, name string, fresh func() (T, error)) (T, error) {
	v, err := ReadDocument[T](ctx, s, name)
	if !errors.Is(err, ErrNotFound) {
		return v, err
	}
	if v, err = fresh(); err != nil {
		return v, err
	}
	_, err = s.Write(ctx, Documents, name, encode(v), 0)
	if errors.Is(err, ErrConflict) {
		return ReadDocument[T](ctx, s, name)
	}
	return v, err
}

// ChangeDocument puts what change makes of a document in its place, and gives that and
// its revision: a watch may have told of a later one before this returns. change may be called several times, with what others have made of it meanwhile.
// The error matches [ErrNotFound] if there is no such document.
func ChangeDocument[T any](ctx context.Context, s Store, name string, change func(T) (T, error)) (v T, revision uint64, err error) {
	revision, err = updated(ctx, s, Documents, name, func(old []byte) ([]byte, error) {
		if old == nil {
			return nil, ErrNotFound
		}
		var before T
		err := decode(Documents, name, old, &before)
		if err != nil {
			return nil, err
		}
		if v, err = change(before); err != nil {
			return nil, err
		}
		return encode(v), nil
	})
	return v, revision, err
}

// WatchDocument calls apply with a document and with every later state of it, until
// ctx ends. It returns an error like [Store].Watch, after which it may be called
// again, or one of apply or of a document that cannot be read.
func WatchDocument[T any](ctx context.Context, s Store, name string, apply func(T) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	err := s.Watch(ctx, Documents, func(r Record) {
		if r.Key != name || r.Value == nil || ctx.Err() != nil {
			return
		}
		var v T
		err := decode(Documents, name, r.Value, &v)
		if err == nil {
			err = apply(v)
		}
		if err != nil {
			cancel(err)
		}
	}, func() {})
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}
