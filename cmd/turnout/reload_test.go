package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"turnout/relay"
)

// await waits until what is so.
func await(t *testing.T, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !so(); {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
		select {
		case <-t.Context().Done():
			t.Fatal("the test is over")
		case <-time.After(time.Millisecond):
		}
	}
}

// logs waits for text in the log.
func (c *console) logs(t *testing.T, text string) {
	t.Helper()
	await(t, fmt.Sprintf("%q in the log", text), func() bool { return strings.Contains(c.err.String(), text) })
}

// rewrite replaces a file as editors do: all at once.
func rewrite(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name+".new", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(name+".new", name); err != nil {
		t.Fatal(err)
	}
}

// TestReloadOnSignal has SIGHUP apply what can be, name what cannot, and leave everything as it was where the file is broken or
// the relay refuses.
func TestReloadOnSignal(t *testing.T) {
	t.Parallel()
	name := file(t, minimal)
	c := newConsole(t)
	c.hangUp = make(chan os.Signal)
	stop := c.serving(t, "--config", name)
	before := c.relay.config

	rewrite(t, name, minimal+"quota: {user: {allocations: 7}}\nmetrics: {listen: 127.0.0.1:9479}\nadmin: {listen: 127.0.0.1:9478}\n")
	c.hangUp <- syscall.SIGHUP
	c.logs(t, `"msg":"reloaded","cause":"SIGHUP"`)
	c.logs(t, `"changed":["quota.user.allocations"]`) // whoever was first: the file is looked at, too
	c.logs(t, `reload: metrics.listen needs a restart: it stays not set`)
	if got := c.relay.config.UserAllocations; got != 7 {
		t.Errorf("the quota is %d", got)
	}
	if c.relay.config.Verifier == nil || len(c.relay.config.Listeners) != len(before.Listeners) {
		t.Errorf("the relay was given %+v", c.relay.config)
	}

	rewrite(t, name, minimal+"\nquota: {user: {allocations: many}}\n")
	c.hangUp <- syscall.SIGHUP
	c.logs(t, name+`:5: quota.user.allocations: \"many\" is not a whole number`)
	c.relay.fail = errors.New("the relay would rather not")
	rewrite(t, name, minimal+"quota: {user: {allocations: 8}}\n")
	c.hangUp <- syscall.SIGHUP
	c.logs(t, "the relay would rather not")
	if got := c.relay.config.UserAllocations; got != 7 {
		t.Errorf("the quota is %d", got)
	}
	if code := stop(); code != exitOK {
		t.Errorf("exit %d: %s", code, &c.err)
	}
}

// TestReloadOnChange has a change of the file, and of one that it names, apply by itself.
func TestReloadOnChange(t *testing.T) {
	t.Parallel()
	secret := file(t, "a-secret-of-some-length\n")
	name := file(t, strings.Replace(minimal, "a-secret-of-some-length", "{file: "+secret+"}", 1))
	c := newConsole(t)
	stop := c.serving(t, "--config", name)
	first := c.relay.config.Verifier
	rewrite(t, name, strings.Replace(minimal, "a-secret-of-some-length", "{file: "+secret+"}", 1)+"peers: {allow: [10.9.0.0/16]}\n")
	c.logs(t, `"msg":"reloaded","cause":"file changed","changed":["peers.allow"]`)
	if want := netip.MustParsePrefix("10.9.0.0/16"); len(c.relay.config.PeersAllow) != 1 || c.relay.config.PeersAllow[0] != want {
		t.Errorf("peers %v", c.relay.config.PeersAllow)
	}
	rewrite(t, secret, "another-secret-of-some-length\n")
	c.logs(t, `"msg":"reloaded","cause":"file changed","changed":["auth.secrets"]`)
	if c.relay.config.Verifier == first {
		t.Error("the relay has the verifier that it had")
	}
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	c.logs(t, "read configuration: open "+name)
	if got := c.err.String(); strings.Contains(got, "another-secret") {
		t.Error("the secret is in the log")
	}
	if code := stop(); code != exitOK {
		t.Errorf("exit %d: %s", code, &c.err)
	}
}

