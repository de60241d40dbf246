package identity

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"turnout/internal/ports"
)

// TestLostServer takes the server away and gives it back: what is known goes on
// being read, what cannot be written says so, and no revocation is missed.
func TestLostServer(t *testing.T) {
	t.Parallel()
	server, err := newServer(natsBinary(t), t.TempDir(), ports.One(t))
	ok(t, err)
	t.Cleanup(func() { server.stop() })
	ctx := within(t)
	service, fleet := natsStore(t, server, "turnout"), natsStore(t, server, "turnout")
	relay := following(t, fleet, RevocationsConfig{})
	d := directory(t, service, time.Now)
	u, err := d.Create(ctx, "")
	ok(t, err)
	stranger, err := d.Create(ctx, "")
	ok(t, err)
	_, err = d.User(ctx, u.ID)
	ok(t, err)
	// What the machine does meanwhile is not the store's: of several revocations the quickest counts.
	var before Revocation
	quickest, longest := time.Hour, time.Duration(0)
	for range 5 {
		before, err = d.Revoke(ctx, u.ID)
		ok(t, err)
		began := time.Now()
		until(t, "the relay", func() bool { return relay.Revoked([]byte(u.ID), nil, before.At, time.Now().Add(time.Hour)) })
		took := time.Since(began)
		quickest, longest = min(quickest, took), max(longest, took)
	}
	t.Logf("the relay knew of a revocation after %v to %v", quickest, longest)
	if quickest > time.Second {
		t.Errorf("that is never within a second")
	}
	ok(t, relay.Status())
	if c := fleet.Connection(); c != (Connection{Up: true}) {
		t.Errorf("%+v", c)
	}

	server.stop()
	until(t, "the store to notice", func() bool { return service.Status() != nil && fleet.Status() != nil })
	until(t, "it to count the time", func() bool { c := fleet.Connection(); return !c.Up && c.Behind > 0 && c.Reconnects == 0 })
	is(t, "status of the store", service.Status(), ErrUnavailable)
	is(t, "status of the relay's view", relay.Status(), ErrUnavailable)
	if !relay.Revoked([]byte(u.ID), nil, before.At, time.Now().Add(time.Hour)) {
		t.Error("a revocation is forgotten with the server")
	}
	if _, err := d.User(ctx, u.ID); err != nil {
		t.Errorf("what was read before: %v", err)
	}
	began := time.Now()
	_, err = fleet.Read(ctx, Users, stranger.ID)
	is(t, "what was never read here", err, ErrUnavailable)
	_, err = d.Revoke(ctx, u.ID)
	is(t, "revoke", err, ErrUnavailable)
	_, err = d.Issue(ctx, u.ID)
	is(t, "issue", err, ErrUnavailable)
	_, err = d.Create(ctx, "")
	is(t, "create", err, ErrUnavailable)
	is(t, "delete", d.Delete(ctx, u.ID), ErrUnavailable)
	_, _, err = d.Users(ctx, "", "", 10)
	is(t, "list", err, ErrUnavailable)
	_, err = d.Prune(ctx)
	is(t, "prune", err, ErrUnavailable)
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("saying so took %v", took)
	}
	if err == nil || !strings.Contains(err.Error(), "no connection to NATS") {
		t.Errorf("not clear: %v", err)
	}

	// Somebody revokes as soon as the server is back, perhaps before the relay is.
	ok(t, server.start())
	fast := natsStore(t, server, "turnout")
	after, err := directory(t, fast, time.Now).Revoke(ctx, u.ID)
	ok(t, err)
	if after.Generation != before.Generation+1 {
		t.Errorf("generation %d after %d: a write that failed has happened", after.Generation, before.Generation)
	}
	until(t, "the relay to catch up", func() bool { return relay.Revoked([]byte(u.ID), nil, after.At, time.Now().Add(time.Hour)) })
	until(t, "all to be well", func() bool { return relay.Status() == nil && service.Status() == nil })
	until(t, "the relay to have seen everything", func() bool { return fleet.Connection() == Connection{Up: true, Reconnects: 1} })
	until(t, "the service to write again", func() bool { _, err := d.Issue(ctx, u.ID); return err == nil })
}

// TestManyOutages revokes all the time while the server comes and goes.
func TestManyOutages(t *testing.T) {
	t.Parallel()
	server, err := newServer(natsBinary(t), t.TempDir(), ports.One(t))
	ok(t, err)
	t.Cleanup(func() { server.stop() })
	fleet := natsStore(t, server, "turnout")
	relay := following(t, fleet, RevocationsConfig{})
	d := directory(t, natsStore(t, server, "turnout"), time.Now)
	ctx, cancel := context.WithCancel(within(t))
	revoked := make(chan map[string]time.Time)
	go func() {
		done := map[string]time.Time{}
		for i := 0; ctx.Err() == nil; i++ {
			subject := fmt.Sprint("user", i)
			if r, err := d.Revoke(ctx, subject); err == nil {
				done[subject] = r.At
			}
		}
		revoked <- done
	}()
	for range 3 {
		n, _ := relay.Len()
		until(t, "some more revocations", func() bool { m, _ := relay.Len(); return m > n+20 })
		server.stop()
		ok(t, server.start())
	}
	n, _ := relay.Len()
	until(t, "some more revocations", func() bool { m, _ := relay.Len(); return m > n+20 })
	cancel()
	all := <-revoked
	for subject, at := range all {
		until(t, subject, func() bool { return relay.Revoked([]byte(subject), nil, at, time.Now().Add(time.Hour)) })
	}
	if len(all) < 60 {
		t.Errorf("%d revocations", len(all))
	}
}

