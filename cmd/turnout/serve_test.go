package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"turnout/allocation"
	"turnout/auth"
	"turnout/internal/netio"
	"turnout/relay"
)

// serving runs serve until the test ends it: stop cancels its context, as a signal does, and gives the exit code.
func (c *console) serving(t *testing.T, args ...string) (stop func() int) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	code := make(chan int, 1)
	go func() { code <- c.run(ctx, append([]string{"serve"}, args...)) }()
	stop = func() int {
		cancel()
		return <-code
	}
	for deadline := time.Now().Add(time.Minute); c.out.String() == ""; {
		select {
		case got := <-code:
			code <- got
			return stop
		case <-time.After(time.Millisecond):
		}
		if time.Now().After(deadline) {
			t.Fatal("serve printed nothing")
		}
	}
	return stop
}

// TestServe is the first try: no configuration, a signal, exit 0.
func TestServe(t *testing.T) {
	t.Parallel()
	c := newConsole(t, "TURNOUT_ADMIN_LISTEN=127.0.0.1:0", "TURNOUT_API_LISTEN=http://127.0.0.1:0")
	stop := c.serving(t)
	if code := stop(); code != exitOK {
		t.Fatalf("exit %d: %s", code, &c.err)
	}
	got := c.out.String()
	for _, want := range []string{
		"No configuration: turnout serves this host only, and lets clients reach peers on loopback, as in no other mode.\n",
		"listening  udp://127.0.0.1:3478\nlistening  tcp://127.0.0.1:3478\nlistening  udp://[::1]:3478\nlistening  tcp://[::1]:3478\n",
		"relaying   127.0.0.1, ports 49152-65535\nrelaying   ::1, ports 49152-65535\n",
		"operator   http://127.0.0.1:",
		"keys       made just now, kept in " + c.environ[0][len("HOME="):] + "/.local/state/turnout/turnout.db\n",
		"service    http://127.0.0.1:",
		"\nexport TURNOUT_CONNECTION_STRING='endpoint=http://127.0.0.1:",
		"/#token=ey",
		"valid until 2026-11-21T13:00:00Z",
		`"username": "1795266000:operator"`,
		`"turn:[::1]:3478?transport=tcp"`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("stdout lacks %q:\n%s", want, got)
		}
	}
	// Serve is called by a goroutine of its own, so that its place among the others is nobody's choice.
	calls := slices.DeleteFunc(slices.Clone(c.relay.calls), func(call string) bool { return call == "Serve" })
	if want := []string{"Drain", "Shutdown"}; !slices.Equal(calls, want) || len(c.relay.calls) != len(want)+1 {
		t.Errorf("the relay was called %v, want Serve and %v", c.relay.calls, want)
	}
	for line := range strings.Lines(c.err.String()) {
		if !strings.HasPrefix(line, `{"time":`) {
			t.Errorf("stderr is no terminal and has %q", line)
		}
	}
	loopback := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	if !slices.Equal(c.relay.config.PeersAllow, loopback) {
		t.Errorf("peers allowed: %v", c.relay.config.PeersAllow)
	}
}

// TestServeWithoutIPv6 is the first try on a host that has none.
func TestServeWithoutIPv6(t *testing.T) {
	t.Parallel()
	c := newConsole(t, "TURNOUT_ADMIN_LISTEN=127.0.0.1:0", "TURNOUT_API_LISTEN=http://127.0.0.1:0")
	c.parts.hostAddresses = func() ([]netip.Addr, error) { return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil }
	if code := c.serving(t)(); code != exitOK {
		t.Fatalf("exit %d: %s", code, &c.err)
	}
	if len(c.relay.config.Listeners) != 2 || len(c.relay.config.RelayAddresses) != 1 {
		t.Errorf("got %+v", c.relay.config)
	}
	if code := c.run(context.Background(), []string{"credentials", "--user", "alice"}); code != exitOK || strings.Contains(c.out.String(), "::1") {
		t.Errorf("exit %d, and printed %s", code, &c.out)
	}
}

