package main

import (
	"net/netip"

	"turnout/allocation"
	"turnout/relay"
)

// serverURLs are the URLs of listeners as clients reach them: stun: over UDP (RFC 7064), turn: over both (RFC 7065).
// A listener on a wildcard address is reached by the relay addresses of its family, one behind a NAT by its external address;
// one whose port is not known yet by none.
func serverURLs(listeners []relay.Listener, addresses []allocation.RelayAddress) (stun, turn []string) {
	for _, l := range listeners {
		if l.Addr.Port() == 0 {
			continue
		}
		for _, ip := range reachable(l.Addr.Addr(), addresses) {
			host := netip.AddrPortFrom(ip, l.Addr.Port()).String()
			if l.Transport == allocation.TCP {
				turn = append(turn, "turn:"+host+"?transport=tcp")
				continue
			}
			stun = append(stun, "stun:"+host)
			turn = append(turn, "turn:"+host+"?transport=udp")
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
