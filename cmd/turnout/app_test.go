package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"iter"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"turnout/allocation"
	"turnout/auth"
	"turnout/internal/netio"
	"turnout/relay"
)

var update = flag.Bool("update", false, "write the golden files")

// noon is when every test happens.
var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// A console is an app with its output kept, and a fake of everything behind it.
type console struct {
	*app
	out, err buffer
	relay    *fakeRelay
	hangUp   chan os.Signal // what it receives is a SIGHUP; nil: there is none
}

// A buffer may be written and read by several goroutines.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// newConsole has a home of its own, and a host with the addresses 192.0.2.1 and 10.0.0.4.
func newConsole(t *testing.T, environ ...string) *console {
	t.Helper()
	c := &console{relay: newFakeRelay()}
	c.app = &app{
		stdout: &c.out, stderr: &c.err,
		stdin:   strings.NewReader(""),
		environ: append([]string{"HOME=" + t.TempDir()}, environ...),
		now:     func() time.Time { return noon },
		hangUps: func() (<-chan os.Signal, func()) { return c.hangUp, func() {} },
		parts: parts{
			newRelay:    c.relay.start,
			newKeyring:  auth.NewKeyring,
			newVerifier: func(auth.VerifierConfig) (*auth.Verifier, error) { return new(auth.Verifier), nil },
			issue: func(_ *auth.Keyring, g auth.Grant, now time.Time) (auth.Credential, error) {
				return auth.Credential{Username: fmt.Sprintf("%d:%s", g.Expires.Unix(), g.Subject), Password: "cGFzc3dvcmQ+/w==", Expires: g.Expires}, nil
			},
			newIssuer: auth.NewIssuer,
			portable:  func() netio.Network { return nil },
			hostAddresses: func() ([]netip.Addr, error) {
				return []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.IPv6Loopback(), netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("10.0.0.4")}, nil
			},
			routes: func() []netip.Addr { return []netip.Addr{netip.MustParseAddr("10.0.0.4")} },
		},
	}
	return c
}

// file writes a configuration and gives its path.
func file(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "turnout.yaml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

const minimal = "listen: [udp://192.0.2.1:3478, tcp://192.0.2.1:3478]\nauth: {secrets: [a-secret-of-some-length]}\nrelay: {addresses: 192.0.2.1}\n"

// A fakeRelay serves nobody.
type fakeRelay struct {
	config  relay.Config
	fail    error         // of start
	broken  chan error    // a value ends Serve with it
	ended   chan struct{} // closed by Shutdown
	onStart func(relay.Config)
	onStop  func()
	live    bool                  // a call is
	hangs   bool                  // a worker does
	found   chan relay.Alternates // given to SetAlternates

	mu    sync.Mutex
	calls []string
}

func newFakeRelay() *fakeRelay {
	return &fakeRelay{broken: make(chan error, 1), ended: make(chan struct{})}
}

func (f *fakeRelay) start(c relay.Config) (relayServer, error) {
	f.config = c
	if f.onStart != nil {
		f.onStart(c)
	}
	return f, f.fail
}

// Reload takes what start would.
func (f *fakeRelay) Reload(c relay.Config) error {
	f.called("Reload")
	if f.fail != nil {
		return f.fail
	}
	f.config = c
	return nil
}

func (f *fakeRelay) called(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, name)
}

func (f *fakeRelay) Addrs() []relay.Listener {
	bound := append([]relay.Listener(nil), f.config.Listeners...)
	for i := range bound {
		if bound[i].Addr.Port() == 0 {
			bound[i].Addr = netip.AddrPortFrom(bound[i].Addr.Addr(), 40000+uint16(i))
		}
	}
	return bound
}

func (f *fakeRelay) Serve(ctx context.Context) error {
	f.called("Serve")
	select {
	case <-ctx.Done():
		return nil
	case <-f.ended:
		return nil
	case err := <-f.broken:
		return err
	}
}

func (f *fakeRelay) Shutdown(ctx context.Context) error {
	f.called("Shutdown")
	if f.onStop != nil {
		f.onStop()
	}
	if f.live {
		<-ctx.Done() // only the deadline ends the call
		close(f.ended)
		return ctx.Err()
	}
	close(f.ended)
	return nil
}