// TestHangUpWhileStartingAndEnding has SIGHUP heard from before the relay is made until after it has ended: at any other time
// the signal would end the process.
func TestHangUpWhileStartingAndEnding(t *testing.T) {
	t.Parallel()
	c := newConsole(t)
	var heard atomic.Bool
	c.hangUps = func() (<-chan os.Signal, func()) {
		heard.Store(true)
		return nil, func() { heard.Store(false) }
	}
	c.relay.onStart = func(relay.Config) {
		if !heard.Load() {
			t.Error("the relay is made and SIGHUP is not heard")
		}
	}
	ignored := make(chan struct{})
	c.relay.onStop = func() {
		defer close(ignored)
		if !heard.Load() {
			t.Error("the relay drains and SIGHUP is not heard")
		}
	}
	stop := c.serving(t, "--config", file(t, minimal))
	if code := stop(); code != exitOK {
		t.Errorf("exit %d: %s", code, &c.err)
	}
	<-ignored
	if heard.Load() {
		t.Error("SIGHUP is taken from a process that has ended")
	}
}

// TestReloadGoesByWhatWasSeen has a change of the files count as it was found twice, though somebody writes again meanwhile.
func TestReloadGoesByWhatWasSeen(t *testing.T) {
	t.Parallel()
	name := file(t, "whole")
	seen := look(map[string][sha256.Size]byte{name: {}})
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r := reading{seen: seen}
	text, err := r.ReadFile(name)
	if err != nil || string(text) != "whole" {
		t.Errorf("read %q, %v", text, err)
	}
	if r.remembered()[name] != sumOf([]byte("whole"), nil) {
		t.Error("what was read is not what is remembered, so that the next change would not be seen")
	}
}

// TestReloadLevel has the log tell less, and then more again.
func TestReloadLevel(t *testing.T) {
	t.Parallel()
	name := file(t, minimal)
	c := newConsole(t)
	c.hangUp = make(chan os.Signal)
	stop := c.serving(t, "--config", name)
	for _, level := range []string{"error", "warn"} {
		rewrite(t, name, minimal+"log: {level: "+level+"}\n")
		c.hangUp <- syscall.SIGHUP
	}
	rewrite(t, name, minimal)
	c.hangUp <- syscall.SIGHUP
	c.logs(t, `"changed":["log.level"]`)
	if code := stop(); code != exitOK {
		t.Errorf("exit %d: %s", code, &c.err)
	}
	if n := strings.Count(c.err.String(), `"changed":["log.level"]`); n != 1 {
		t.Errorf("%d changes were told of, want the last: at warn and error there is none:\n%s", n, &c.err)
	}
}

// TestReloadDeadline has a call that a changed drain.deadline cuts.
func TestReloadDeadline(t *testing.T) {
	t.Parallel()
	name := file(t, minimal)
	c := newConsole(t)
	c.hangUp = make(chan os.Signal)
	c.relay.live = true
	stop := c.serving(t, "--config", name)
	rewrite(t, name, minimal+"drain: {deadline: 1s}\n")
	c.hangUp <- syscall.SIGHUP
	c.logs(t, `"changed":["drain.deadline"]`)
	began := time.Now()
	if code := stop(); code != exitOK {
		t.Errorf("exit %d: %s", code, &c.err)
	}
	if took := time.Since(began); took > 10*time.Minute { // of the hour that it was
		t.Errorf("took %v", took)
	}
}

// TestReloadService has the service go by other keys and tell other URLs, the tokens and users that it made before going on.
func TestReloadService(t *testing.T) {
	t.Parallel()
	const other = "b25lLW90aGVyLWtleS1vZi10aGUtdGVzdCBhbG9uZQ=="
	c, name, service, _, stop := offering(t, "")
	ask := func(key string) (code int, out string) {
		asking := newConsole(t, connectionVariable+"="+connectionString(service, decoded(t, key)))
		asking.parts, asking.now = realParts, time.Now
		code = asking.run(t.Context(), []string{"credentials", "--user", "alice"})
		return code, asking.out.String() + asking.err.String()
	}
	if code, out := ask(accessKey); code != exitOK || !strings.Contains(out, "turn:127.0.0.1:") {
		t.Fatalf("exit %d: %s", code, out)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	rewrite(t, name, strings.Replace(string(text), "["+accessKey+"]", "["+other+"]\n  advertise: [\"turn:turn.example.org:3478\"]", 1))
	c.logs(t, `"changed":["api.access-keys","api.advertise"]`)
	if code, out := ask(accessKey); code == exitOK {
		t.Errorf("the old key is good still: %s", out)
	}
	if code, out := ask(other); code != exitOK || !strings.Contains(out, "turn:turn.example.org:3478") {
		t.Errorf("exit %d: %s", code, out)
	}
	if code := stop(); code != exitOK {
		t.Errorf("exit %d: %s", code, &c.err)
	}
}
