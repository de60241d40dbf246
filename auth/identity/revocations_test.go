package identity

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"turnout/auth"
)

// TestRule holds the rule of revocation against every kind of credential.
func TestRule(t *testing.T) {
	t.Parallel()
	const maxTTL = 48 * time.Hour
	c := newClock()
	r := view(t, RevocationsConfig{MaxTTL: maxTTL, Now: c.now})
	revoked := testNow
	r.revokeSubject("bob", subjectRecord{At: revoked.UnixMilli(), Generation: 2})
	r.revokeUsername("1700000900:carol", usernameRecord{Expires: testNow.Unix() + 900})
	c.advance(time.Hour)
	now := c.now()
	for _, x := range []struct {
		name, subject   string
		issued, expires time.Time
		want            bool
	}{
		{"issued before", "bob", revoked.Add(-time.Hour), now.Add(time.Hour), true},
		{"issued at the time", "bob", revoked, now.Add(time.Hour), true},
		{"issued in that millisecond", "bob", revoked.Add(999 * time.Microsecond), now.Add(time.Hour), true},
		{"issued a millisecond after", "bob", revoked.Add(time.Millisecond), now.Add(time.Hour), false},
		{"issued now", "bob", now, now.Add(maxTTL), false},
		{"no time of issue, ends soon", "bob", time.Time{}, now.Add(time.Hour), true},
		{"no time of issue, may be as old", "bob", time.Time{}, revoked.Add(maxTTL), true},
		{"no time of issue, must be younger", "bob", time.Time{}, revoked.Add(maxTTL + 1), false},
		{"no time of issue, the longest", "bob", time.Time{}, now.Add(maxTTL), false},
		{"no time of issue, longer than allowed", "bob", time.Time{}, now.Add(maxTTL + 1), true},
		{"a static user", "bob", time.Time{}, time.Time{}, true},
		{"another subject", "bobby", revoked.Add(-time.Hour), now.Add(time.Hour), false},
		{"nobody", "", time.Time{}, now.Add(time.Hour), false},
		{"another static user", "alice", time.Time{}, time.Time{}, false},
	} {
		if got := r.Revoked([]byte(x.subject), []byte("1700001000:"+x.subject), x.issued, x.expires); got != x.want {
			t.Errorf("%s: %v, want %v", x.name, got, x.want)
		}
	}
	if !r.Revoked([]byte("carol"), []byte("1700000900:carol"), now, now.Add(time.Hour)) || r.Revoked([]byte("carol"), []byte("1700000901:carol"), now, now.Add(time.Hour)) {
		t.Error("one username is revoked, and only that")
	}
	// Later revocations do not go back.
	r.revokeSubject("bob", subjectRecord{At: revoked.UnixMilli() - 5000, Generation: 1})
	if !r.Revoked([]byte("bob"), nil, revoked, now.Add(time.Hour)) || !r.TokenRevoked("bob", 1, now, time.Time{}) {
		t.Error("an old revocation undoes a later one")
	}
}

// TestVerifier asks through the verifier of credentials, as a relay does.
func TestVerifier(t *testing.T) {
	t.Parallel()
	ring, err := auth.NewKeyring(auth.Key{ID: "k1", Secret: []byte("a secret of the test")})
	ok(t, err)
	r := view(t, RevocationsConfig{Now: func() time.Time { return testNow }})
	v, err := auth.NewVerifier(auth.VerifierConfig{Realm: "turnout", Keyring: ring, MaxTTL: 48 * time.Hour, Revoked: r.Revoked})
	ok(t, err)
	var state auth.VerifierState
	verify := func(issued time.Time, want error) {
		t.Helper()
		c, err := auth.NewIssuer(ring).Issue(auth.Grant{Subject: "bob", Issued: issued, Expires: testNow.Add(time.Hour)}, testNow)
		ok(t, err)
		m := signed(auth.DeriveKey(nil, auth.MD5, c.Username, "turnout", c.Password))
		_, err = v.Verify(&state, &m, []byte(c.Username), auth.MD5, testNow)
		is(t, "verify", err, want)
	}
	verify(testNow, nil)
	r.revokeSubject("bob", subjectRecord{At: testNow.UnixMilli()})
	verify(testNow, auth.ErrRevoked)
	verify(r.After("bob", testNow), nil)
}

type signed []byte

func (s *signed) CheckIntegrity(key []byte) error {
	if string(*s) != string(key) {
		return auth.ErrIntegrity
	}
	return nil
}

