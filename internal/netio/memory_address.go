package netio

import (
	"fmt"
	"net/netip"
	"slices"
)

var (
	loopback4 = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	loopback6 = netip.IPv6Loopback()
)

// plain is the address in the form Packet promises: IPv4 never mapped into IPv6, no zone.
func plain(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
}

// wildcardOf is the wildcard address of a's family.
func wildcardOf(a netip.Addr) netip.Addr {
	if a.Is6() {
		return netip.IPv6Unspecified()
	}
	return netip.IPv4Unspecified()
}

// ownLocked says whether a is an address of this host.
func (m *Memory) ownLocked(a netip.Addr) bool {
	return len(m.hosts) == 0 || slices.Contains(m.hosts, a)
}

// sourceLocked is the address this host sends from where a socket is bound to none.
func (m *Memory) sourceLocked(v6 bool) netip.Addr {
	for _, h := range m.hosts {
		if h.Is6() == v6 {
			return h
		}
	}
	if v6 {
		return loopback6
	}
	return loopback4
}

// bindableLocked checks an address the relay asks to bind, but for its port.
func (m *Memory) bindableLocked(addr netip.AddrPort) error {
	a := addr.Addr()
	if !a.IsValid() || !a.IsUnspecified() && !m.ownLocked(a) {
		return fmt.Errorf("bind %s: %w", addr, ErrAddrNotAvailable)
	}
	return nil
}

// pickPortLocked fills in port 0 with one that is free, and says ErrAddrInUse where there is none or the given one is not.
func (m *Memory) pickPortLocked(addr netip.AddrPort, free func(netip.AddrPort) bool) (netip.AddrPort, error) {
	if addr.Port() != 0 {
		if m.occupied[addr.Port()] || !free(addr) {
			return addr, fmt.Errorf("bind %s: %w", addr, ErrAddrInUse)
		}
		return addr, nil
	}
	for range lastFreePort - firstFreePort + 1 {
		candidate := netip.AddrPortFrom(addr.Addr(), m.nextPort)
		if m.nextPort++; m.nextPort > lastFreePort {
			m.nextPort = firstFreePort
		}
		if !m.occupied[candidate.Port()] && free(candidate) {
			return candidate, nil
		}
	}
	return addr, fmt.Errorf("bind %s: no port is free: %w", addr, ErrAddrInUse)
}

// udpFreeLocked says whether the relay may bind addr. A wildcard address overlaps every other on its port.
func (m *Memory) udpFreeLocked(addr netip.AddrPort) bool {
	if m.udp[addr] != nil {
		return false
	}
	wildcard := netip.AddrPortFrom(wildcardOf(addr.Addr()), addr.Port())
	if addr == wildcard {
		return m.udpPorts[portOf(addr)] == 0
	}
	return m.udp[wildcard] == nil
}

// tcpFreeLocked is udpFreeLocked for a listener.
func (m *Memory) tcpFreeLocked(addr netip.AddrPort) bool {
	for bound := range m.listeners {
		if portOf(bound) == portOf(addr) &&
			(bound.Addr() == addr.Addr() || bound.Addr().IsUnspecified() || addr.Addr().IsUnspecified()) {
			return false
		}
	}
	return true
}

func portOf(addr netip.AddrPort) memoryPort {
	return memoryPort{port: addr.Port(), v6: addr.Addr().Is6()}
}
