//go:build unix

package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pion/turn/v4"
)

// A process is turnout in a process of its own.
type process struct {
	*exec.Cmd
	out, err buffer
	ended    chan error
}

// serveProcess starts turnout serve, and ends it with the test.
func serveProcess(t *testing.T, config string) *process {
	t.Helper()
	p := &process{Cmd: exec.Command(os.Args[0], "serve", "--config", config), ended: make(chan error, 1)}
	p.Env = []string{asCommand + "=1", "HOME=" + t.TempDir()}
	p.Stdout, p.Stderr = &p.out, &p.err
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.ended <- p.Wait()
	}()
	t.Cleanup(func() {
		_ = p.Process.Kill() // it may have ended
		<-done
	})
	return p
}

// listening waits for an address that it says it listens on.
func (p *process) listening(t *testing.T, scheme string) (at string) {
	t.Helper()
	shape := regexp.MustCompile(`listening  ` + scheme + `://(\S+)\n`)
	await(t, "the listener", func() bool {
		m := shape.FindStringSubmatch(p.out.String())
		if m != nil {
			at = m[1]
		}
		return m != nil
	})
	return at
}

// logs waits for text in its log.
func (p *process) logs(t *testing.T, text string) {
	t.Helper()
	await(t, fmt.Sprintf("%q in the log", text), func() bool { return strings.Contains(p.err.String(), text) })
}

// dialTURN is a client of a relay, by UDP.
func dialTURN(t *testing.T, at, user, password string) *turn.Client {
	t.Helper()
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	client, err := turn.NewClient(&turn.ClientConfig{TURNServerAddr: at, Conn: conn, Username: user, Password: password})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close(); _ = conn.Close() })
	if err := client.Listen(); err != nil {
		t.Fatal(err)
	}
	return client
}

// TestReloadProcess sends SIGHUP to a turnout in a process of its own in the middle of a call: the call goes on, who may log in
// changes, a listener is added, a broken file changes nothing; and SIGTERM waits for the call still.
func TestReloadProcess(t *testing.T) {
	t.Parallel()
	const rest = "relay: {addresses: 127.0.0.1}\npeers: {allow: [127.0.0.0/8]}\n"
	name := file(t, rest+"listen: [\"udp://127.0.0.1:0\"]\nauth: {users: {alice: wonderland}}\n")
	p := serveProcess(t, name)
	at := p.listening(t, "udp")
	peer, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	relayed, err := dialTURN(t, at, "alice", "wonderland").Allocate()
	if err != nil {
		t.Fatal(err)
	}
	said := 0
	say := func() { // to the peer, and back
		t.Helper()
		said++
		text := fmt.Appendf(nil, "%d times", said)
		if _, err := relayed.WriteTo(text, peer.LocalAddr()); err != nil {
			t.Fatal(err)
		}
		heard := make([]byte, 100)
		for _, side := range []net.PacketConn{peer, relayed} {
			if err := side.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
				t.Fatal(err)
			}
			n, from, err := side.ReadFrom(heard)
			if err != nil || !bytes.Equal(heard[:n], text) {
				t.Fatalf("heard %q, %v", heard[:n], err)
			}
			if side == peer {
				if _, err := peer.WriteTo(heard[:n], from); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	say()
	hangUp := func() {
		t.Helper()
		if err := p.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}

	rewrite(t, name, rest+"listen: [\"udp://127.0.0.1:0\", \"tcp://127.0.0.1:0\"]\nauth: {users: {bob: builder}}\nrelay.workers: 9\n")
	hangUp()
	p.logs(t, name+`:5: relay.workers: unknown key`)
	if _, err := dialTURN(t, at, "bob", "builder").Allocate(); err == nil {
		t.Error("bob is in a configuration that cannot be used")
	}
	say()

	rewrite(t, name, rest+"listen: [\"udp://127.0.0.1:0\", \"tcp://127.0.0.1:0\"]\nauth: {users: {bob: builder-of-houses}}\n")
	hangUp()
	p.logs(t, `"msg":"reloaded"`)
	p.logs(t, `"changed":["listen","auth.users"]`)
	if _, err := dialTURN(t, at, "alice", "wonderland").Allocate(); err == nil {
		t.Error("alice logs in, who was taken out")
	}
	other, err := dialTURN(t, at, "bob", "builder-of-houses").Allocate()
	if err != nil {
		t.Fatalf("bob was put in, and: %v", err)
	}
	say()

	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	p.logs(t, `"msg":"draining"`)
	say()
	for _, one := range []net.PacketConn{relayed, other} {
		if err := one.Close(); err != nil { // deletes the allocation
			t.Error(err)
		}
	}
	select {
	case err := <-p.ended:
		if err != nil {
			t.Errorf("it ended with %v: %s", err, &p.err)
		}
	case <-time.After(30 * time.Second):
		t.Errorf("it has not ended: %s", &p.err)
	}
}
