package main

import (
	"context"
	"errors"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"turnout/allocation"
	"turnout/relay"
)

const withAlternates = minimal + `alternates:
  - turn:192.0.2.9
  - {url: "turn:other.example:3479?transport=udp", weight: 3, domain: other.example}
drain:
  alternate: ["turns:[2001:db8::9]?transport=tcp", "turn:other.example"]
`

// TestAlternates looks names up at the start and every five minutes, and keeps what it knows where that fails.
func TestAlternates(t *testing.T) {
	name := file(t, withAlternates)
	c := newConsole(t)
	other4, other6 := netip.MustParseAddr("198.51.100.1"), netip.MustParseAddr("2001:db8::2")
	both := []allocation.Transport{allocation.UDP, allocation.TCP}
	literal := relay.Alternate{IPv4: netip.MustParseAddrPort("192.0.2.9:3478"), Transports: both}
	drain := relay.Alternate{IPv6: netip.MustParseAddrPort("[2001:db8::9]:5349"), Transports: []allocation.Transport{allocation.TLS}}
	looked := relay.Alternate{IPv4: netip.AddrPortFrom(other4, 3479), Weight: 3, Domain: "other.example", Transports: []allocation.Transport{allocation.UDP}}
	plain := relay.Alternate{IPv4: netip.AddrPortFrom(other4, 3478), Transports: both}
	synctest.Test(t, func(t *testing.T) {
		c.relay.ended, c.relay.broken, c.relay.found = make(chan struct{}), make(chan error), make(chan relay.Alternates)
		answers := [][]netip.Addr{{other4, netip.MustParseAddr("198.51.100.2")}, nil, {other6}}
		c.parts.lookup = func(_ context.Context, host string) ([]netip.Addr, error) {
			if host != "other.example" {
				t.Errorf("looked up %q", host)
			}
			found := answers[0]
			answers = answers[1:]
			if found == nil {
				return nil, errors.New("no answer")
			}
			return found, nil
		}
		ctx, cancel := context.WithCancel(context.Background())
		code := make(chan int)
		began := time.Now()
		go func() { code <- c.run(ctx, []string{"serve", "--config", name}) }()
		first := <-c.relay.found
		if want := (relay.Alternates{Full: []relay.Alternate{literal}, Draining: []relay.Alternate{drain}}); !reflect.DeepEqual(c.relay.config.Alternates, want) {
			t.Errorf("at the start: %+v, want %+v", c.relay.config.Alternates, want)
		}
		want := relay.Alternates{Full: []relay.Alternate{literal, looked}, Draining: []relay.Alternate{drain, plain}}
		if !reflect.DeepEqual(first, want) {
			t.Errorf("looked up: %+v, want %+v", first, want)
		}
		if second := <-c.relay.found; !reflect.DeepEqual(second, want) || time.Since(began) != lookupEvery {
			t.Errorf("after a failure: %+v", second)
		}
		looked.IPv4, plain.IPv4 = netip.AddrPort{}, netip.AddrPort{}
		looked.IPv6, plain.IPv6 = netip.AddrPortFrom(other6, 3479), netip.AddrPortFrom(other6, 3478)
		want = relay.Alternates{Full: []relay.Alternate{literal, looked}, Draining: []relay.Alternate{drain, plain}}
		if third := <-c.relay.found; !reflect.DeepEqual(third, want) || time.Since(began) != 2*lookupEvery {
			t.Errorf("the name's new address: %+v", third)
		}
		cancel()
		if got := <-code; got != exitOK || !strings.Contains(c.err.String(), "looking up an alternate failed") {
			t.Errorf("exit %d: %s", got, &c.err)
		}
	})
}