func (f *fakeRelay) EndSubject(subject string, _ time.Time) int {
	f.called("EndSubject " + subject)
	return 1
}

func (f *fakeRelay) EndUsername(username string) int {
	f.called("EndUsername " + username)
	return 1
}

func (f *fakeRelay) EndAllOf(subject string) int {
	f.called("EndAllOf " + subject)
	return 1
}

func (f *fakeRelay) End(_ context.Context, id allocation.ID) bool {
	f.called("End " + id.String())
	return true
}

func (f *fakeRelay) Allocations(context.Context, relay.Filter) iter.Seq[relay.AllocationInfo] {
	return func(func(relay.AllocationInfo) bool) {}
}

func (f *fakeRelay) Allocation(context.Context, allocation.ID) (d relay.AllocationDetail, ok bool) {
	return d, false
}

func (f *fakeRelay) Drain()                           { f.called("Drain") }
func (f *fakeRelay) Undrain() bool                    { f.called("Undrain"); return true }
func (f *fakeRelay) Ready() bool                      { return true }
func (f *fakeRelay) SetAlternates(a relay.Alternates) { f.found <- a }
func (f *fakeRelay) Stats() relay.Stats {
	if f.live {
		return relay.Stats{Allocations: 1}
	}
	return relay.Stats{}
}

func (f *fakeRelay) Survey(context.Context) error { return nil }

func (f *fakeRelay) Alive(ctx context.Context) error {
	if f.hangs {
		<-ctx.Done()
		return ctx.Err()
	}
	return nil
}

