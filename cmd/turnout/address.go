package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"turnout/allocation"
	"turnout/internal/config"
)

// host asks for this host's addresses.
func (a *app) host() ([]netip.Addr, error) {
	own, err := a.parts.hostAddresses()
	if err != nil {
		return nil, fmt.Errorf("list this host's addresses: %w", err)
	}
	return own, nil
}

// relayAddresses are the addresses relayed ports are taken from: those named, else the source address of the default route, per
// family. Own are this host's addresses. What is probably not meant is told through warn.
func (a *app) relayAddresses(l *config.Loaded, own []netip.Addr, warn func(text string)) ([]allocation.RelayAddress, error) {
	var all []allocation.RelayAddress
	for _, r := range l.Relay.Addresses {
		if l.Local && !slices.Contains(own, r.Bind.Addr) {
			continue // a host without IPv6: the first try works on IPv4
		}
		if !slices.Contains(own, r.Bind.Addr) && !r.Bind.IsLoopback() {
			warn(fmt.Sprintf("relay.addresses: %s is not an address of this host, so that no port can be opened on it; behind a NAT write {bind: an address of this host, external: %[1]s}", r.Bind))
		}
		all = append(all, allocation.RelayAddress{Bind: r.Bind.Addr, External: r.External.Addr})
	}
	if len(all) > 0 {
		return all, nil
	}
	for _, ip := range a.parts.routes() {
		all = append(all, allocation.RelayAddress{Bind: ip, External: ip})
		if ip.IsPrivate() || sharedSpace.Contains(ip) {
			warn(fmt.Sprintf("relay.addresses is not set, and the default route's address %s is private; if clients come from elsewhere, write {bind: %[1]s, external: the public address}", ip))
		}
	}
	if len(all) == 0 {
		return nil, errors.New("relay.addresses is not set and this host has no default route to take an address from; name an address of this host in relay.addresses")
	}
	return all, nil
}

// sharedSpace is RFC 6598's space for carriers' NATs.
var sharedSpace = netip.MustParsePrefix("100.64.0.0/10")

// routes are the source addresses of the default routes. Connecting a UDP socket asks the routing table and sends nothing.
func routes() []netip.Addr {
	var all []netip.Addr
	for _, r := range []struct{ network, elsewhere string }{
		{"udp4", "192.0.2.1:9"}, // documentation addresses: routed like any other, and nobody's
		{"udp6", "[2001:db8::1]:9"},
	} {
		c, err := net.Dial(r.network, r.elsewhere)
		if err != nil {
			continue // no route for this family
		}
		ip := c.LocalAddr().(*net.UDPAddr).AddrPort().Addr()
		_ = c.Close() // nothing was sent, nothing can be lost
		if ip.IsGlobalUnicast() && ip.Zone() == "" {
			all = append(all, ip.Unmap())
		}
	}
	return all
}

// hostAddresses are the addresses of all interfaces.
func hostAddresses() ([]netip.Addr, error) {
	nets, err := net.InterfaceAddrs()
	if err != nil {
		return nil, err
	}
	var all []netip.Addr
	for _, n := range nets {
		if p, err := netip.ParsePrefix(n.String()); err == nil {
			all = append(all, p.Addr().Unmap())
		}
	}
	return all, nil
}
