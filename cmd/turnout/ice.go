package main

import (
	"net"
	"net/netip"
	"slices"
	"strconv"

	"turnout/allocation"
	"turnout/relay"
)

// serverURLs are the URLs of listeners as clients reach them: stun: over UDP (RFC 7064), turn: over UDP and TCP, turns: over TLS and
// DTLS (RFC 7065, RFC 7350 §4.6.1). A listener on a wildcard address is reached by the relay addresses of its family, one behind a
// NAT by its external address; one whose port is not known yet by none. Name is what the certificate is good for: clients compare it
// with the host of a turns: URL. It may be empty.
func serverURLs(listeners []relay.Listener, addresses []allocation.RelayAddress, name string) (stun, turn []string) {
	add := func(urls *[]string, url string) {
		if !slices.Contains(*urls, url) { // a name stands for the addresses of both families
			*urls = append(*urls, url)
		}
	}
	for _, l := range listeners {
		if l.Addr.Port() == 0 {
			continue
		}
		for _, ip := range reachable(l.Addr.Addr(), addresses) {
			host := netip.AddrPortFrom(ip, l.Addr.Port()).String()
			secured := host
			if name != "" {
				secured = net.JoinHostPort(name, strconv.Itoa(int(l.Addr.Port())))
			}
			switch l.Transport {
			case allocation.UDP:
				add(&stun, "stun:"+host)
				add(&turn, "turn:"+host+"?transport=udp")
			case allocation.TCP:
				add(&turn, "turn:"+host+"?transport=tcp")
			case allocation.TLS:
				add(&turn, "turns:"+secured+"?transport=tcp")
			case allocation.DTLS:
				add(&turn, "turns:"+secured+"?transport=udp")
			}
		}
	}
	return stun, turn
}

func reachable(listening netip.Addr, addresses []allocation.RelayAddress) []netip.Addr {
	var all []netip.Addr
	for _, a := range addresses {
		switch {
		case listening.IsUnspecified() && a.External.Is4() == listening.Is4():
			all = append(all, a.External)
		case listening == a.Bind:
			return []netip.Addr{a.External}
		}
	}
	if listening.IsUnspecified() {
		return all
	}
	return []netip.Addr{listening}
}