// TestExit runs commands that end by themselves.
func TestExit(t *testing.T) {
	t.Parallel()
	oauth := file(t, withOAuth)
	good, wrong := file(t, minimal), file(t, "listn: []\nrealm: 'a\"b'\n")
	users := file(t, "listen: [udp://192.0.2.1:3478]\nauth: {users: {alice: wonderland}}\nrelay: {addresses: 192.0.2.1}\n")
	for _, c := range []struct {
		args           string
		code           int
		stdout, stderr string // contained; empty: nothing at all is written there
	}{
		{"", exitUsage, "", "turnout: turnout needs a command, of bench, config, credentials, keys, serve, token, top, user, version; see turnout --help\n"},
		{"sevre", exitUsage, "", "turnout: turnout has no command \"sevre\"; did you mean serve?\n"},
		{"config", exitUsage, "", "turnout: turnout config needs a command, of check, example, print; see turnout config --help\n"},
		{"token", exitUsage, "", "turnout: turnout token needs a command, of mint, oauth, verify; see turnout token --help\n"},
		{"token oauth --config " + good, exitUsage, "", "turnout: auth.oauth has no keys to make a token with"},
		{"token oauth --ttl 0s --config " + good, exitUsage, "", "turnout: --ttl 0s is too short; give at least 1s\n"},
		{"token oauth --kid west --config " + oauth, exitUsage, "", "turnout: no key of an authorization server has kid \"west\"\n"},
		{"token oauth --config " + oauth, exitOK, "\"access_token\": ", "takes the first 32"},
		{"config chek", exitUsage, "", "turnout: turnout config has no command \"chek\"; did you mean check?\n"},
		{"config zzz", exitUsage, "", "turnout: turnout config has no command \"zzz\", but check, example, print\n"},
		{"serve now", exitUsage, "", "turnout: serve does not take \"now\"; see turnout serve --help\n"},
		{"serve --confg x", exitUsage, "", "turnout: serve: unknown flag: --confg; see turnout serve --help\n"},
		{"--confg", exitUsage, "", "turnout: unknown flag: --confg; see turnout --help\n"},
		{"token mint --user", exitUsage, "", "turnout: token mint: flag needs an argument: --user; see turnout token mint --help\n"},
		{"token mint alice", exitUsage, "", "turnout: token mint does not take \"alice\"; see turnout token mint --help\n"},
		{"user revoke", exitUsage, "", "turnout: user revoke needs ID; see turnout user revoke --help\n"},
		{"user delete a b", exitUsage, "", "turnout: user delete does not take \"b\"; see turnout user delete --help\n"},
		{"keys rotate --lead 1m", exitUsage, "", "turnout: keys rotate needs secrets|access-keys|token-keys; see turnout keys rotate --help\n"},
		{"--help", exitOK, "Usage:\n", ""},
		{"credentials --help", exitOK, "--ttl", ""},
		{"version", exitOK, "turnout ", ""},
		{"config example", exitOK, "# turnout's configuration.", ""},
		{"config check", exitOK, "ok\n", ""},
		{"config check --config " + good, exitOK, "ok\n", ""},
		{"config check --config " + good + " --set relay.workers=two", exitUsage, "", "turnout: --set: relay.workers: \"two\" is not a whole number"},
		{"config check --config " + wrong, exitUsage, "", "turnout: " + wrong + ": listen: names no listener"},
		{"config check --config " + wrong, exitUsage, "", "\nturnout: " + wrong + ":1: listn: unknown key; did you mean listen?\nturnout: " + wrong + ":2: realm:"},
		{"config check --config /does/not/exist", exitFailure, "", "turnout: read configuration: open /does/not/exist: no such file or directory; check the path\n"},
		{"config check --config " + t.TempDir(), exitFailure, "", ": is a directory\n"},
		{"config print --config " + good, exitOK, "secret: \"***\"", ""},
		{"serve --config " + wrong, exitUsage, "", ":1: listn: unknown key"},
		{"serve --config /does/not/exist", exitFailure, "", "no such file"},
		{"credentials --config " + good, exitUsage, "", "turnout: credentials needs --user ID or --token JWT, whom they are for\n"},
		{"credentials --user a --ttl 0s --config " + good, exitUsage, "", "turnout: --ttl 0s is too short; give at least 1s\n"},
		{"credentials --user a --ttl soon --config " + good, exitUsage, "", "invalid argument \"soon\""},
		{"credentials --user a --format xml --config " + good, exitUsage, "", "turnout: --format \"xml\" is not known; give json, env or table\n"},
		{"credentials --user a --config " + wrong, exitUsage, "", ":1: listn"},
		{"credentials --user a --config " + users, exitUsage, "", "turnout: auth.secrets is empty, and credentials are derived from a secret; add one, or log in as a user of auth.users\n"},
		{"credentials --user a --set listen=udp://192.0.2.1:0 --config " + good, exitUsage, "", "turnout: no URL can be made of the listeners"},
		{"credentials --user a --config " + good, exitOK, "iceServers", ""},
	} {
		t.Run(c.args, func(t *testing.T) {
			t.Parallel()
			a := newConsole(t)
			if code := a.run(context.Background(), strings.Fields(c.args)); code != c.code {
				t.Errorf("exit %d, want %d", code, c.code)
			}
			for _, o := range []struct{ name, got, want string }{{"stdout", a.out.String(), c.stdout}, {"stderr", a.err.String(), c.stderr}} {
				if o.want == "" && o.got != "" || !strings.Contains(o.got, o.want) {
					t.Errorf("%s is %q, want %q in it", o.name, o.got, o.want)
				}
			}
		})
	}
}

// TestWarnings are told on standard error by the commands that log nothing.
func TestWarnings(t *testing.T) {
	t.Parallel()
	weak := file(t, "listen: [udp://192.0.2.1:3478]\nauth: {secrets: [hush]}\nrelay: {addresses: 192.0.2.1}\n")
	for _, args := range []string{"config check", "config print", "credentials --user a"} {
		a := newConsole(t)
		if code := a.run(context.Background(), append(strings.Fields(args), "--config", weak)); code != exitOK {
			t.Errorf("%s: exit %d: %s", args, code, &a.err)
		}
		if want := "turnout: warning: " + weak + ":2: auth.secrets[0]: is shorter than 16 characters"; !strings.HasPrefix(a.err.String(), want) {
			t.Errorf("%s: stderr %q, want %q", args, &a.err, want)
		}
		if strings.Contains(a.err.String()+a.out.String(), "hush") {
			t.Errorf("%s shows the secret", args)
		}
	}
}
