package identity

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const testResource = "6f0c7b1e-30c5-4b0a-9d7e-1a2b3c4d5e6f"

var testNow = time.UnixMilli(1_700_000_000_250)

// A clock is set by tests.
type clock struct{ nanoseconds atomic.Int64 }

func newClock() *clock {
	c := new(clock)
	c.nanoseconds.Store(testNow.UnixNano())
	return c
}

func (c *clock) now() time.Time          { return time.Unix(0, c.nanoseconds.Load()) }
func (c *clock) advance(d time.Duration) { c.nanoseconds.Add(int64(d)) }

func view(t testing.TB, c RevocationsConfig) *Revocations {
	t.Helper()
	r, err := NewRevocations(c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// following is a view that follows a store until the test ends.
func following(t testing.TB, s Store, c RevocationsConfig) *Revocations {
	t.Helper()
	r := view(t, c)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); r.Run(ctx, s) }()
	t.Cleanup(func() { cancel(); <-done })
	select {
	case <-r.Ready():
	case <-within(t).Done():
		t.Fatalf("view is not ready: %v", r.Status())
	}
	return r
}

func directory(t testing.TB, s Store, now func() time.Time) *Directory {
	t.Helper()
	d, err := NewDirectory(DirectoryConfig{Store: s, Revocations: view(t, RevocationsConfig{Now: now}), Resource: testResource, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// until waits for a condition that another goroutine or process brings about.
func until(t testing.TB, what string, condition func() bool) {
	t.Helper()
	ctx := within(t)
	for !condition() {
		select {
		case <-time.After(2 * time.Millisecond):
		case <-ctx.Done():
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

func TestUsers(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, open func() Store) {
		ctx, c := within(t), newClock()
		d := directory(t, open(), c.now)
		var ids []string
		for range 5 {
			u, err := d.Create(ctx, "")
			ok(t, err)
			resource, _, err := ParseID(u.ID)
			if err != nil || resource != testResource || !u.Created.Equal(testNow) || !u.Issued.IsZero() || u.CustomID != "" {
				t.Errorf("%+v, %v", u, err)
			}
			ids = append(ids, u.ID)
		}
		slices.Sort(ids)
		if len(slices.Compact(ids)) != 5 {
			t.Error("two users with one id")
		}
		var listed []string
		pages := 0
		for next := ""; ; pages++ {
			var users []User
			var err error
			users, next, err = d.Users(ctx, "", next, 2)
			ok(t, err)
			for _, u := range users {
				listed = append(listed, u.ID)
			}
			if next == "" {
				break
			}
		}
		if !slices.Equal(listed, ids) || pages != 2 {
			t.Errorf("listed %v in %d pages, want %v", listed, pages+1, ids)
		}
		for _, prefix := range []string{"bob", "8:acs:0", "9"} {
			if users, next, err := d.Users(ctx, prefix, "", 10); err != nil || len(users) != 0 || next != "" {
				t.Errorf("prefix %q: %v, %q, %v", prefix, users, next, err)
			}
		}
		users, _, err := d.Users(ctx, ids[2], "", 10)
		if err != nil || len(users) != 1 || users[0].ID != ids[2] {
			t.Errorf("by prefix: %v, %v", users, err)
		}
		ok(t, d.Delete(ctx, ids[0]))
		_, err = d.User(ctx, ids[0])
		is(t, "a deleted user", err, ErrNotFound)
		is(t, "delete again", d.Delete(ctx, ids[0]), ErrNotFound)
		_, err = d.Issue(ctx, ids[0])
		is(t, "issue for a deleted user", err, ErrNotFound)
		_, err = d.Revoke(ctx, ids[0])
		is(t, "revoke a deleted user", err, ErrNotFound)
		if !d.view.TokenRevoked(ids[0], 1, testNow, time.Time{}) || !d.view.Revoked([]byte(ids[0]), []byte("x"), testNow, testNow.Add(time.Hour)) {
			t.Error("what was issued for a deleted user is valid")
		}
		stranger := FormatID("00000000-0000-0000-0000-000000000000", "00000000-0000-0000-0000-000000000000")
		for _, id := range []string{stranger, "", "8:acs:x", "alice", strings.ToUpper(ids[1])} {
			_, err := d.User(ctx, id)
			is(t, "user "+id, err, ErrNotOwned)
			_, err = d.Issue(ctx, id)
			is(t, "issue "+id, err, ErrNotOwned)
			is(t, "delete "+id, d.Delete(ctx, id), ErrNotOwned)
		}
		_, err = d.Revoke(ctx, stranger)
		is(t, "revoke a stranger", err, ErrNotOwned)
	})
}

func TestCustomID(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, open func() Store) {
		ctx := within(t)
		ds := []*Directory{directory(t, open(), time.Now), directory(t, open(), time.Now)}
		// Many at once, from two services: one user.
		var all sync.WaitGroup
		ids := make([]string, 12)
		for i := range ids {
			all.Go(func() {
				u, err := ds[i%2].Create(ctx, "alice@example.org")
				if err != nil {
					t.Error(err)
				}
				ids[i] = u.ID
			})
		}
		all.Wait()
		slices.Sort(ids)
		if len(slices.Compact(ids)) != 1 {
			t.Errorf("one custom id, %d users", len(slices.Compact(ids)))
		}
		if users, _, err := ds[0].Users(ctx, "", "", 100); err != nil || len(users) != 1 || users[0].CustomID != "alice@example.org" {
			t.Errorf("listed %v, %v", users, err)
		}
		other, err := ds[0].Create(ctx, "bob")
		ok(t, err)
		if other.ID == ids[0] {
			t.Error("two custom ids, one user")
		}
		ok(t, ds[0].Delete(ctx, ids[0]))
		again, err := ds[1].Create(ctx, "alice@example.org")
		ok(t, err)
		if again.ID == ids[0] {
			t.Error("a deleted user comes back")
		}
		for _, bad := range []string{"a\nb", "\xff", strings.Repeat("x", maxCustomID+1)} {
			_, err := ds[0].Create(ctx, bad)
			is(t, fmt.Sprintf("%.10q", bad), err, ErrInvalid)
		}
	})
}

// TestDeleteCutShort finds a user half deleted, as a crash leaves it.
func TestDeleteCutShort(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, open func() Store) {
		ctx, s := within(t), open()
		d := directory(t, s, time.Now)
		for _, finish := range []func(User) error{
			func(u User) error { return d.Delete(ctx, u.ID) },
			func(u User) error {
				again, err := d.Create(ctx, u.CustomID)
				if err == nil && again.ID == u.ID {
					err = errors.New("the user came back")
				}
				return err
			},
		} {
			u, err := d.Create(ctx, "carol")
			ok(t, err)
			_, err = d.revokeUser(ctx, u.ID, func(u *userRecord) { u.Deleted = true })
			ok(t, err)
			_, err = d.User(ctx, u.ID)
			is(t, "user", err, ErrNotFound)
			_, err = d.Issue(ctx, u.ID)
			is(t, "issue", err, ErrNotFound)
			_, err = d.Revoke(ctx, u.ID)
			is(t, "revoke", err, ErrNotFound)
			ok(t, finish(u))
			if !d.view.TokenRevoked(u.ID, 1, time.Now(), time.Time{}) {
				t.Error("what was issued is valid")
			}
			_, err = s.Read(ctx, Users, u.ID)
			is(t, "record", err, ErrNotFound)
		}
	})
}