// TestReadiness asks /readyz before, while and after the relay listens.
func TestReadiness(t *testing.T) {
	t.Parallel()
	c := newConsole(t)
	ask := func(page string) string {
		client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
		r, err := client.Get("http://" + c.relay.config.OwnPorts[0].String() + page)
		if err != nil {
			return err.Error()
		}
		defer r.Body.Close()
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return err.Error()
		}
		return fmt.Sprint(r.StatusCode, " ", strings.TrimSpace(string(body)))
	}
	var before, after string
	c.relay.onStart = func(relay.Config) { before = ask("/readyz") }
	c.relay.onStop = func() { after = ask("/readyz") }
	stop := c.serving(t, "--config", file(t, minimal+"admin: {listen: 127.0.0.1:0}\nmetrics: {listen: 127.0.0.1:0}\n"))
	during := ask("/readyz")
	if code := stop(); code != exitOK {
		t.Fatalf("exit %d: %s", code, &c.err)
	}
	if before != `503 {"status":"starting"}` || during != `200 {"status":"ok"}` || after != `503 {"status":"draining"}` {
		t.Errorf("before %s, during %s, after %s", before, during, after)
	}
	if out := c.out.String(); !strings.Contains(out, "\noperator   http://127.0.0.1:") || !strings.Contains(out, "\nmetrics    http://127.0.0.1:") {
		t.Errorf("stdout does not tell the two apart:\n%s", out)
	}
	if len(c.relay.config.OwnPorts) != 2 {
		t.Errorf("own ports: %v", c.relay.config.OwnPorts)
	}
}

// TestServeFails gives every failure of the relay's and the operator's listeners a sentence that says what to do.
func TestServeFails(t *testing.T) {
	t.Parallel()
	held, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = held.Close() }) // after the parallel subtests
	good := file(t, minimal)
	for _, c := range []struct {
		what, want string
		args       []string
		prepare    func(*console)
	}{
		{"in use", "turnout: listen udp 192.0.2.1:3478: address already in use; another program listens there: stop it (ss -lnptu shows it), or listen on another port\n",
			nil, func(c *console) { c.relay.fail = fmt.Errorf("listen udp 192.0.2.1:3478: %w", netio.ErrAddrInUse) }},
		{"not permitted", "turnout: listen udp 192.0.2.1:80: permission denied; ports below 1024 need CAP_NET_BIND_SERVICE: grant it, or listen on a higher port\n",
			nil, func(c *console) { c.relay.fail = fmt.Errorf("listen udp 192.0.2.1:80: %w", netio.ErrPermission) }},
		{"no such address", "turnout: listen udp 192.0.2.9:3478: address is not one of this host; name an address of this host (ip address shows them), or 0.0.0.0 or [::] for all\n",
			nil, func(c *console) {
				c.relay.fail = fmt.Errorf("listen udp 192.0.2.9:3478: %w", netio.ErrAddrNotAvailable)
			}},
		{"too many files", "; raise the limit (ulimit -n, or LimitNOFILE= of the service)\n",
			nil, func(c *console) { c.relay.fail = fmt.Errorf("listen: %w", netio.ErrTooManyFiles) }},
		{"the operator's port in use", "turnout: admin.listen: listen tcp4 " + held.Addr().String() + ": bind: address already in use; another program listens there",
			[]string{"--set", "admin.listen=" + held.Addr().String()}, nil},
		{"the metrics' address is not ours", "turnout: metrics.listen: listen tcp4 192.0.2.77:0: bind: cannot assign requested address; name an address of this host",
			[]string{"--set", "metrics.listen=192.0.2.77:0"}, nil},
		{"no addresses", "turnout: list this host's addresses: input/output error\n",
			nil, func(c *console) { c.parts.hostAddresses = func() ([]netip.Addr, error) { return nil, syscall.EIO } }},
		{"no route", "turnout: relay.addresses is not set and this host has no default route",
			[]string{"--set", "relay.addresses=[]"}, func(c *console) { c.parts.routes = func() []netip.Addr { return nil } }},
	} {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			a := newConsole(t)
			if c.prepare != nil {
				c.prepare(a)
			}
			if code := a.run(context.Background(), append([]string{"serve", "--config", good}, c.args...)); code != exitFailure {
				t.Errorf("exit %d", code)
			}
			if !strings.Contains(a.err.String(), c.want) || a.out.String() != "" {
				t.Errorf("stderr %q, want %q in it; stdout %q", &a.err, c.want, &a.out)
			}
		})
	}
}

func TestStateFolderNotWritable(t *testing.T) {
	t.Parallel()
	c := newConsole(t, "XDG_STATE_HOME=/dev/null", "TURNOUT_ADMIN_LISTEN=127.0.0.1:0") // which comes before the store
	if code := c.run(context.Background(), []string{"serve"}); code != exitFailure || !strings.HasPrefix(c.err.String(), "turnout: open store: mkdir /dev/null: not a directory") {
		t.Errorf("exit %d: %s", code, &c.err)
	}
}

