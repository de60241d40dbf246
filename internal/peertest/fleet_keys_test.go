package peertest

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// TestFleetKeys rotates every key of a fleet while users come and go: none is refused.
func TestFleetKeys(t *testing.T) {
	peers(t)
	t.Parallel()
	f := startFleet(t)
	early := f.user() // its token is of the first key
	calls := early.allocate()
	var over atomic.Bool
	var entered atomic.Int64
	var load sync.WaitGroup
	for range 2 {
		load.Go(func() {
			for !over.Load() {
				u, err := f.newUser()
				if err == nil {
					err = u.enter()
				}
				if err != nil {
					t.Error(err)
					return
				}
				entered.Add(1)
			}
		})
	}
	connection := func() string {
		return "TURNOUT_CONNECTION_STRING=endpoint=" + f.service + "/;accesskey=" + f.signsWith()
	}
	more := func(n int64) {
		t.Helper()
		from := entered.Load()
		eventually(t, "more users enter", func() error {
			if got := entered.Load() - from; got < n && !t.Failed() {
				return fmt.Errorf("%d users, want %d", got, n)
			}
			return nil
		})
	}
	for round := range 2 {
		before := currentKeys(ask(t, connection(), "keys", "list"))
		if len(before) != 3 {
			t.Fatalf("current keys: %v", before)
		}
		for _, purpose := range []string{"secrets", "token-keys"} {
			ask(t, connection(), "keys", "rotate", purpose, "--lead", "4s")
		}
		f.sign(ask(t, connection(), "keys", "rotate", "access-keys", "--lead", "4s"))
		more(5)
		eventually(t, "every new key is in use", func() error {
			after := currentKeys(ask(t, connection(), "keys", "list"))
			for purpose, id := range before {
				if after[purpose] == id || after[purpose] == "" {
					return fmt.Errorf("the current one of %s is %q", purpose, after[purpose])
				}
			}
			return nil
		})
		more(5)
		t.Logf("round %d: %d users entered; keys now:\n%s", round+1, entered.Load(), ask(t, connection(), "keys", "list"))
	}
	over.Store(true)
	load.Wait()
	for _, c := range calls {
		c.relays(t)
	}
	if err := early.enter(); err != nil {
		t.Errorf("with a token of the first key: %v", err)
	}
	// A secret that has leaked is ended at once, on every relay.
	username, password := early.credential()
	ask(t, connection(), "keys", "rotate", "secrets", "--at-once")
	for i, r := range f.relays {
		took := eventually(t, "the old secret is refused", func() error {
			if err := visit(r.address, username, password); err == nil || !strings.Contains(err.Error(), "401") {
				return fmt.Errorf("an allocation with a credential of the old secret: %v", err)
			}
			return nil
		})
		t.Logf("relay %d refuses credentials of the old secret after %v", i+1, took)
		calls[i].relays(t) // what is live goes on
	}
	if err := early.enter(); err != nil {
		t.Errorf("with a new credential: %v", err)
	}
}

// currentKeys are the ids of the keys that issue or sign, by purpose, of what turnout keys list prints.
func currentKeys(list string) map[string]string {
	current := map[string]string{}
	for line := range strings.Lines(list) {
		if f := strings.Fields(line); strings.Contains(line, "  current") {
			current[f[0]] = f[1]
		}
	}
	return current
}
