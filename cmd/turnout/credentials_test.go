package main

import (
	"context"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"turnout/allocation"
	"turnout/relay"
)

// TestCredentials compares whole answers with testdata.
func TestCredentials(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ golden, args, config string }{
		{"credentials.json", "--user 8:acs:alice", minimal},
		{"credentials.env", "--user alice --ttl 10m --format env", minimal},
		{"credentials_quoted.env", "--user a'b$(c) --format env", minimal},
		{"credentials_tilde.env", "--user ~root --format env", minimal},
		{"credentials.txt", "--user alice --ttl 24h --format table", minimal},
		{"credentials_wildcard.json", "--user alice",
			"listen: [udp://0.0.0.0:3478, tcp://0.0.0.0:3478, \"udp://[::]:3478\"]\nauth: {secrets: [a-secret-of-some-length]}\nrelay: {addresses: [{bind: 10.0.0.4, external: 203.0.113.7}, \"2001:db8::1\"]}\n"},
		{"credentials_tcp_only.json", "--user alice",
			"listen: tcp://192.0.2.1:3478\nauth: {secrets: [a-secret-of-some-length]}\nrelay: {addresses: 192.0.2.1}\n"},
	} {
		t.Run(c.golden, func(t *testing.T) {
			t.Parallel()
			a := newConsole(t)
			if code := a.run(context.Background(), append([]string{"credentials", "--config", file(t, c.config)}, strings.Fields(c.args)...)); code != exitOK {
				t.Fatalf("exit %d: %s", code, &a.err)
			}
			golden := "testdata/" + c.golden
			if *update {
				if err := os.WriteFile(golden, []byte(a.out.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if a.out.String() != string(want) {
				t.Errorf("got\n%s\nwant\n%s", &a.out, want)
			}
		})
	}
}

// TestCredentialsWithoutConfiguration takes the secret that serve takes, whichever comes first.
func TestCredentialsWithoutConfiguration(t *testing.T) {
	t.Parallel()
	a := newConsole(t)
	for range 2 {
		if code := a.run(context.Background(), []string{"credentials", "--user", "alice"}); code != exitOK {
			t.Fatalf("exit %d: %s", code, &a.err)
		}
	}
	home := a.environ[0][len("HOME="):]
	if _, err := os.Stat(home + "/.local/state/turnout/turnout.db"); err != nil {
		t.Error(err)
	}
	if !strings.Contains(a.out.String(), `"turn:127.0.0.1:3478?transport=udp"`) {
		t.Errorf("got %s", &a.out)
	}
}

func TestServerURLs(t *testing.T) {
	t.Parallel()
	udp := func(s string) relay.Listener {
		return relay.Listener{Transport: allocation.UDP, Addr: netip.MustParseAddrPort(s)}
	}
	nat := allocation.RelayAddress{Bind: netip.MustParseAddr("10.0.0.4"), External: netip.MustParseAddr("203.0.113.7")}
	six := allocation.RelayAddress{Bind: netip.MustParseAddr("2001:db8::1"), External: netip.MustParseAddr("2001:db8::1")}
	for _, c := range []struct {
		what      string
		listener  relay.Listener
		addresses []allocation.RelayAddress
		turn      []string
	}{
		{"an address", udp("192.0.2.1:3478"), nil, []string{"turn:192.0.2.1:3478?transport=udp"}},
		{"IPv6", udp("[2001:db8::1]:3478"), nil, []string{"turn:[2001:db8::1]:3478?transport=udp"}},
		{"behind a NAT", udp("10.0.0.4:3478"), []allocation.RelayAddress{six, nat}, []string{"turn:203.0.113.7:3478?transport=udp"}},
		{"a wildcard", udp("0.0.0.0:3478"), []allocation.RelayAddress{six, nat}, []string{"turn:203.0.113.7:3478?transport=udp"}},
		{"an IPv6 wildcard", udp("[::]:3478"), []allocation.RelayAddress{nat, six}, []string{"turn:[2001:db8::1]:3478?transport=udp"}},
		{"a wildcard without an address of its family", udp("[::]:3478"), []allocation.RelayAddress{nat}, nil},
		{"a port not known yet", udp("192.0.2.1:0"), nil, nil},
	} {
		stun, turn := serverURLs([]relay.Listener{c.listener}, c.addresses, "")
		if !slices.Equal(turn, c.turn) {
			t.Errorf("%s: %v, want %v", c.what, turn, c.turn)
		}
		for i, u := range turn {
			if want := "stun:" + strings.TrimSuffix(strings.TrimPrefix(u, "turn:"), "?transport=udp"); len(stun) <= i || stun[i] != want {
				t.Errorf("%s: %v, want %s", c.what, stun, want)
			}
		}
	}
	if stun, turn := serverURLs([]relay.Listener{{Transport: allocation.TCP, Addr: netip.MustParseAddrPort("192.0.2.1:3478")}}, nil, "turn.test"); len(stun) != 0 || turn[0] != "turn:192.0.2.1:3478?transport=tcp" {
		t.Errorf("TCP: %v %v", stun, turn)
	}
}
