package web

import (
	"net"
	"net/netip"
	"slices"
	"strings"
)

// Hosts are the names that a listener answers to; nil is every one.
type Hosts []string

// HostsOf are those of a listener at an address. On loopback these are localhost, the
// address itself and others: DNS rebinding, where a page's name comes to point at
// 127.0.0.1, makes a browser send that name. On other addresses, and on a socket, which
// has none, every name is right: a firewall decides who asks there.
func HostsOf(addr netip.Addr, others ...string) Hosts {
	if !addr.IsLoopback() {
		return nil
	}
	return append(Hosts{"localhost", "127.0.0.1", "::1", addr.String()}, others...)
}

// Answer says whether a request with this Host header is answered.
func (h Hosts) Answer(host string) bool {
	return h == nil || slices.ContainsFunc(h, func(name string) bool { return strings.EqualFold(name, hostname(host)) })
}

// hostname is a Host header without its port, and an IPv6 address without its brackets.
func hostname(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		return name
	}
	if name, ok := strings.CutPrefix(host, "["); ok {
		return strings.TrimSuffix(name, "]")
	}
	return host
}
