package config

import (
	"fmt"
	"net/netip"
)

// checkDiscovery wants two addresses and two ports of each family, RFC 5780 §6.
func (l *loader) checkDiscovery() {
	seen := map[bool]string{}
	for i, d := range l.out.NATDiscovery.Alternate {
		key := fmt.Sprintf("nat-discovery.alternate[%d]", i)
		o, at := l.origin(key), d.Bind.AddrPort
		if l.about(key) || l.about("listen") {
			continue
		}
		first, found := l.firstUDP(at.Addr().Is4())
		switch {
		case !at.IsValid():
			l.wrong(o, key, "has no bind; write the address and port of this host, as {bind: \"10.0.0.5:3479\", external: %s}", d.External)
		case d.External.IsValid() && d.External.Is4() != at.Addr().Is4():
			l.wrong(o, key, "%s and %s are of different families; write one entry per family", at.Addr(), d.External)
		case at.Port() == 0 || at.Addr().IsUnspecified():
			l.wrong(o, key, "%s is not one address and port that clients are told; name both", at)
		case !found:
			l.wrong(o, key, "is of a family that listen has no udp listener of; add one, or remove it")
		case first.Addr().IsUnspecified():
			l.wrong(o, key, "needs a udp listener on one address, and udp://%s is on every one; write this host's address in listen", first)
		case first.Addr() == at.Addr() || first.Port() == at.Port():
			l.wrong(o, key, "%s must differ from udp://%s in address and port; clients look for what both change", at, first)
		case seen[at.Addr().Is4()] != "":
			l.wrong(o, key, "is of the family of %s; keep one of each", seen[at.Addr().Is4()])
		default:
			seen[at.Addr().Is4()] = key
		}
	}
}

// firstUDP is the listener whose second address nat-discovery gives.
func (l *loader) firstUDP(ipv4 bool) (netip.AddrPort, bool) {
	for _, ln := range l.out.Listen {
		if ln.Scheme == "udp" && ln.Addr.Addr().Is4() == ipv4 {
			return ln.Addr, true
		}
	}
	return netip.AddrPort{}, false
}
