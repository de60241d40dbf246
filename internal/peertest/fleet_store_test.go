package peertest

import (
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// latest is when a revocation must have reached every relay, on a machine that has other things to do, too. What it took is printed: on an
// idle one some milliseconds.
const latest = 10 * time.Second

// TestFleet takes two relays and a service that share a NATS server through what may happen to that.
func TestFleet(t *testing.T) {
	peers(t)
	t.Parallel()
	f := startFleet(t)
	caller := f.user() // whose calls outlive everything
	calls := caller.allocate()
	all := func(status string) {
		t.Helper()
		for _, c := range calls {
			c.relays(t)
		}
		f.inService(status)
	}

	alice := f.user()
	alice.allocate()
	began := time.Now()
	alice.revoke()
	for i, r := range f.relays {
		r.ends(t, 1)
		t.Logf("revoked: relay %d ended the allocation %v after the request was sent", i+1, time.Since(began))
	}
	if took := time.Since(began); took > latest {
		t.Errorf("the revocation took %v", took)
	}
	all("ok")

	// A relay that is cut off goes on, and catches up.
	bob := f.user()
	bob.allocate()
	f.link.cut()
	bob.revoke()
	f.relays[0].ends(t, 1)
	if n := f.relays[1].allocations(t); n != 2 {
		t.Errorf("the relay that cannot know of the revocation has %d allocations, want 2", n)
	}
	f.user().allocate() // credentials made meanwhile are good there too
	f.link.mend(t)
	took := f.relays[1].ends(t, 2)
	t.Logf("cut off: ended %v after the relay could reach the store again", took)
	if took > latest {
		t.Errorf("catching up took %v", took)
	}
	all("ok")

	// Nobody has a store: no user is made or revoked, but tokens are verified, credentials made and admitted. A relay that is started now waits.
	f.store.kill()
	f.refusesToWrite()
	caller.allocate()
	all("degraded")
	late := f.configureRelay(f.store.address())
	name, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	started := begin(t, exec.Command(name, "serve", "--config", late.config))
	t.Cleanup(func() { stop(t, started.Process, started.ended) })
	eventually(t, "the late relay says what it waits for", func() error {
		if !strings.Contains(started.printed.String(), "waiting for the store") {
			return fmt.Errorf("it prints %s", started.printed)
		}
		return nil
	})
	if text := get(t, "http://"+late.admin+"/livez"); !strings.Contains(text, "ok") {
		t.Errorf("/livez of a relay that waits: %s", text)
	}
	if status, text, err := readiness(late.admin); err != nil || status != http.StatusServiceUnavailable {
		t.Errorf("/readyz of a relay that waits: %d %s %v", status, text, err)
	}
	f.store.start(f.folder)
	if err := ready(t, "http://"+late.admin+"/readyz", started.ended); err != nil {
		t.Error(err)
	}
	username, password := caller.credential()
	if err := visit(late.address, username, password); err != nil {
		t.Errorf("at the late relay: %v", err)
	}
	eventually(t, "the service writes again", func() error {
		_, err := f.newUser()
		return err
	})
	carol := f.user()
	carol.allocate()
	n := f.relays[0].allocations(t)
	carol.revoke()
	for i, r := range f.relays {
		t.Logf("after the store was back: relay %d ended the allocation within %v", i+1, r.ends(t, n-1))
	}
	all("ok")

	f.emptied(t, caller)
	all("degraded")
}

// TestFleetStalled has a relay's connection to the store pass nothing on, without an end of it being told: the relay
// notices, goes on, and catches up.
func TestFleetStalled(t *testing.T) {
	peers(t)
	t.Parallel()
	f := startFleet(t)
	caller := f.user()
	calls := caller.allocate()
	alice := f.user()
	alice.allocate()
	f.link.stall()
	stalled := sync.OnceFunc(f.link.resume)
	defer stalled()
	alice.revoke()
	f.relays[0].ends(t, 1)
	took := eventually(t, "the relay notices", func() error { return reasonsAre(f.relays[1].admin, []string{"store"}) })
	t.Logf("the relay says after %v that it has no store", took)
	if n := f.relays[1].allocations(t); n != 2 {
		t.Errorf("%d allocations, want 2: nobody can have told it of the revocation", n)
	}
	if err := caller.enter(); err != nil {
		t.Error(err)
	}
	calls[1].relays(t)
	stalled()
	t.Logf("it ended the revoked allocation %v after the connection passed data again", f.relays[1].ends(t, 1))
	calls[1].relays(t)
	f.inService("ok")
}

// emptied puts an empty store in the place of the present one: the fleet goes on with what it knows, and with nothing of what others make of it.
func (f *fleet) emptied(t *testing.T, caller fleetUser) {
	t.Helper()
	f.store.kill()
	f.refusesToWrite()
	f.store.start(t.TempDir())
	f.inService("degraded")
	f.refusesToWrite()
	if err := caller.enter(); err != nil {
		t.Errorf("with an empty store: %v", err)
	}
	stranger := f.configureRelay(f.store.address())
	serve(t, stranger.admin, "--config", stranger.config) // makes buckets and keys of its own
	const told = "another store is in the place of the one that this process was started with"
	for i, l := range f.logs {
		eventually(t, fmt.Sprintf("relay %d tells of the other store", i+1), func() error {
			if !strings.Contains(l.String(), told) {
				return fmt.Errorf("it prints %s", l)
			}
			return nil
		})
	}
	if err := caller.enter(); err != nil {
		t.Errorf("with another store: %v", err)
	}
}
