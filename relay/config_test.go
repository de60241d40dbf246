package relay

import (
	"net/netip"
	"strings"
	"testing"

	"turnout/allocation"
	"turnout/auth"
)

// TestConfigRefuses gives New configurations with one thing wrong each.
func TestConfigRefuses(t *testing.T) {
	t.Parallel()
	for want, spoil := range map[string]func(*Config){
		"needs a realm":                 func(c *Config) { c.Realm = "" },
		"needs an address to listen on": func(c *Config) { c.Listeners = nil },
		"needs an address to relay":     func(c *Config) { c.RelayAddresses = nil },
		"needs a verifier":              func(c *Config) { c.Verifier = nil },
		"lifetime is shorter":           func(c *Config) { c.MaxLifetime = 1 },
		"text of SOFTWARE is not UTF-8": func(c *Config) { c.Software = "\xff" },
		"of at most 127 characters":     func(c *Config) { c.Software = strings.Repeat("ä", 128) },
	} {
		c := Config{
			Realm: "r", Verifier: new(auth.Verifier), Software: strings.Repeat("ä", 127),
			Listeners:      []Listener{{allocation.UDP, netip.MustParseAddrPort("127.0.0.1:0")}},
			RelayAddresses: relayAddresses("127.0.0.1"),
			Network:        &fakeNetwork{},
		}
		if err := c.withDefaults().check(); err != nil {
			t.Fatal(err)
		}
		spoil(&c)
		if _, err := New(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
