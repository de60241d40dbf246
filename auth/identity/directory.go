package identity

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// A DirectoryConfig says what a [Directory] works on.
type DirectoryConfig struct {
	// Store keeps everything. Required.
	Store Store
	// Revocations are the view that learns of the directory's own revocations at
	// once. Required.
	Revocations *Revocations
	// Resource is the GUID that the ids of its users begin with. Required; see [Resource].
	Resource string
	// Now is the clock. If nil, time.Now.
	Now func() time.Time
}

// A Directory keeps the users of one resource, and revocations. Several of them,
// in several processes, may work on one store. It is safe for concurrent use.
type Directory struct {
	store    Store
	view     *Revocations
	resource string
	now      func() time.Time
}

// NewDirectory checks c.
func NewDirectory(c DirectoryConfig) (*Directory, error) {
	if c.Store == nil || c.Revocations == nil {
		return nil, errors.New("directory without a store or without a view of its revocations")
	}
	if err := CheckGUID(c.Resource); err != nil {
		return nil, fmt.Errorf("resource: %w", err)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Directory{store: c.Store, view: c.Revocations, resource: c.Resource, now: c.Now}, nil
}

// A User is one identity.
type User struct {
	// ID is `8:acs:<resource GUID>_<user GUID>`.
	ID string
	// CustomID is the application's own name of the user, empty if it gave none.
	CustomID string
	// Created is when it came to be.
	Created time.Time
	// Issued is the last time of issue that was given out for it, zero if none was.
	Issued time.Time
}

// A userRecord is a user in the store. Its form is only ever added to. Times are
// in unix milliseconds.
type userRecord struct {
	CustomID   string `json:"customId,omitempty"`
	Created    int64  `json:"created"`
	Issued     int64  `json:"issued,omitempty"`
	Revoked    int64  `json:"revoked,omitempty"`
	Generation uint64 `json:"generation"`        // revocations so far, plus 1
	Deleted    bool   `json:"deleted,omitempty"` // being deleted: gone for all but Delete
}

func (u *userRecord) user(id string) User {
	user := User{ID: id, CustomID: u.CustomID, Created: time.UnixMilli(u.Created)}
	if u.Issued > 0 {
		user.Issued = time.UnixMilli(u.Issued)
	}
	return user
}

func decodeUser(key string, value []byte) (userRecord, error) {
	var u userRecord
	err := decode(Users, key, value, &u)
	return u, err
}

// decode reads the JSON of a record.
func decode(k Kind, key string, value []byte, into any) error {
	if err := json.Unmarshal(value, into); err != nil {
		return unreadable(k, key, err)
	}
	return nil
}

// encode is JSON of values that always have some.
func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

// Create makes a user. If customID is not empty, every call with the same one
// gives the same user, until that is deleted. The error matches [ErrInvalid] for a
// customID of more than 256 bytes or with control characters.
func (d *Directory) Create(ctx context.Context, customID string) (User, error) {
	if customID == "" {
		return d.make(ctx, FormatID(d.resource, newGUID()), "")
	}
	if len(customID) > maxCustomID {
		return User{}, fmt.Errorf("%w: custom id of more than %d bytes", ErrInvalid, maxCustomID)
	}
	if err := checkKey(customID); err != nil {
		return User{}, err
	}
	for try := 0; ; try++ {
		user, err := d.named(ctx, customID)
		if err == nil || !errors.Is(err, ErrNotFound) {
			return user, err
		}
		// The user comes before its name, so that a name always has one.
		id := FormatID(d.resource, newGUID())
		if user, err = d.make(ctx, id, customID); err != nil {
			return User{}, err
		}
		_, err = d.store.Write(ctx, CustomIDs, customID, []byte(id), 0)
		if !errors.Is(err, ErrConflict) {
			return user, err
		}
		if err := d.erase(ctx, id, ""); err != nil { // another call was faster
			return User{}, err
		}
		if err := pause(ctx, try); err != nil {
			return User{}, err
		}
	}
}

const maxCustomID = 256

// named gives the user with a custom id. One that is being deleted is deleted now.
func (d *Directory) named(ctx context.Context, customID string) (User, error) {
	r, err := d.store.Read(ctx, CustomIDs, customID)
	if err != nil {
		return User{}, err
	}
	id := string(r.Value)
	user, err := d.User(ctx, id)
	if !errors.Is(err, ErrNotFound) {
		return user, err
	}
	if err := d.Delete(ctx, id); err != nil && !errors.Is(err, ErrNotFound) {
		return User{}, err
	}
	if err := d.forget(ctx, id, customID); err != nil {
		return User{}, err
	}
	return User{}, ErrNotFound
}

// make writes a new user.
func (d *Directory) make(ctx context.Context, id, customID string) (User, error) {
	u := userRecord{CustomID: customID, Created: d.now().UnixMilli(), Generation: 1}
	if _, err := d.store.Write(ctx, Users, id, encode(u), 0); err != nil {
		return User{}, err
	}
	return u.user(id), nil
}

// own says whether id is of this resource.
func (d *Directory) own(id string) error {
	resource, _, err := ParseID(id)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNotOwned, err)
	}
	if resource != d.resource {
		return ErrNotOwned
	}
	return nil
}

