package identity

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A Revocation is an end to all that was issued for a subject.
type Revocation struct {
	// At is the time, in whole milliseconds, up to which everything issued is invalid.
	At time.Time
	// Generation is the first one of tokens that are valid, 0 for a subject that is
	// not a user of ours.
	Generation uint64
}

// Revoke makes everything invalid that was issued for a subject until now: a user
// of this resource, which must exist ([ErrNotFound]), or a subject of another
// issuer or application. What is issued afterwards is valid, in the same
// millisecond too. The error matches [ErrNotOwned] for a user of another resource,
// and [ErrInvalid].
//
// A static user is refused only for as long as revocations are kept: whoever is to
// be locked out for good is taken out of the configuration.
func (d *Directory) Revoke(ctx context.Context, subject string) (Revocation, error) {
	if strings.HasPrefix(subject, idPrefix) {
		if err := d.own(subject); err != nil {
			return Revocation{}, err
		}
		u, err := d.revokeUser(ctx, subject, nil)
		if err != nil {
			return Revocation{}, err
		}
		return Revocation{time.UnixMilli(u.Revoked), u.Generation}, d.revoke(ctx, subject, u.Revoked, u.Generation)
	}
	if err := checkKey(subject); err != nil {
		return Revocation{}, err
	}
	at, err := d.revokeForeign(ctx, subject)
	return Revocation{At: time.UnixMilli(at)}, err
}

// revokeUser writes the revocation into the user's record, where issuing sees it.
func (d *Directory) revokeUser(ctx context.Context, id string, change func(*userRecord)) (userRecord, error) {
	var u userRecord
	err := update(ctx, d.store, Users, id, func(old []byte) ([]byte, error) {
		var err error
		// What is being deleted is there for Delete alone.
		if u, err = living(id, old); err != nil && (change == nil || !u.Deleted || !errors.Is(err, ErrNotFound)) {
			return nil, err
		}
		u.Revoked = max(d.now().UnixMilli(), u.Revoked+1, u.Issued)
		u.Generation++
		if change != nil {
			change(&u)
		}
		return encode(u), nil
	})
	return u, err
}

// A subjectRecord is a revocation in the store. Its form is only ever added to.
type subjectRecord struct {
	At         int64  `json:"at"` // unix milliseconds
	Generation uint64 `json:"generation,omitempty"`
}

// revoke tells relays and services of a user's revocation.
func (d *Directory) revoke(ctx context.Context, id string, at int64, generation uint64) error {
	var s subjectRecord
	err := update(ctx, d.store, Subjects, id, func(old []byte) ([]byte, error) {
		var err error
		if s, err = decodeSubject(id, old); err != nil {
			return nil, err
		}
		if s.At >= at && s.Generation >= generation {
			return nil, nil // a later one was faster
		}
		s.At, s.Generation = max(s.At, at), max(s.Generation, generation)
		return encode(s), nil
	})
	if err != nil {
		return err
	}
	d.view.revokeSubject(id, s)
	return nil
}

// revokeForeign revokes a subject that has no record but its revocation.
func (d *Directory) revokeForeign(ctx context.Context, subject string) (int64, error) {
	var s subjectRecord
	err := update(ctx, d.store, Subjects, subject, func(old []byte) ([]byte, error) {
		var err error
		if s, err = decodeSubject(subject, old); err != nil {
			return nil, err
		}
		s.At = max(d.now().UnixMilli(), s.At+1)
		return encode(s), nil
	})
	if err != nil {
		return 0, err
	}
	d.view.revokeSubject(subject, s)
	return s.At, nil
}

func decodeSubject(key string, value []byte) (subjectRecord, error) {
	var s subjectRecord
	if value == nil {
		return s, nil
	}
	err := decode(Subjects, key, value, &s)
	return s, err
}

// A usernameRecord is the revocation of one credential in the store.
type usernameRecord struct {
	Expires int64 `json:"expires"`      // unix seconds: when the credential ends anyway
	At      int64 `json:"at,omitempty"` // unix milliseconds: when it was revoked; 0 where that was not noted
}

// RevokeUsername makes one credential invalid, by its TURN username. expires is
// when it ends anyway and the revocation can be forgotten; if zero, the time that
// the username begins with, or where it begins with none, as of a static user, as
// long as revocations of subjects are kept. The error matches [ErrInvalid].
func (d *Directory) RevokeUsername(ctx context.Context, username string, expires time.Time) error {
	if err := checkKey(username); err != nil {
		return err
	}
	now := d.now()
	if expires.IsZero() {
		digits, _, _ := strings.Cut(username, ":")
		whole, _, _ := strings.Cut(digits, ".")
		if seconds, err := strconv.ParseUint(whole, 10, 48); err == nil {
			expires = time.Unix(int64(seconds), 0)
		} else {
			expires = now.Add(d.view.retention)
		}
	}
	if !expires.After(now) {
		return nil // it has ended
	}
	u := usernameRecord{Expires: expires.Unix() + 1, At: now.UnixMilli()} // a fraction of a second counts
	err := update(ctx, d.store, Usernames, username, func(old []byte) ([]byte, error) {
		var before usernameRecord
		if old != nil {
			if err := decode(Usernames, username, old, &before); err != nil {
				return nil, err
			}
		}
		if before.Expires >= u.Expires {
			return nil, nil
		}
		return encode(u), nil
	})
	if err != nil {
		return err
	}
	d.view.revokeUsername(username, u)
	return nil
}

// Prune removes revocations that nothing depends on any more, and says how many.
// Call it every hour or so. Several services may do it at once.
func (d *Directory) Prune(ctx context.Context) (int, error) {
	now := d.now()
	old := now.Add(-d.view.retention).UnixMilli()
	subjects, err := d.prune(ctx, Subjects, func(key string, value []byte) bool {
		s, err := decodeSubject(key, value)
		return err == nil && s.At < old
	})
	if err != nil {
		return subjects, err
	}
	usernames, err := d.prune(ctx, Usernames, func(key string, value []byte) bool {
		var u usernameRecord
		return decode(Usernames, key, value, &u) == nil && u.Expires < now.Unix()
	})
	if err != nil {
		return subjects + usernames, err
	}
	if c, ok := d.store.(compacter); ok {
		err = c.Compact(ctx)
	}
	return subjects + usernames, err
}

// A compacter is a store that keeps a trace of what was deleted, until told that
// every watcher has had the time to see it.
type compacter interface {
	Compact(ctx context.Context) error
}

func (d *Directory) prune(ctx context.Context, k Kind, over func(key string, value []byte) bool) (n int, err error) {
	const page = 512
	for after := ""; ; {
		records, err := d.store.List(ctx, k, "", after, page)
		if err != nil {
			return n, err
		}
		for _, r := range records {
			after = r.Key
			if !over(r.Key, r.Value) {
				continue
			}
			switch err := d.store.Delete(ctx, k, r.Key, r.Revision); {
			case err == nil:
				n++
			case !errors.Is(err, ErrConflict):
				return n, fmt.Errorf("prune %v: %w", k, err)
			}
		}
		if len(records) < page {
			return n, nil
		}
	}
}