// TestUnreadableFileAdvice tells a file's permissions from a port's.
func TestUnreadableFileAdvice(t *testing.T) {
	t.Parallel()
	got := explain(fmt.Errorf("read configuration: %w", &os.PathError{Op: "open", Path: "/etc/turnout.yaml", Err: syscall.EACCES}))
	if want := "read configuration: open /etc/turnout.yaml: permission denied; give this user the right to it, or run turnout as one who has it"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestExplainSeveral gives each of several errors its own advice.
func TestExplainSeveral(t *testing.T) {
	t.Parallel()
	missing := &os.PathError{Op: "open", Path: "a", Err: syscall.ENOENT}
	for _, c := range []struct {
		err  error
		want string
	}{
		{errors.Join(missing, errors.New("nothing arrived")), "open a: no such file or directory; check the path\nnothing arrived"},
		{errors.Join(errors.New("nothing arrived"), fmt.Errorf("b: %w", errors.Join(missing))), "nothing arrived\nb: open a: no such file or directory; check the path"},
		{fmt.Errorf("%w, while %w", errors.New("it ended"), missing), "it ended, while open a: no such file or directory; check the path"},
	} {
		if got := explain(c.err); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

// TestRelayEnds has the relay fail, or end, while it serves.
func TestRelayEnds(t *testing.T) {
	t.Parallel()
	for _, fault := range []error{errors.New("poller is gone"), nil} {
		c := newConsole(t)
		c.relay.broken <- fault
		code := c.run(context.Background(), []string{"serve", "--config", file(t, minimal)})
		want := "turnout: the relay ended by itself\n"
		if fault != nil {
			want = "turnout: poller is gone\n"
		}
		if code != exitFailure || !strings.HasSuffix(c.err.String(), want) {
			t.Errorf("exit %d, stderr %q, want %q", code, &c.err, want)
		}
	}
}

// TestStuckShutdown has a relay that does not stop in time: the process ends all the same.
func TestStuckShutdown(t *testing.T) {
	name := file(t, minimal) // outside of the bubble, whose clock is virtual
	c := newConsole(t)
	synctest.Test(t, func(t *testing.T) {
		// Channels are made inside, so that the bubble knows who waits for them.
		gate := make(chan struct{})
		c.relay.onStop = func() { <-gate }
		c.relay.ended, c.relay.broken = make(chan struct{}), make(chan error)
		ctx, cancel := context.WithCancel(context.Background())
		code := make(chan int)
		began := time.Now()
		go func() { code <- c.run(ctx, []string{"serve", "--config", name}) }()
		synctest.Wait()
		cancel()
		if got := <-code; got != exitFailure || !strings.HasSuffix(c.err.String(), "turnout: did not stop within 5s; what was left is ended with the process\n") {
			t.Errorf("exit %d: %s", got, &c.err)
		}
		if took := time.Since(began); took != time.Second+hardStop { // a second passes until it is seen that no call is live
			t.Errorf("took %v", took)
		}
		close(gate) // and so every goroutine ends
	})
}

// TestDrain has a live call: it goes on until the deadline, or the second signal, and that is a clean end. /readyz says so
// at once.
func TestDrain(t *testing.T) {
	name := file(t, minimal+"drain: {deadline: 30m}\n")
	for _, hurry := range []time.Duration{0, 7 * time.Minute} {
		testDrain(t, name, hurry)
	}
}

func testDrain(t *testing.T, name string, hurry time.Duration) {
	c := newConsole(t)
	c.relay.live = true
	synctest.Test(t, func(t *testing.T) {
		again := make(chan struct{})
		c.again = again
		c.relay.ended, c.relay.broken = make(chan struct{}), make(chan error)
		ctx, cancel := context.WithCancel(context.Background())
		code := make(chan int)
		go func() { code <- c.run(ctx, []string{"serve", "--config", name}) }()
		synctest.Wait()
		began := time.Now()
		cancel()
		want := 30 * time.Minute
		if hurry > 0 {
			want = hurry
			synctest.Wait()
			if said := c.err.String(); !strings.Contains(said, `"sooner":"a second signal ends them at once"`) {
				t.Errorf("log: %s", said)
			}
			time.Sleep(hurry)
			close(again)
		}
		if got := <-code; got != exitOK {
			t.Errorf("exit %d: %s", got, &c.err)
		}
		if took := time.Since(began); took != want {
			t.Errorf("took %v, want %v", took, want)
		}
	})
}

// TestRelayConfig maps every key to the relay's field.
func TestRelayConfig(t *testing.T) {
	t.Parallel()
	c := newConsole(t)
	var keys []auth.Key
	c.parts.newKeyring = func(k ...auth.Key) (*auth.Keyring, error) {
		keys = k
		return new(auth.Keyring), nil
	}
	var verifier auth.VerifierConfig
	c.parts.newVerifier = func(v auth.VerifierConfig) (*auth.Verifier, error) {
		verifier = v
		return new(auth.Verifier), nil
	}
	network := netio.Network(new(fakeNetwork))
	c.parts.portable = func() netio.Network { return network }
	text := `realm: turnout.example
software: none
listen: [udp://0.0.0.0:3478, "tcp://[2001:db8::1]:3479", "udp://[2001:db8::1]:3479"]
relay:
  addresses: [{bind: 10.0.0.4, external: 203.0.113.7}]
  ports: 50000-50001
  batch: 3
  latency-sample: -1
  gso: off
  gro: auto
  lifetime: {default: 11m, max: 2h, total: 3h}
  channels: rfc5766
  tcp: {enabled: false, ports: [443, 1024-2000]}
  network: portable
nat-discovery: {alternate: {bind: "[2001:db8::2]:3480", external: "2001:db8::3"}}
peers: {allow: [10.0.0.0/8], deny: [10.1.0.0/16]}
auth: {secrets: [{id: new, secret: a-secret-of-some-length}, {id: old, secret: another-secret-of-some-length}], users: {alice: wonderland}, expiry: hard}
quota: {user: {allocations: 5, bandwidth: 60000000}, allocation: {bandwidth: 50000000}, total: {allocations: 6}}
classes: {gold: {allocations: 14, bandwidth: 150000000}}
limits: {new-peers: 15, permissions: 7, channels: 8, connections: 13, unauthenticated: {rate: 9, burst: 10}, backlog: {bytes: 70000, time: 12ms}}
mobility: true
alternates: [{url: "turn:192.0.2.9?transport=udp", weight: 3, domain: other.example}]
drain: {alternate: ["turns:[2001:db8::9]:3479"]}
log: {level: error}
`
	if code := c.serving(t, "--config", file(t, text))(); code != exitOK {
		t.Fatalf("exit %d: %s", code, &c.err)
	}
	got := c.relay.config
	want := relay.Config{
		Realm: "turnout.example", Software: "none", NoSoftware: true,
		Listeners: []relay.Listener{{Transport: allocation.UDP, Addr: netip.MustParseAddrPort("0.0.0.0:3478")},
			{Transport: allocation.TCP, Addr: netip.MustParseAddrPort("[2001:db8::1]:3479")},
			{Transport: allocation.UDP, Addr: netip.MustParseAddrPort("[2001:db8::1]:3479")}},
		RelayAddresses: []allocation.RelayAddress{{Bind: netip.MustParseAddr("10.0.0.4"), External: netip.MustParseAddr("203.0.113.7")}},
		PortMin:        50000, PortMax: 50001, Batch: 3, LatencySample: -1, GSO: netio.SwitchOff,
		DefaultLifetime: 11 * time.Minute, MaxLifetime: 2 * time.Hour, TotalLifetime: 3 * time.Hour,
		LegacyChannels: true, Expiry: relay.ExpiryHard, Mobility: true,
		Alternates: relay.Alternates{
			Full:     []relay.Alternate{{IPv4: netip.MustParseAddrPort("192.0.2.9:3478"), Weight: 3, Domain: "other.example", Transports: []allocation.Transport{allocation.UDP}}},
			Draining: []relay.Alternate{{IPv6: netip.MustParseAddrPort("[2001:db8::9]:3479"), Transports: []allocation.Transport{allocation.DTLS, allocation.TLS}}},
		},
		Discovery: []relay.DiscoveryAddress{{Bind: netip.MustParseAddrPort("[2001:db8::2]:3480"), External: netip.MustParseAddr("2001:db8::3")}},
		NoTCP:     true, TCPPorts: []relay.PortRange{{Min: 443, Max: 443}, {Min: 1024, Max: 2000}}, MaxConnections: 13,
		PeersAllow: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, PeersDeny: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")},
		HostAddresses:   []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.IPv6Loopback(), netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("10.0.0.4"), netip.MustParseAddr("203.0.113.7")},
		UserAllocations: 5, UserBandwidth: 60000000, Classes: map[string]relay.Class{"gold": {Allocations: 14, Bandwidth: 150000000}}, AllocationBandwidth: 50000000, TotalAllocations: 6, NewPeers: 15, MaxPermissions: 7, MaxChannels: 8,
		UnauthenticatedRate: 9, UnauthenticatedBurst: 10, BacklogBytes: 70000, BacklogTime: 12 * time.Millisecond,
		Network: network, Verifier: got.Verifier, Logger: got.Logger,
	}
	if got.Verifier == nil || got.Logger == nil || got.ListenStream == nil {
		t.Error("no verifier, no logger or no listeners")
	}
	got.ListenStream = nil // functions are never equal; TestTransports calls it
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
	if len(keys) != 2 || keys[0].ID != "new" || string(keys[0].Secret) != "a-secret-of-some-length" || keys[1].ID != "old" {
		t.Errorf("keys %v", keys)
	}
	if verifier.Realm != "turnout.example" || verifier.Keyring == nil || verifier.Users["alice"] != "wonderland" {
		t.Errorf("verifier of realm %q, keyring %v, %d users", verifier.Realm, verifier.Keyring, len(verifier.Users))
	}
}

type fakeNetwork struct{ netio.Network }

// TestRelayAddresses warns of addresses that are probably not meant.
func TestRelayAddresses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ addresses, want string }{
		{"[]", "the default route's address 10.0.0.4 is private"},
		{"[192.0.2.77]", "192.0.2.77 is not an address of this host"},
		{"[192.0.2.1]", ""},
		{"[{bind: 10.0.0.4, external: 203.0.113.7}]", ""},
	} {
		a := newConsole(t)
		if code := a.serving(t, "--config", file(t, minimal), "--set", "relay.addresses="+c.addresses)(); code != exitOK {
			t.Fatalf("%s: exit %d: %s", c.addresses, code, &a.err)
		}
		if got := a.err.String(); !strings.Contains(got, c.want) || c.want == "" && strings.Contains(got, "WARN") {
			t.Errorf("%s: logged %s, want %q", c.addresses, got, c.want)
		}
	}
}