// User gives a user. The error matches [ErrNotOwned] for an id of another
// resource and for what is no id, and [ErrNotFound] for one that there is not.
func (d *Directory) User(ctx context.Context, id string) (User, error) {
	if err := d.own(id); err != nil {
		return User{}, err
	}
	r, err := d.store.Read(ctx, Users, id)
	if err != nil {
		return User{}, err
	}
	u, err := decodeUser(id, r.Value)
	if err != nil {
		return User{}, err
	}
	if u.Deleted {
		return User{}, ErrNotFound
	}
	return u.user(id), nil
}

// Users gives at most limit users in the order of their ids: those whose id
// begins with prefix (empty for all) and comes after `after`. next is the `after`
// of the page that follows, empty after the last one.
func (d *Directory) Users(ctx context.Context, prefix, after string, limit int) (users []User, next string, err error) {
	if limit < 1 {
		return nil, "", fmt.Errorf("page of %d users", limit)
	}
	switch own := FormatID(d.resource, ""); {
	case strings.HasPrefix(own, prefix):
		prefix = own
	case !strings.HasPrefix(prefix, own):
		return nil, "", nil
	}
	records, err := d.store.List(ctx, Users, prefix, after, limit)
	if err != nil {
		return nil, "", err
	}
	for _, r := range records {
		u, err := decodeUser(r.Key, r.Value)
		if err != nil {
			return nil, "", err
		}
		if !u.Deleted {
			users = append(users, u.user(r.Key))
		}
	}
	if len(records) == limit {
		next = records[limit-1].Key
	}
	return users, next, nil
}

// Delete revokes all that was issued for a user and removes it. If it is cut short
// it may be called again. The error matches [ErrNotOwned] or [ErrNotFound].
func (d *Directory) Delete(ctx context.Context, id string) error {
	if err := d.own(id); err != nil {
		return err
	}
	// First the user becomes one that nothing is issued for any more; then what was
	// issued is revoked; the record goes last, so that a crash in between can be
	// made good.
	u, err := d.revokeUser(ctx, id, func(u *userRecord) { u.Deleted = true })
	if err != nil {
		return err
	}
	if err := d.revoke(ctx, id, u.Revoked, u.Generation); err != nil {
		return err
	}
	return d.erase(ctx, id, u.CustomID)
}

// erase removes the name and the record of a user that is being deleted.
func (d *Directory) erase(ctx context.Context, id, customID string) error {
	if customID != "" {
		if err := d.forget(ctx, id, customID); err != nil {
			return err
		}
	}
	return d.remove(ctx, Users, id, func([]byte) bool { return true })
}

// forget takes a custom id from a user, unless it is another's already.
func (d *Directory) forget(ctx context.Context, id, customID string) error {
	return d.remove(ctx, CustomIDs, customID, func(value []byte) bool { return string(value) == id })
}

// remove deletes a record if it is like that. Who changes it in between is
// removing it too: nothing else happens to what is removed here.
func (d *Directory) remove(ctx context.Context, k Kind, key string, like func(value []byte) bool) error {
	r, err := d.store.Read(ctx, k, key)
	if err == nil && like(r.Value) {
		err = d.store.Delete(ctx, k, key, r.Revision)
	}
	if errors.Is(err, ErrNotFound) || errors.Is(err, ErrConflict) {
		return nil
	}
	return err
}
