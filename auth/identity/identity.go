// Package identity keeps users and revocations, and the keys a service lives on.
//
// A [Directory] creates, lists and deletes users, says when their tokens and
// credentials are issued, and revokes them. What it knows is in a [Store]: a file
// ([OpenBolt], the default), NATS JetStream for a fleet of services and relays
// ([OpenNATS]), or memory for tests ([NewMemory]). All rules are above the store,
// so that they are the same on each.
//
// [Revocations] is what relays and services ask on every credential and token: a
// view of the store's revocations in memory, read without locks, kept current by
// watching. A store that is lost stops what changes it, not what is verified.
//
// Times are compared in milliseconds, the resolution of a credential's time of
// issue. A user's times of issue are strictly above its last revocation, and a
// revocation is at or above every time of issue before it: so what is issued right
// after a revocation is valid, in the same millisecond too.
package identity

import (
	"errors"
	"fmt"
)

// Errors that a caller branches on.
var (
	// ErrNotFound: no such user, record or document.
	ErrNotFound = errors.New("not found")
	// ErrNotOwned: an id of another resource, or none at all.
	ErrNotOwned = errors.New("identity belongs to another resource")
	// ErrConflict: the record is not in the state that a write expected. Only users of
	// a [Store] see it; a [Directory] tries again.
	ErrConflict = errors.New("record was changed meanwhile")
	// ErrUnavailable: the store cannot be reached. Reads may go on, writes do not:
	// a write that ended in it may still have happened.
	ErrUnavailable = errors.New("store unavailable")
	// ErrBehind: a watch could not keep up or was cut off. Watch again.
	ErrBehind = errors.New("watch fell behind")
	// ErrClosed: the store was closed.
	ErrClosed = errors.New("store closed")
	// ErrInUse: another process has the store's file.
	ErrInUse = errors.New("in use by another process")
	// ErrInvalid: a key, subject, username or custom id that cannot be stored. The
	// wrapping error says why.
	ErrInvalid = errors.New("name not usable")
)

// unreadable is the error of a record that this version cannot read.
func unreadable(k Kind, key string, err error) error {
	return fmt.Errorf("record %q of %v in the store is not readable: %w", key, k, err)
}
