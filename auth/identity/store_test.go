package identity

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// onEach runs a test on every engine. open gives another view of the same store,
// as a second service has it; where the engine has only one, the same.
func onEach(t *testing.T, test func(t *testing.T, open func() Store)) {
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		m := NewMemory()
		t.Cleanup(func() { _ = m.Close() })
		test(t, func() Store { return m })
	})
	t.Run("bolt", func(t *testing.T) {
		t.Parallel()
		b := boltStore(t, filepath.Join(t.TempDir(), "state", "turnout.db"))
		test(t, func() Store { return b })
	})
	t.Run("nats", func(t *testing.T) {
		t.Parallel()
		s, bucket := sharedServer(t), newBucket()
		test(t, func() Store { return natsStore(t, s, bucket) })
	})
}

func boltStore(t testing.TB, path string) *Bolt {
	t.Helper()
	b, err := OpenBolt(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

// within gives a context that ends before the test's patience does.
func within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func is(t testing.TB, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
}

func TestStore(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, open func() Store) {
		ctx, s := within(t), open()
		other := open()
		_, err := s.Read(ctx, Users, "a")
		is(t, "read nothing", err, ErrNotFound)
		first, err := s.Write(ctx, Users, "a", []byte("1"), 0)
		ok(t, err)
		_, err = other.Write(ctx, Users, "a", []byte("2"), 0)
		is(t, "make twice", err, ErrConflict)
		_, err = other.Write(ctx, Users, "b", []byte("2"), first)
		is(t, "change what is not there", err, ErrConflict)
		second, err := other.Write(ctx, Users, "a", []byte("3"), first)
		ok(t, err)
		if second <= first {
			t.Errorf("revision %d after %d", second, first)
		}
		_, err = s.Write(ctx, Users, "a", []byte("4"), first)
		is(t, "change the past", err, ErrConflict)
		got, err := s.Read(ctx, Users, "a")
		ok(t, err)
		if !reflect.DeepEqual(got, Record{"a", []byte("3"), second}) {
			t.Errorf("read %+v", got)
		}
		_, err = s.Read(ctx, Subjects, "a")
		is(t, "another kind", err, ErrNotFound)
		is(t, "delete the past", s.Delete(ctx, Users, "a", first), ErrConflict)
		is(t, "delete nothing", s.Delete(ctx, Users, "nothing", 0), ErrConflict)
		ok(t, s.Delete(ctx, Users, "a", second))
		is(t, "delete twice", other.Delete(ctx, Users, "a", second), ErrConflict)
		_, err = other.Read(ctx, Users, "a")
		is(t, "read what was deleted", err, ErrNotFound)
		_, err = s.Write(ctx, Users, "a", []byte("5"), second)
		is(t, "change what was deleted", err, ErrConflict)
		third, err := other.Write(ctx, Users, "a", []byte("6"), 0)
		ok(t, err)
		if third <= second {
			t.Errorf("revision %d after %d", third, second)
		}
		ok(t, s.Status())
	})
}

// TestStoreKeys writes names that need escaping somewhere.
func TestStoreKeys(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, open func() Store) {
		ctx, s := within(t), open()
		for i, key := range []string{
			"8:acs:6f0c7b1e-30c5-4b0a-9d7e-1a2b3c4d5e6f_0d5e7c61-93a0-4f2e-8a44-7f1c2b3a4d5e", "idp.example:alice@example.org",
			".", "..", "a.b", ".a", "a.", "*", ">", "a*", "$KV", "=", "=2E", " ", "a b", "ä", "日本", "/", "\\", "\"", "A", "a",
			strings.Repeat("ä", maxKey/2),
		} {
			value := []byte(fmt.Sprint(i))
			revision, err := s.Write(ctx, Subjects, key, value, 0)
			if err != nil {
				t.Errorf("%.20q: %v", key, err)
				continue
			}
			got, err := s.Read(ctx, Subjects, key)
			if err != nil || !reflect.DeepEqual(got, Record{key, value, revision}) {
				t.Errorf("%.20q: %+v, %v", key, got, err)
			}
		}
		for _, key := range []string{"", "a\nb", "\x00", "\x7f", "\xff", strings.Repeat("x", maxKey+1)} {
			_, err := s.Write(ctx, Subjects, key, []byte("x"), 0)
			is(t, fmt.Sprintf("%.20q", key), err, ErrInvalid)
		}
	})
}

func TestStoreList(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, open func() Store) {
		ctx, s := within(t), open()
		for _, key := range []string{"b:2", "a:1", "b:1", "b.1", "c", "b:3", "B:1"} {
			_, err := s.Write(ctx, Users, key, []byte(key), 0)
			ok(t, err)
		}
		r, err := s.Read(ctx, Users, "b:3")
		ok(t, err)
		ok(t, s.Delete(ctx, Users, "b:3", r.Revision))
		for _, c := range []struct {
			prefix, after string
			limit         int
			want          string
		}{
			{"", "", 100, "B:1 a:1 b.1 b:1 b:2 c"},
			{"", "", 2, "B:1 a:1"},
			{"", "a:1", 2, "b.1 b:1"},
			{"", "a:2", 1, "b.1"},
			{"b:", "", 100, "b:1 b:2"},
			{"b:", "b:1", 100, "b:2"},
			{"b:", "b:2", 100, ""},
			{"b:", "a", 1, "b:1"},
			{"b:", "c", 1, ""},
			{"x", "", 1, ""},
		} {
			records, err := s.List(ctx, Users, c.prefix, c.after, c.limit)
			ok(t, err)
			var keys []string
			for _, r := range records {
				if string(r.Value) != r.Key || r.Revision == 0 {
					t.Errorf("%+v", r)
				}
				keys = append(keys, r.Key)
			}
			if got := strings.Join(keys, " "); got != c.want {
				t.Errorf("prefix %q after %q limit %d: %q, want %q", c.prefix, c.after, c.limit, got, c.want)
			}
		}
	})
}