// TestRevocationIsExact issues and revokes within one millisecond of a clock that
// stands still: each stamp is on the right side of each revocation.
func TestRevocationIsExact(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, open func() Store) {
		ctx, c := within(t), newClock()
		s := open()
		d := directory(t, s, c.now)
		behind := newClock() // a service whose clock is late, and one whose clock is early
		behind.advance(-3 * time.Second)
		early := newClock()
		early.advance(3 * time.Second)
		ds := []*Directory{d, directory(t, open(), behind.now), directory(t, open(), early.now)}
		relay := following(t, open(), RevocationsConfig{Now: c.now})
		u, err := d.Create(ctx, "")
		ok(t, err)
		var stamps []Stamp
		for round := range 6 {
			for i := range ds {
				stamp, err := ds[(round+i)%3].Issue(ctx, u.ID)
				ok(t, err)
				stamps = append(stamps, stamp)
			}
			revocation, err := ds[round%3].Revoke(ctx, u.ID)
			ok(t, err)
			next, err := ds[(round+1)%3].Issue(ctx, u.ID)
			ok(t, err)
			if next.Generation != revocation.Generation || !next.Issued.After(revocation.At) {
				t.Errorf("issued %+v after revocation %+v", next, revocation)
			}
			until(t, "the relay", func() bool {
				n := relay.subjects.find([]byte(u.ID))
				return n != nil && n.at.Load() == revocation.At.UnixMilli()
			})
			for _, v := range []*Revocations{ds[round%3].view, relay} {
				for _, old := range stamps {
					if !v.TokenRevoked(u.ID, old.Generation, old.Issued, time.Time{}) || !v.Revoked([]byte(u.ID), []byte("x"), old.Issued, old.Issued.Add(time.Hour)) {
						t.Errorf("%+v survives revocation %+v", old, revocation)
					}
				}
				if v.TokenRevoked(u.ID, next.Generation, next.Issued, time.Time{}) || v.Revoked([]byte(u.ID), []byte("x"), next.Issued, next.Issued.Add(time.Hour)) {
					t.Errorf("%+v does not survive the revocation %+v before it", next, revocation)
				}
			}
			stamps = append(stamps, next)
		}
		got, err := d.User(ctx, u.ID)
		ok(t, err)
		if got.Issued.Before(stamps[len(stamps)-1].Issued) {
			t.Errorf("last issued %v, want at least %v", got.Issued, stamps[len(stamps)-1].Issued)
		}
	})
}

