package relay

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"turnout/allocation"
	"turnout/stun"
)

// A DiscoveryAddress is the second address and port that NAT discovery answers
// from, of one address family (RFC 5780 §6).
type DiscoveryAddress struct {
	Bind     netip.AddrPort // differs in address and port from the family's first UDP listener
	External netip.Addr     // what clients are told in place of Bind's address, behind a 1:1 NAT. If zero, Bind's.
}

// A vantage is one of the four addresses of a family that NAT discovery sends
// from: two addresses times two ports (RFC 5780 §6.1). Immutable.
type vantage struct {
	origin   netip.AddrPort // as clients know it
	listener *listener
	changed  [4]*vantage // what CHANGE-REQUEST selects: itself, the other IP, the other port, both
}

// Bits of the index of vantage.changed.
const (
	changeIP   = 1
	changePort = 2
)

// selects is where a response is sent from, after "change IP" and "change port".
// RFC 5780 §6.1, table 1.
func (v *vantage) selects(ip, port bool) *vantage {
	i := 0
	if ip {
		i |= changeIP
	}
	if port {
		i |= changePort
	}
	return v.changed[i]
}

// discoveryAttributes are understood in a Binding request at a vantage.
// RFC 5780 §7.
var discoveryAttributes = stun.NewAttributeSet(stun.AttrChangeRequest, stun.AttrPadding, stun.AttrResponsePort)

// listenDiscovery opens what the alternates need besides the listeners. Where that
// cannot be, discovery is off for the family: RFC 5780 §6 wants no OTHER-ADDRESS
// then, and 420 for CHANGE-REQUEST.
func (s *Server) listenDiscovery(c Config, first *settings) error {
	for _, alternate := range c.Discovery {
		primary, err := first.primary(alternate.Bind)
		if err != nil {
			return fmt.Errorf("nat discovery at %s: %w", alternate.Bind, err)
		}
		vantages, opened, err := s.openVantages(c, first, primary, alternate)
		if err != nil {
			s.log.Warn("NAT discovery is off: its sockets cannot be opened", "alternate", alternate.Bind, "error", err)
			continue
		}
		for i, l := range opened {
			if err := s.hearFirst(l); err != nil {
				discardAll(opened[i+1:])
				return err
			}
			first.vantages = append(first.vantages, l)
		}
		for i, v := range vantages {
			for change := range v.changed {
				v.changed[change] = vantages[i^change]
			}
			v.listener.vantage = v
		}
	}
	return nil
}

// primary is the listener whose alternate one is: the family's first by UDP.
func (s *settings) primary(alternate netip.AddrPort) (netip.AddrPort, error) {
	for _, listener := range s.listeners {
		l := listener.at
		if l.Transport != allocation.UDP || l.Addr.Addr().Is4() != alternate.Addr().Is4() {
			continue
		}
		switch {
		case l.Addr.Addr().IsUnspecified():
			return l.Addr, fmt.Errorf("udp listener %s is no single address", l.Addr)
		case l.Addr.Addr() == alternate.Addr(), l.Addr.Port() == alternate.Port():
			return l.Addr, fmt.Errorf("address and port must both differ from udp listener %s", l.Addr)
		}
		if listener.vantage != nil {
			return l.Addr, errors.New("the family has one already")
		}
		return l.Addr, nil
	}
	return netip.AddrPort{}, errors.New("no udp listener of the family")
}

// openVantages opens those of the four addresses that are no listeners already, all
// or none. Vantages are in the order of the bits of vantage.changed.
func (s *Server) openVantages(c Config, first *settings, primary netip.AddrPort, alternate DiscoveryAddress) (vantages [4]*vantage, opened []*listener, err error) {
	addrs := [2]netip.Addr{primary.Addr(), alternate.Bind.Addr()}
	ports := [2]uint16{primary.Port(), alternate.Bind.Port()}
	for i := range vantages {
		at := netip.AddrPortFrom(addrs[i&changeIP], ports[i>>1])
		listener := first.listenerAt(at)
		if listener == nil {
			if listener, err = s.openListener(c, Listener{allocation.UDP, at}); err != nil {
				discardAll(opened)
				return vantages, nil, err
			}
			opened = append(opened, listener)
			at = listener.at.Addr
			ports[i>>1] = at.Port() // where any would do, the same of both addresses
		}
		vantages[i] = &vantage{
			listener: listener,
			origin:   netip.AddrPortFrom(c.external(at.Addr(), alternate), at.Port()),
		}
	}
	return vantages, opened, nil
}

func discardAll(opened []*listener) {
	for _, l := range opened {
		l.discard()
	}
}

// listenerAt is the UDP listener at an address, nil if there is none.
func (s *settings) listenerAt(at netip.AddrPort) *listener {
	for _, l := range slices.Concat(s.listeners, s.vantages) {
		if l.at.Transport == allocation.UDP && l.at.Addr == at {
			return l
		}
	}
	return nil
}

// external is the address by which clients know one that sockets are bound to.
func (c *Config) external(bound netip.Addr, alternate DiscoveryAddress) netip.Addr {
	if bound == alternate.Bind.Addr() && alternate.External.IsValid() {
		return alternate.External
	}
	for _, r := range c.RelayAddresses {
		if r.Bind == bound && r.External.IsValid() {
			return r.External
		}
	}
	return bound
}