func TestNoServer(t *testing.T) {
	t.Parallel()
	_, err := OpenNATS(within(t), NATSConfig{URL: "nats://user:secret@127.0.0.1:1"})
	is(t, "open", err, ErrUnavailable)
	if err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("%v", err)
	}
}

// TestRefusedUser tells a server that does not want us from one that is away: waiting does not help.
func TestRefusedUser(t *testing.T) {
	t.Parallel()
	port := ports.One(t)
	server := exec.Command(natsBinary(t), "-js", "-sd", t.TempDir(), "-a", "127.0.0.1", "-p", port, "--user", "turnout", "--pass", "right")
	ok(t, server.Start())
	t.Cleanup(func() { _ = server.Process.Kill(); _ = server.Wait() })
	until(t, "the server", func() bool {
		n, err := OpenNATS(within(t), NATSConfig{URL: "nats://turnout:right@127.0.0.1:" + port, Bucket: "a"})
		if err == nil {
			_ = n.Close()
		}
		return err == nil
	})
	_, err := OpenNATS(within(t), NATSConfig{URL: "nats://turnout:wrong@127.0.0.1:" + port, Bucket: "a"})
	if err == nil || errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "refuses the user") || strings.Contains(err.Error(), "wrong") {
		t.Errorf("%v", err)
	}
	_, err = OpenNATS(within(t), NATSConfig{URL: "nats://127.0.0.1:" + port, Credentials: "none.creds", Bucket: "a"})
	if err == nil || errors.Is(err, ErrUnavailable) {
		t.Errorf("without the file of credentials: %v", err)
	}
}

// TestBucket looks at what is made, and refuses what was made otherwise.
func TestBucket(t *testing.T) {
	t.Parallel()
	server := sharedServer(t)
	ctx := within(t)
	bucket := newBucket()
	s := natsStore(t, server, bucket)
	for k := range Kind(kinds) {
		status, err := s.buckets[k].Status(ctx)
		ok(t, err)
		b, fine := status.(*jetstream.KeyValueBucketStatus)
		if !fine {
			t.Fatalf("%T", status)
		}
		c := b.StreamInfo().Config
		if status.History() != 1 || c.Storage != jetstream.FileStorage || c.AllowDirect || c.Replicas != 1 || status.TTL() != 0 {
			t.Errorf("%v: %+v", k, c)
		}
	}
	// Marks of deletions go when they are old.
	revision, err := s.Write(ctx, Subjects, "a", []byte("x"), 0)
	ok(t, err)
	ok(t, s.Delete(ctx, Subjects, "a", revision))
	ok(t, s.Compact(ctx))
	_, err = s.Read(ctx, Subjects, "a")
	is(t, "read", err, ErrNotFound)
	_, err = OpenNATS(ctx, NATSConfig{URL: server.url, Bucket: newBucket(), Replicas: 3})
	if err == nil || !strings.Contains(err.Error(), "replicas") {
		t.Errorf("three replicas on one server: %v", err)
	}
	_, err = OpenNATS(ctx, NATSConfig{URL: server.url, Bucket: "not a bucket"})
	if err == nil || errors.Is(err, ErrUnavailable) {
		t.Errorf("a bad name: %v", err)
	}
}

// TestForeignEntries finds in the bucket what no service of this kind has written.
func TestForeignEntries(t *testing.T) {
	t.Parallel()
	server, bucket := sharedServer(t), newBucket()
	s := natsStore(t, server, bucket)
	ctx := within(t)
	conn, err := nats.Connect(server.url)
	ok(t, err)
	defer conn.Close()
	js, err := jetstream.New(conn)
	ok(t, err)
	kv, err := js.KeyValue(ctx, bucket+"_subjects")
	ok(t, err)
	_, err = kv.Put(ctx, "a.b", []byte("x"))
	ok(t, err)
	_, err = kv.Put(ctx, "bob", []byte(`{"at":1}`))
	ok(t, err)
	records, err := s.List(ctx, Subjects, "", "", 10)
	if err != nil || len(records) != 1 || records[0].Key != "bob" {
		t.Errorf("listed %v, %v", records, err)
	}
	r := following(t, s, RevocationsConfig{Now: func() time.Time { return time.UnixMilli(2) }})
	if n, _ := r.Len(); n != 1 {
		t.Errorf("%d revocations", n)
	}
	ok(t, r.Status())
}
