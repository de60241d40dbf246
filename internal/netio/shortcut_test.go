package netio

import (
	"errors"
	"strings"
	"testing"
)

func TestChooseShortcut(t *testing.T) {
	t.Parallel()
	absent := errors.New("no such option")
	for _, c := range []struct {
		name    string
		s       Switch
		fault   string
		tried   error
		enabled bool
		reason  string
		err     string
	}{
		{name: "auto", s: SwitchAuto, enabled: true},
		{name: "on", s: SwitchOn, enabled: true},
		{name: "off", s: SwitchOff, reason: "switched off"},
		{name: "auto, absent", s: SwitchAuto, tried: absent, reason: "not possible here: no such option"},
		{name: "on, absent", s: SwitchOn, tried: absent, err: "GSO is switched on and not possible here: no such option"},
		{name: "off, absent", s: SwitchOff, tried: absent, reason: "switched off"},
		{name: "auto, faulty", s: SwitchAuto, fault: "faulty", reason: "faulty"},
		{name: "on, faulty", s: SwitchOn, fault: "faulty", enabled: true},
		{name: "off, faulty", s: SwitchOff, fault: "faulty", reason: "switched off"},
	} {
		got, err := choose("GSO", c.s, c.fault, c.tried)
		if got != (Shortcut{c.enabled, c.reason}) {
			t.Errorf("%s: %+v, want %v and %q", c.name, got, c.enabled, c.reason)
		}
		if (err == nil) != (c.err == "") || err != nil && (err.Error() != c.err || !errors.Is(err, absent)) {
			t.Errorf("%s: error %v, want %q", c.name, err, c.err)
		}
	}
}

// A network without shortcuts says so, and refuses to be told that it has one.
func TestNetworksWithoutShortcuts(t *testing.T) {
	t.Parallel()
	for _, n := range []Network{Portable(), NewMemory()} {
		for _, c := range []PollerConfig{{}, {GSO: SwitchOff, GRO: SwitchOff}} {
			p, err := n.NewPoller(c)
			if err != nil {
				t.Fatal(err)
			}
			if s := p.Shortcuts(); s.GSO.Enabled || s.GRO.Enabled || s.GSO.Reason == "" || s.GRO.Reason == "" {
				t.Errorf("%T: %+v", n, s)
			}
			if err := p.Close(); err != nil {
				t.Error(err)
			}
		}
		for _, c := range []PollerConfig{{GSO: SwitchOn}, {GRO: SwitchOn}} {
			if p, err := n.NewPoller(c); err == nil || p != nil || !strings.Contains(err.Error(), "is switched on and not possible here") {
				t.Errorf("%T with %+v: %v, %v", n, c, p, err)
			}
		}
	}
}
