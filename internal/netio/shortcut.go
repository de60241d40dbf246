package netio

import (
	"errors"
	"fmt"
)

// A Switch says whether a poller is to use a shortcut of the kernel.
type Switch uint8

const (
	SwitchAuto Switch = iota // where the kernel has it and is not known to get it wrong
	SwitchOn                 // NewPoller fails where the kernel does not have it
	SwitchOff                // never
)

// A Shortcut is a way through the kernel for many datagrams at once, as a poller has it.
type Shortcut struct {
	Enabled bool
	Reason  string // why it is not, as words for a log; empty while it is
}

// Shortcuts are those a poller knows. One that is enabled may be disabled later, once and for good, by an error that says
// that the kernel or the way to some destination does not have it; no datagram is lost by that.
type Shortcuts struct {
	GSO Shortcut // datagrams of one length to one destination leave as one message (UDP_SEGMENT)
	GRO Shortcut // and arrive as one, where a network card or a local sender put them together (UDP_GRO)
}

// choose decides for one shortcut by what is asked for, a fault that the kernel is known to have (empty for none), and what
// the kernel said when it was tried. A switch that is on overrules the fault, but not the kernel.
func choose(name string, s Switch, fault string, tried error) (Shortcut, error) {
	switch {
	case s == SwitchOff:
		return Shortcut{Reason: "switched off"}, nil
	case s == SwitchOn && tried != nil:
		return Shortcut{}, fmt.Errorf("%s is switched on and not possible here: %w", name, tried)
	case tried != nil:
		return Shortcut{Reason: "not possible here: " + tried.Error()}, nil
	case s == SwitchAuto && fault != "":
		return Shortcut{Reason: fault}, nil
	}
	return Shortcut{Enabled: true}, nil
}

// disable takes the shortcut out of use. It reports whether it was in use.
func (s *Shortcut) disable(reason string) bool {
	was := s.Enabled
	if was {
		*s = Shortcut{Reason: reason}
	}
	return was
}

var errNoShortcut = errors.New("this network has none of the kernel's shortcuts")

// noShortcuts are those of a network that has none, and an error if one of them is on.
func noShortcuts(c PollerConfig) (s Shortcuts, err error) {
	if s.GSO, err = choose("GSO", c.GSO, "", errNoShortcut); err != nil {
		return s, err
	}
	s.GRO, err = choose("GRO", c.GRO, "", errNoShortcut)
	return s, err
}
