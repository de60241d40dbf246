package identity

import (
	"context"
	"time"
)

// A Stamp is what a token or credential of a user is issued with.
type Stamp struct {
	// Issued is the time of issue, in whole milliseconds: now, or a millisecond
	// after the last revocation where that is later.
	Issued time.Time
	// Generation is 1 plus the number of revocations so far.
	Generation uint64
}

// Issue says what a token or credential is issued with, and notes the time of
// issue before it returns: a revocation that follows, by whatever clock, is not
// before it. The error matches [ErrNotOwned] or [ErrNotFound].
func (d *Directory) Issue(ctx context.Context, id string) (Stamp, error) {
	if err := d.own(id); err != nil {
		return Stamp{}, err
	}
	var s Stamp
	err := update(ctx, d.store, Users, id, func(old []byte) ([]byte, error) {
		u, err := living(id, old)
		if err != nil {
			return nil, err
		}
		issued := max(d.now().UnixMilli(), u.Revoked+1)
		s = Stamp{Issued: time.UnixMilli(issued), Generation: u.Generation}
		// Written even where nothing changes: it shows that nobody has revoked
		// in between.
		u.Issued = max(u.Issued, issued)
		return encode(u), nil
	})
	return s, err
}

func living(id string, value []byte) (userRecord, error) {
	if value == nil {
		return userRecord{}, ErrNotFound
	}
	u, err := decodeUser(id, value)
	if err == nil && u.Deleted {
		err = ErrNotFound
	}
	return u, err
}
