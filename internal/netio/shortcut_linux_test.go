package netio

import (
	"testing"

	"golang.org/x/sys/unix"
)

func TestFaultOfGSO(t *testing.T) {
	t.Parallel()
	for release, faulty := range map[string]bool{
		"6.18.44-fc-v595":      false,
		"6.99.99":              false,
		"7.0.0":                true,
		"7.0-rc1":              true,
		"7.0.12-1-amd64":       true,
		"7.1":                  true,
		"7.1.4":                true,
		"7.1.4-200.fc45":       true,
		"7.1.5":                false,
		"7.1.5-generic":        false,
		"7.1.10":               false,
		"7.2.0":                false,
		"8.0.0":                false,
		"10.0.1":               false,
		"5.15.153.1-microsoft": false,
		"7.1.4.2-custom":       true,
		"7.":                   false,
		"":                     false,
		"unknown":              false,
		"4.4.0":                false,
	} {
		if got := faultOfGSO(release); (got != "") != faulty {
			t.Errorf("%q: %q, want faulty %v", release, got, faulty)
		}
	}
}

// This kernel has what a switch that is on asks for, or NewPoller says what it lacks. Only the latter may be.
func TestSwitches(t *testing.T) {
	t.Parallel()
	for _, option := range []struct {
		name      string
		number    int
		on        PollerConfig
		of        func(Shortcuts) Shortcut
		aggregate bool
	}{
		{"UDP_SEGMENT", unix.UDP_SEGMENT, PollerConfig{GSO: SwitchOn, GRO: SwitchOff}, func(s Shortcuts) Shortcut { return s.GSO }, false},
		{"UDP_GRO", unix.UDP_GRO, PollerConfig{GRO: SwitchOn, GSO: SwitchOff}, func(s Shortcuts) Shortcut { return s.GRO }, true},
	} {
		p, err := newPoller(option.on)
		if absent := try(option.number, 0, option.name); (err == nil) != (absent == nil) {
			t.Errorf("%s on: %v, where the option itself gives %v", option.name, err, absent)
		}
		if err != nil {
			continue
		}
		defer p.Close()
		if s := option.of(p.Shortcuts()); !s.Enabled || s.Reason != "" {
			t.Errorf("%s on: %+v", option.name, s)
		}
		off := linuxPollerOf(t, withoutShortcuts)
		if s := option.of(off.Shortcuts()); s.Enabled || s.Reason != "switched off" {
			t.Errorf("%s off: %+v", option.name, s)
		}
		s := linuxRelay(t, linuxLoopback4)
		for _, p := range []*poller{off, p} {
			if err := p.Add(s, 1); err != nil {
				t.Fatal(err)
			}
			got, err := unix.GetsockoptInt(s.fd, unix.SOL_UDP, unix.UDP_GRO)
			if want := p != off && option.aggregate; err != nil || got != 0 != want {
				t.Errorf("%s: UDP_GRO is %d, %v in a poller with %+v", option.name, got, err, p.Shortcuts())
			}
			if err := p.Remove(s); err != nil {
				t.Fatal(err)
			}
		}
	}
}