// TestHost asks the host this runs on.
func TestHost(t *testing.T) {
	t.Parallel()
	own, err := hostAddresses()
	if err != nil || !slices.Contains(own, netip.MustParseAddr("127.0.0.1")) {
		t.Errorf("own addresses %v, %v", own, err)
	}
	for _, ip := range routes() {
		if !slices.Contains(own, ip) || ip.IsLoopback() {
			t.Errorf("the route's address %v is not one of %v", ip, own)
		}
	}
}

func TestLog(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ set, want string }{
		{"log.format=json", `"msg":"draining"`},
		{"log.format=text", "msg=draining"},
		{"log.level=warn", ""},
	} {
		a := newConsole(t)
		if code := a.serving(t, "--config", file(t, minimal), "--set", c.set)(); code != exitOK {
			t.Fatal(code)
		}
		if got := a.err.String(); !strings.Contains(got, c.want) || c.want == "" && got != "" {
			t.Errorf("%s: %q", c.set, got)
		}
		if strings.Contains(a.err.String()+a.out.String(), "a-secret-of-some-length") {
			t.Error("the secret shows")
		}
	}
}

// TestServePrintsNoCredentialsToALog: with a configuration and no terminal the
// output is a service's log.
func TestServePrintsNoCredentialsToALog(t *testing.T) {
	t.Parallel()
	c := newConsole(t, "TURNOUT_ADMIN_LISTEN=127.0.0.1:0")
	path := filepath.Join(t.TempDir(), "turnout.yaml")
	text := "listen: [udp://127.0.0.1:3478]\nrelay: {addresses: [127.0.0.1]}\nauth: {secrets: [abcdefghijklmnopqrstuvwxyzabcdefgh]}\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if code := c.serving(t, "--config", path)(); code != exitOK {
		t.Fatalf("exit %d: %s", code, &c.err)
	}
	if got := c.out.String(); !strings.Contains(got, "listening  udp://127.0.0.1:3478") || strings.Contains(got, "credential") {
		t.Errorf("stdout has %s", got)
	}
}