// TestRevokeForeign revokes a subject that has no record.
func TestRevokeForeign(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, open func() Store) {
		ctx, c := within(t), newClock()
		d := directory(t, open(), c.now)
		const subject = "idp.example:alice"
		first, err := d.Revoke(ctx, subject)
		ok(t, err)
		second, err := d.Revoke(ctx, subject)
		ok(t, err)
		if !first.At.Equal(testNow) || !second.At.After(first.At) || second.Generation != 0 {
			t.Errorf("%+v, %+v", first, second)
		}
		issued := d.view.After(subject, c.now())
		if !issued.After(second.At) || d.view.Revoked([]byte(subject), nil, issued, issued.Add(time.Hour)) {
			t.Errorf("issued at %v after %v", issued, second.At)
		}
		if got := d.view.After("nobody", c.now()); !got.Equal(c.now()) {
			t.Errorf("issued at %v", got)
		}
		if !d.view.TokenRevoked(subject, 0, testNow, time.Time{}) || !d.view.TokenRevoked(subject, 0, time.Time{}, time.Time{}) || d.view.TokenRevoked(subject, 0, issued, time.Time{}) {
			t.Error("foreign tokens")
		}
		_, err = d.Revoke(ctx, "")
		is(t, "nobody", err, ErrInvalid)
		_, err = d.Revoke(ctx, "a\nb")
		is(t, "control", err, ErrInvalid)
	})
}