func TestRevokedAllocates(t *testing.T) {
	r := view(t, RevocationsConfig{})
	subject := []byte(FormatID(testResource, testResource))
	username := []byte("1700003600:" + string(subject) + ":~1.k1.default.1700000000250.abcdefghijklmnop")
	now := time.Now()
	r.revokeSubject(string(subject), subjectRecord{At: now.UnixMilli()})
	r.revokeUsername("other", usernameRecord{Expires: now.Unix() + 1000})
	refused := false
	for name, issued := range map[string]time.Time{"known": now.Add(time.Second), "unknown": {}} {
		if n := testing.AllocsPerRun(1000, func() { refused = r.Revoked(subject, username, issued, now.Add(time.Hour)) }); n != 0 {
			t.Errorf("time of issue %s: %v allocations", name, n)
		}
	}
	if !refused {
		t.Log("the last of the two was not refused") // which one is last is chance
	}
}

func BenchmarkRevoked(b *testing.B) {
	for _, n := range []int{0, 1000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			r := view(b, RevocationsConfig{})
			now := time.Now()
			for i := range n {
				r.revokeSubject(fmt.Sprintf("8:acs:%s_%036d", testResource, i), subjectRecord{At: now.UnixMilli()})
				r.revokeUsername(fmt.Sprintf("1700000000:%d", i), usernameRecord{Expires: now.Unix() + 3600})
			}
			subject := []byte(fmt.Sprintf("8:acs:%s_%036d", testResource, n/2))
			username := []byte("1700003600:" + string(subject) + ":~1.k1.default.1700000000250.abcdefghijklmnop")
			b.ReportAllocs()
			for b.Loop() {
				r.Revoked(subject, username, now.Add(time.Second), now.Add(time.Hour))
			}
		})
	}
}

// TestOverflow has more revocations than the view holds: too much is refused, and
// never a revoked credential admitted; with time all is well again.
func TestOverflow(t *testing.T) {
	t.Parallel()
	c := newClock()
	r := view(t, RevocationsConfig{Limit: 100, Now: c.now})
	const n = 1000
	at := func(i int) time.Time { return testNow.Add(time.Duration(i) * time.Second) }
	name := func(i int) string { return fmt.Sprint("user", i) }
	for i := range n {
		c.advance(time.Second)
		r.revokeSubject(name(i), subjectRecord{At: at(i).UnixMilli()})
		r.revokeUsername(name(i), usernameRecord{Expires: at(n + i).Unix()})
	}
	subjects, usernames := r.Len()
	if subjects > 100 || usernames > 100 || !r.Overflowed() {
		t.Errorf("%d subjects and %d usernames, overflowed: %v", subjects, usernames, r.Overflowed())
	}
	end := at(n).Add(40 * time.Hour)
	for i := range n {
		if !r.Revoked([]byte(name(i)), nil, at(i), end) || !r.TokenRevoked(name(i), 0, at(i), end) {
			t.Fatalf("%s is admitted", name(i))
		}
		if !r.Revoked(nil, []byte(name(i)), at(n), at(n+i)) {
			t.Fatalf("username %s is admitted", name(i))
		}
	}
	if r.Revoked([]byte("nobody"), nil, at(n), end) || r.Revoked([]byte("static"), []byte("static"), time.Time{}, time.Time{}) {
		t.Error("what was issued later is refused")
	}
	if !r.Revoked([]byte("nobody"), nil, at(0), end) || !r.Revoked([]byte("nobody"), nil, time.Time{}, at(n).Add(time.Hour)) {
		t.Error("the floor does not hold")
	}
	c.advance(49 * time.Hour)
	r.prune()
	subjects, usernames = r.Len()
	if subjects != 0 || usernames != 0 || r.Overflowed() {
		t.Errorf("%d subjects and %d usernames, overflowed: %v", subjects, usernames, r.Overflowed())
	}
	if r.Revoked([]byte("nobody"), nil, at(0), c.now().Add(time.Hour)) {
		t.Error("the floor holds for ever")
	}
}

func TestRevocationsConfiguration(t *testing.T) {
	t.Parallel()
	for _, c := range []RevocationsConfig{{MaxTTL: -1}, {MaxTTL: time.Hour, Retention: time.Minute}, {Limit: -1}} {
		if _, err := NewRevocations(c); err == nil {
			t.Errorf("%+v is taken", c)
		}
	}
	r := view(t, RevocationsConfig{MaxTTL: time.Hour})
	if r.retention != 24*time.Hour {
		t.Errorf("kept for %v: tokens live longer", r.retention)
	}
}

