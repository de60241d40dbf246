package identity

import (
	"context"
	"errors"
	"fmt"
	"time"
	"unicode"
	"unicode/utf8"
)

// A Kind is one of the spaces of keys in a store.
type Kind uint8

const (
	// Users are records of users, by id.
	Users Kind = iota
	// CustomIDs are the ids of users, by the names that applications gave them.
	CustomIDs
	// Subjects are revocations, by subject.
	Subjects
	// Usernames are revocations of single credentials, by TURN username.
	Usernames
	// Documents are what a service lives on, by name.
	Documents

	kinds = iota
)

var kindNames = [kinds]string{"users", "customs", "subjects", "usernames", "documents"}

// String is the kind's name, which stores use for what holds it.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// A Record is a value under a key.
type Record struct {
	// Key names it within its kind.
	Key string
	// Value is not to be written to. In a watch, nil means that the record is gone.
	Value []byte
	// Revision grows with every write to the record, and is never 0.
	Revision uint64
}

// A Store keeps records. Every write names the revision it changes, so that two
// writers cannot undo each other; one that has returned nil survives the end of
// the process. Implementations are safe for concurrent use.
//
// Keys are 1 to 768 bytes of UTF-8 without control characters.
type Store interface {
	// Read gives a record. The error matches [ErrNotFound] or [ErrUnavailable].
	Read(ctx context.Context, k Kind, key string) (Record, error)
	// Write puts value in place of the given revision, or makes the record where
	// that is 0. The error matches [ErrConflict] or [ErrUnavailable]. value is not empty.
	Write(ctx context.Context, k Kind, key string, value []byte, revision uint64) (uint64, error)
	// Delete removes the given revision. The error matches [ErrConflict], for a
	// record that is gone too, or [ErrUnavailable].
	Delete(ctx context.Context, k Kind, key string, revision uint64) error
	// List gives at most limit records whose keys begin with prefix and come after
	// `after`, in the order of their keys' bytes.
	List(ctx context.Context, k Kind, prefix, after string, limit int) ([]Record, error)
	// Watch calls apply for every record there is, then ready once, then apply for
	// every change, each key's in order, until ctx ends. An error that matches
	// [ErrBehind] means that changes were missed: watch again, which begins anew.
	Watch(ctx context.Context, k Kind, apply func(Record), ready func()) error
	// Status says why the store is not fully there, nil if it is.
	Status() error
	// Close frees what the store holds. Calls under way end with an error.
	Close() error
}

const maxKey = 768

// checkKey says why a name cannot be a key.
func checkKey(key string) error {
	switch {
	case key == "":
		return fmt.Errorf("%w: it is empty", ErrInvalid)
	case len(key) > maxKey:
		return fmt.Errorf("%w: it is longer than %d bytes", ErrInvalid, maxKey)
	case !utf8.ValidString(key):
		return fmt.Errorf("%w: it is not UTF-8", ErrInvalid)
	}
	for _, r := range key {
		if unicode.IsControl(r) {
			return fmt.Errorf("%w: it contains the control character %U", ErrInvalid, r)
		}
	}
	return nil
}

// update changes a record until nobody else did in between. change gets nil
// where there is no record, and returns nil to leave things as they are.
func update(ctx context.Context, s Store, k Kind, key string, change func(old []byte) ([]byte, error)) error {
	_, err := updated(ctx, s, k, key, change)
	return err
}

// updated is update, and gives the revision that the record has then.
func updated(ctx context.Context, s Store, k Kind, key string, change func(old []byte) ([]byte, error)) (uint64, error) {
	for try := 0; ; try++ {
		old, err := s.Read(ctx, k, key)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return 0, err
		}
		value, err := change(old.Value)
		if err != nil || value == nil {
			return old.Revision, err
		}
		revision, err := s.Write(ctx, k, key, value, old.Revision)
		if !errors.Is(err, ErrConflict) {
			return revision, err
		}
		if err := pause(ctx, try); err != nil {
			return 0, err
		}
	}
}

// pause lets others go first after a conflict. A replicated store may also show
// for a moment what was there before.
func pause(ctx context.Context, try int) error {
	timer := time.NewTimer(min(time.Duration(try)*time.Millisecond, 50*time.Millisecond))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrUnavailable, context.Cause(ctx))
	}
}