// TestPrune forgets revocations when they have lost their meaning, and not before.
func TestPrune(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, open func() Store) {
		ctx, c, s := within(t), newClock(), open()
		d := directory(t, s, c.now)
		u, err := d.Create(ctx, "")
		ok(t, err)
		_, err = d.Revoke(ctx, u.ID)
		ok(t, err)
		_, err = d.Revoke(ctx, "bob")
		ok(t, err)
		ok(t, d.RevokeUsername(ctx, "1700003600:bob", c.now().Add(time.Hour)))
		ok(t, d.RevokeUsername(ctx, "1700172800.5:bob", time.Time{}))
		ok(t, d.RevokeUsername(ctx, "1690000000:bob", time.Time{}))             // ended
		ok(t, d.RevokeUsername(ctx, "1600000000:bob", c.now().Add(-time.Hour))) // ended
		count := func(after time.Duration, removed, subjects, usernames int) {
			t.Helper()
			c.advance(after)
			n, err := d.Prune(ctx)
			ok(t, err)
			d.view.prune()
			left, err := s.List(ctx, Subjects, "", "", 10)
			ok(t, err)
			names, err := s.List(ctx, Usernames, "", "", 10)
			ok(t, err)
			inView, namesInView := d.view.Len()
			if n != removed || len(left) != subjects || len(names) != usernames || inView != subjects || namesInView != usernames {
				t.Errorf("%v later: %d removed, %d and %d in the store, %d and %d in the view; want %d, %d and %d", after, n, len(left), len(names), inView, namesInView, removed, subjects, usernames)
			}
		}
		count(time.Hour, 0, 2, 2)
		count(2*time.Second, 1, 2, 1)
		count(47*time.Hour-2*time.Second, 0, 2, 1)
		count(2*time.Second, 3, 0, 0)
		// The user's generation goes on.
		stamp, err := d.Issue(ctx, u.ID)
		ok(t, err)
		if stamp.Generation != 2 {
			t.Errorf("generation %d, want 2", stamp.Generation)
		}
	})
}

func TestRevokeUsername(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, open func() Store) {
		ctx := within(t)
		d := directory(t, open(), time.Now)
		relay := following(t, open(), RevocationsConfig{})
		end := time.Now().Add(time.Hour)
		ok(t, d.RevokeUsername(ctx, "1:a:~1.k1.default.1.xyz", end))
		ok(t, d.RevokeUsername(ctx, "1:a:~1.k1.default.1.xyz", end)) // again
		until(t, "the relay", func() bool { return relay.Revoked([]byte("a"), []byte("1:a:~1.k1.default.1.xyz"), time.Now(), end) })
		if relay.Revoked([]byte("a"), []byte("2:a"), time.Now(), end) {
			t.Error("another credential of the user is refused")
		}
		// One that ends late is remembered until then, and a static user's name for a while.
		late := time.Now().Add(1000 * time.Hour)
		ok(t, d.RevokeUsername(ctx, "late", late))
		ok(t, d.RevokeUsername(ctx, "static", time.Time{}))
		if n := d.view.usernames.find([]byte("late")); n == nil || n.at.Load() <= late.Unix() {
			t.Errorf("forgotten before its end: %+v", n)
		}
		if !d.view.Revoked([]byte("static"), []byte("static"), time.Time{}, time.Time{}) {
			t.Error("a static user's name is not revoked")
		}
		is(t, "no username", d.RevokeUsername(ctx, "", end), ErrInvalid)
	})
}

func TestNewDirectory(t *testing.T) {
	t.Parallel()
	good := DirectoryConfig{Store: NewMemory(), Revocations: view(t, RevocationsConfig{}), Resource: testResource}
	for name, change := range map[string]func(*DirectoryConfig){
		"no store": func(c *DirectoryConfig) { c.Store = nil }, "no view": func(c *DirectoryConfig) { c.Revocations = nil },
		"no resource": func(c *DirectoryConfig) { c.Resource = "" }, "upper case": func(c *DirectoryConfig) { c.Resource = strings.ToUpper(testResource) },
	} {
		c := good
		change(&c)
		if _, err := NewDirectory(c); err == nil {
			t.Errorf("%s: is taken", name)
		}
	}
}

func FuzzParseID(f *testing.F) {
	f.Add(FormatID(testResource, newGUID()))
	f.Add("8:acs:" + testResource + "_" + testResource + "_" + testResource)
	f.Add("8:acs:")
	f.Fuzz(func(t *testing.T, s string) {
		resource, user, err := ParseID(s)
		if err != nil {
			return
		}
		if FormatID(resource, user) != s || CheckGUID(resource) != nil || CheckGUID(user) != nil || strings.Count(s, "_") != 1 || strings.ToLower(s) != s {
			t.Errorf("%q is taken as %q and %q", s, resource, user)
		}
	})
}