// TestStoreWatch hears of everything once, in order, from another view too.
func TestStoreWatch(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, open func() Store) {
		ctx, s, other := within(t), open(), open()
		revision, err := s.Write(ctx, Subjects, "before.1", []byte("x"), 0)
		ok(t, err)
		_, err = s.Write(ctx, Usernames, "other kind", []byte("x"), 0)
		ok(t, err)
		heard := make(chan string, 1000)
		watching, cancel := context.WithCancel(ctx)
		ended := make(chan error)
		go func() {
			ended <- s.Watch(watching, Subjects, func(r Record) { heard <- r.Key + "=" + string(r.Value) }, func() { heard <- "ready" })
		}()
		expect := func(want string) {
			t.Helper()
			select {
			case got := <-heard:
				if got != want {
					t.Fatalf("heard %q, want %q", got, want)
				}
			case <-ctx.Done():
				t.Fatalf("did not hear %q", want)
			}
		}
		expect("before.1=x")
		expect("ready")
		revision, err = other.Write(ctx, Subjects, "before.1", []byte("y"), revision)
		ok(t, err)
		expect("before.1=y")
		ok(t, other.Delete(ctx, Subjects, "before.1", revision))
		expect("before.1=")
		var took []time.Duration
		for i := range 100 {
			_, err := other.Write(ctx, Subjects, fmt.Sprint("n", i), []byte("z"), 0)
			ok(t, err)
			began := time.Now()
			expect(fmt.Sprintf("n%d=z", i))
			took = append(took, time.Since(began))
		}
		slices.Sort(took)
		t.Logf("a change was heard of after %v, and %v at the most", took[50], took[99])
		if took[50] > time.Second {
			t.Errorf("that is not within a second")
		}
		cancel()
		is(t, "end of the watch", <-ended, context.Canceled)
	})
}

// TestStoreContention lets many change one record: no change is lost.
func TestStoreContention(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, open func() Store) {
		ctx := within(t)
		stores := []Store{open(), open()}
		const writers, each = 8, 10
		var all sync.WaitGroup
		for i := range writers {
			all.Go(func() {
				for range each {
					err := update(ctx, stores[i%2], Documents, "counter", func(old []byte) ([]byte, error) {
						return append(old[:len(old):len(old)], 'x'), nil
					})
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		r, err := stores[0].Read(ctx, Documents, "counter")
		ok(t, err)
		if len(r.Value) != writers*each {
			t.Errorf("%d changes, want %d", len(r.Value), writers*each)
		}
	})
}

func TestStoreClosed(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, open func() Store) {
		ctx, s := within(t), open()
		ready := make(chan struct{})
		ended := make(chan error)
		go func() { ended <- s.Watch(ctx, Subjects, func(Record) {}, func() { close(ready) }) }()
		<-ready
		ok(t, s.Close())
		is(t, "watch", <-ended, ErrClosed)
		_, err := s.Read(ctx, Users, "a")
		is(t, "read", err, ErrClosed)
		_, err = s.Write(ctx, Users, "a", []byte("x"), 0)
		is(t, "write", err, ErrClosed)
		is(t, "delete", s.Delete(ctx, Users, "a", 1), ErrClosed)
		_, err = s.List(ctx, Users, "", "", 1)
		is(t, "list", err, ErrClosed)
		is(t, "watch again", s.Watch(ctx, Users, func(Record) {}, func() {}), ErrClosed)
		ok(t, s.Close())
	})
}

// TestSlowWatcher is told to begin anew rather than kept in memory without bounds.
func TestSlowWatcher(t *testing.T) {
	t.Parallel()
	m := NewMemory()
	blocked, release := make(chan struct{}), make(chan struct{})
	ended := make(chan error)
	go func() {
		ended <- m.Watch(context.Background(), Users, func(Record) {
			if blocked != nil {
				close(blocked)
				blocked = nil
				<-release
			}
		}, func() {})
	}()
	revision, began := uint64(0), blocked
	for i := 0; i < 2*maxQueue+2; i++ {
		var err error
		revision, err = m.Write(context.Background(), Users, "a", []byte("x"), revision)
		ok(t, err)
		if i == 0 {
			<-began
		}
	}
	close(release)
	is(t, "watch", <-ended, ErrBehind)
}

func FuzzEscape(f *testing.F) {
	f.Add("8:acs:x_y")
	f.Add("=2E.*>$")
	f.Add("ä\x00")
	f.Fuzz(func(t *testing.T, s string) {
		if got, fine := unescape(escape(s)); got != s || fine != (s != "") {
			t.Errorf("%q becomes %q and %q", s, escape(s), got)
		}
		if key, fine := unescape(s); fine && escape(key) != s {
			t.Errorf("%q and %q are the same key", s, escape(key))
		}
	})
}
