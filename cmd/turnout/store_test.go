package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"turnout/auth/identity"
	"turnout/internal/ports"
)

// TestStoreUnusable starts on a store that is damaged, somebody else's or in use: one sentence, exit 1, and the file is as it was.
func TestStoreUnusable(t *testing.T) {
	t.Parallel()
	whole := filepath.Join(t.TempDir(), storeFile)
	b, err := identity.OpenBolt(whole)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := identity.AccessKeys(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	page := os.Getpagesize()
	for name, c := range map[string]struct {
		text []byte
		used bool
		want string
	}{
		"no store":    {bytes.Repeat([]byte("a text of somebody's\n"), 2000), false, "is damaged and was left as it is"},
		"half of one": {good[:len(good)/2/page*page], false, "is damaged and was left as it is"},
		"zeros":       {make([]byte, len(good)), false, "is damaged and was left as it is"},
		"nothing":     {nil, false, "is damaged and was left as it is"},
		"in use":      {good, true, "in use by another process"},
	} {
		for _, command := range []string{"serve", "user list"} {
			dir := t.TempDir()
			at := filepath.Join(dir, storeFile)
			if err := os.WriteFile(at, c.text, 0o600); err != nil {
				t.Fatal(err)
			}
			want := c.want
			if c.used {
				other, err := identity.OpenBolt(at)
				if err != nil {
					t.Fatal(err)
				}
				defer other.Close()
				if command == "user list" {
					want = "a running service has the store" // and its connection string is what helps
				}
			}
			before, err := os.ReadFile(at)
			if err != nil {
				t.Fatal(err)
			}
			config := file(t, minimal+"api: {listen: \"http://127.0.0.1:0\", advertise: \"turn:192.0.2.1:3478\"}\nstore: {path: "+dir+"}\n")
			r := newConsole(t)
			r.parts = realParts
			code := r.run(t.Context(), append(strings.Fields(command), "--config", config))
			said := strings.TrimSpace(r.err.String())
			if code != exitFailure || !strings.Contains(said, want) || strings.Count(said, "\n") != 0 || strings.Contains(said, "panic") {
				t.Errorf("%s, %s: exit %d, want 1 and %q in one line:\n%s", name, command, code, want, said)
			}
			if after, err := os.ReadFile(at); err != nil || !bytes.Equal(before, after) {
				t.Errorf("%s, %s: the file was changed (%v)", name, command, err)
			}
			if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
				t.Errorf("%s, %s: %d files are there (%v)", name, command, len(left), err)
			}
		}
	}
}

// TestAwaitStore starts before the store does, and is told to stop while it waits.
func TestAwaitStore(t *testing.T) {
	t.Parallel()
	nowhere := "127.0.0.1:" + ports.One(t)
	r := newConsole(t)
	r.parts, r.now = realParts, time.Now
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	code := make(chan int, 1)
	config := file(t, "listen: [udp://127.0.0.1:0]\nrelay: {addresses: 127.0.0.1}\nadmin: {listen: \"127.0.0.1:0\"}\nstore: {nats: {url: \"nats://me:hidden@"+nowhere+"\"}}\n")
	go func() { code <- r.run(ctx, []string{"serve", "--config", config}) }()
	for !strings.Contains(r.err.String(), "waiting for the store") {
		select {
		case c := <-code:
			t.Fatalf("exit %d: %s", c, &r.err)
		case <-time.After(10 * time.Millisecond):
		}
	}
	if text := r.err.String(); !strings.Contains(text, nowhere) || strings.Contains(text, "hidden") || strings.Contains(r.out.String(), "listening") {
		t.Errorf("%s%s", text, &r.out)
	}
	cancel()
	if c := <-code; c != exitOK {
		t.Errorf("exit %d: %s", c, &r.err)
	}
	// A command does not wait.
	command := newConsole(t)
	command.parts, command.now = realParts, time.Now
	api := file(t, minimal+"api: {listen: \"http://127.0.0.1:0\", advertise: \"turn:192.0.2.1:3478\"}\nstore: {nats: {url: \"nats://"+nowhere+"\"}}\n")
	if c := command.run(t.Context(), []string{"user", "list", "--config", api}); c != exitFailure || !strings.Contains(command.err.String(), "connect to NATS") {
		t.Errorf("exit %d: %s", c, &command.err)
	}
}