// TestRun follows a store that begins to work late and ends: the view says so.
func TestRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &flaky{Memory: NewMemory(), down: true}
		type event struct {
			name string
			at   time.Time
		}
		heard := make(chan event, 10)
		r := view(t, RevocationsConfig{
			OnSubject:  func(subject string, at time.Time) { heard <- event{subject, at} },
			OnUsername: func(username string, at time.Time) { heard <- event{username, at} },
		})
		if r.Status() == nil {
			t.Error("an empty view is fine")
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); r.Run(ctx, s) }()
		time.Sleep(time.Minute)
		is(t, "status while it is down", r.Status(), ErrUnavailable)
		at := time.Now()
		d, err := NewDirectory(DirectoryConfig{Store: s.Memory, Revocations: view(t, RevocationsConfig{}), Resource: testResource})
		ok(t, err)
		_, err = d.Revoke(t.Context(), "bob")
		ok(t, err)
		_, err = s.Memory.Write(t.Context(), Subjects, "broken", []byte("x"), 0)
		ok(t, err)
		s.set(false)
		<-r.Ready()
		if e := <-heard; e.name != "bob" || !e.at.Equal(at.Truncate(time.Millisecond)) {
			t.Errorf("heard %v", e)
		}
		if r.Status() == nil {
			t.Error("a record that cannot be read is fine")
		}
		revoked := time.Now()
		ok(t, d.RevokeUsername(t.Context(), "1:x", at.Add(time.Hour)))
		if e := <-heard; e.name != "1:x" || !e.at.Equal(revoked.Truncate(time.Millisecond)) {
			t.Errorf("heard %v", e)
		}
		// A version that did not note the time has written this.
		_, err = s.Memory.Write(t.Context(), Usernames, "1:y", fmt.Appendf(nil, `{"expires":%d}`, revoked.Add(time.Hour).Unix()), 0)
		ok(t, err)
		if e := <-heard; e.name != "1:y" || !e.at.IsZero() {
			t.Errorf("heard %v", e)
		}
		// Nothing is told twice.
		ok(t, d.RevokeUsername(t.Context(), "1:x", at.Add(time.Hour)))
		time.Sleep(49 * time.Hour) // pruned by itself
		if n, m := r.Len(); n != 0 || m != 0 || len(heard) != 0 {
			t.Errorf("%d subjects, %d usernames, %d more told", n, m, len(heard))
		}
		ok(t, s.Close())
		<-done
		is(t, "status at the end", r.Status(), ErrClosed)
		cancel()
	})
}

// A flaky store cannot be watched while it is down.
type flaky struct {
	*Memory
	mu   sync.Mutex
	down bool
}

func (f *flaky) set(down bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.down = down
}

func (f *flaky) Watch(ctx context.Context, k Kind, apply func(Record), ready func()) error {
	f.mu.Lock()
	down := f.down
	f.mu.Unlock()
	if down {
		return ErrUnavailable
	}
	return f.Memory.Watch(ctx, k, apply, ready)
}

// TestTable compares with a map, under readers that run all the time.
func TestTable(t *testing.T) {
	t.Parallel()
	table := newTable()
	model := map[string]int64{}
	stop := make(chan struct{})
	var readers sync.WaitGroup
	table.raise("always", 1<<40, 7)
	for range 2 {
		readers.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				if n := table.find([]byte("always")); n == nil || n.at.Load() != 1<<40 || n.generation.Load() != 7 {
					t.Error("an entry is gone for a moment")
					return
				}
				table.find([]byte(fmt.Sprint(i % 3000)))
			}
		})
	}
	for i := range 20_000 {
		key, at := fmt.Sprint(i*7919%3000), int64(i*104729%5000)
		if grown := table.raise(key, at, 0); grown != (model[key] < at || model[key] == 0 && !has(model, key)) {
			t.Fatalf("raise %s to %d from %d says %v", key, at, model[key], grown)
		}
		model[key] = max(model[key], at)
		if i%5000 == 4999 {
			least := int64(i / 10)
			table.prune(least)
			for key, at := range model {
				if at < least {
					delete(model, key)
				}
			}
		}
	}
	close(stop)
	readers.Wait()
	if table.len() != len(model)+1 {
		t.Errorf("%d names, want %d", table.len(), len(model)+1)
	}
	for key, at := range model {
		if n := table.find([]byte(key)); n == nil || n.at.Load() != at {
			t.Fatalf("%s: %v, want %d", key, n, at)
		}
	}
	table.prune(1 << 40)
	if table.len() != 1 || len(*table.buckets.Load()) >= 3000 {
		t.Errorf("%d names in %d buckets", table.len(), len(*table.buckets.Load()))
	}
}

func has(m map[string]int64, key string) bool { _, ok := m[key]; return ok }
