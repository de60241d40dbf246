package admin

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// hostCheck lets a listener on loopback answer to its own names only: DNS rebinding, where a page's name comes to point at
// 127.0.0.1, makes a browser send that name. On other addresses every name is right: a firewall decides who asks there.
func hostCheck(addr netip.Addr, names []string, next http.Handler) http.Handler {
	if !addr.IsLoopback() {
		return next
	}
	allowed := append([]string{"localhost", "127.0.0.1", "::1", addr.String()}, names...)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// HTTP/1.0 may name no host, and health checks do; a browser always does.
		if r.Host != "" && !slices.ContainsFunc(allowed, func(name string) bool { return strings.EqualFold(name, hostname(r.Host)) }) {
			refuse(w, http.StatusMisdirectedRequest, "MisdirectedRequest", "This listener answers to localhost and 127.0.0.1 only.")
			return
		}
		next.ServeHTTP(w, r)
	})
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
