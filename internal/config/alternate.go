package config

import (
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
)

// An Alternate is another server that clients are sent to. In the file it is a TURN URL, or a mapping.
type Alternate struct {
	// Where it is: turn:host:port?transport=udp, host being a name or an address; turns: is for clients that come by TLS (tcp)
	// or DTLS (udp). Without a transport it serves both; without a port it is 3478, or 5349 of turns:. Names are looked up
	// at the start and every five minutes.
	URL TURNURL `key:"url"`
	// Its share of the clients, against that of the others. If zero, 1.
	Weight int `key:"weight" min:"0" max:"1000000"`
	// Name in its certificate, for clients that come by TLS or DTLS. If absent, clients expect the name they know.
	Domain string `key:"domain"`
}

// UnmarshalText reads a URL alone.
func (a *Alternate) UnmarshalText(text []byte) error { return a.URL.UnmarshalText(text) }

// A TURNURL is a URL of a TURN server (RFC 7065). The zero value is none.
type TURNURL struct {
	Secure    bool   // turns:
	Host      string // name or address, IPv6 without brackets
	Port      uint16
	Transport string // udp or tcp; empty: both
}

// UnmarshalText reads turn:host:port?transport=udp, of which port and transport may be left out, or turns:.
func (u *TURNURL) UnmarshalText(text []byte) error {
	s := string(text)
	scheme, rest, ok := strings.Cut(s, ":")
	if !ok || scheme != "turn" && scheme != "turns" {
		return fmt.Errorf("%s is no TURN URL; write one as turn:other.example:3478?transport=udp", quote(s))
	}
	rest, query, _ := strings.Cut(rest, "?")
	read := TURNURL{Secure: scheme == "turns"}
	switch query {
	case "":
	case "transport=udp", "transport=tcp":
		read.Transport = strings.TrimPrefix(query, "transport=")
	default:
		return fmt.Errorf("%s has %s; a transport is ?transport=udp or ?transport=tcp", quote(s), quote("?"+query))
	}
	host, port, err := net.SplitHostPort(rest)
	if err != nil { // without a port
		host, port = strings.TrimSuffix(strings.TrimPrefix(rest, "["), "]"), read.defaultPort()
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return fmt.Errorf("%s has no valid port; write one as turn:other.example:3478", quote(s))
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		if ip.Is4In6() || ip.IsUnspecified() || bindable(ip) != nil {
			return fmt.Errorf("%s is no address that clients could use; name the server's own", quote(host))
		}
	} else if !hostName(host) {
		return fmt.Errorf("%s is neither a host's name nor its address; write one as turn:other.example:3478", quote(host))
	}
	read.Host, read.Port = host, uint16(n)
	*u = read
	return nil
}

// defaultPort is the one of a URL without a port (RFC 7065 §3.1).
func (u TURNURL) defaultPort() string {
	if u.Secure {
		return "5349"
	}
	return "3478"
}

// Transports are those between clients and the server: of udp, tcp, tls and dtls.
func (u TURNURL) Transports() []string {
	all := map[bool][]string{false: {"udp", "tcp"}, true: {"dtls", "tls"}}[u.Secure]
	switch u.Transport {
	case "udp":
		return all[:1]
	case "tcp":
		return all[1:]
	}
	return all
}

// MarshalText writes the URL whole, or nothing for none.
func (u TURNURL) MarshalText() ([]byte, error) {
	if u.Host == "" {
		return nil, nil
	}
	s := "turn:"
	if u.Secure {
		s = "turns:"
	}
	s += net.JoinHostPort(u.Host, strconv.Itoa(int(u.Port)))
	if u.Transport != "" {
		s += "?transport=" + u.Transport
	}
	return []byte(s), nil
}

var hostLabel = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$`)

// hostName says whether s can be the name of a host: labels of letters, digits and hyphens, and a last one that is no
// number (RFC 1123 §2.1). ALTERNATE-DOMAIN carries no other (RFC 8489 §14.16).
func hostName(s string) bool {
	labels := strings.Split(s, ".")
	for _, label := range labels {
		if !hostLabel.MatchString(label) {
			return false
		}
	}
	_, err := strconv.ParseUint(labels[len(labels)-1], 10, 64)
	return len(s) <= 255 && err != nil
}

// checkAlternates looks at both lists of servers that clients are sent to.
func (l *loader) checkAlternates() {
	for _, list := range []struct {
		key string
		of  []Alternate
	}{{"alternates", l.out.Alternates}, {"drain.alternate", l.out.Drain.Alternate}} {
		for i := range list.of {
			l.checkAlternate(fmt.Sprintf("%s[%d]", list.key, i), &list.of[i])
		}
	}
}

func (l *loader) checkAlternate(key string, a *Alternate) {
	switch {
	case l.about(key):
		return
	case a.URL.Host == "":
		l.wrong(l.origin(key), key, "has no url; write one as turn:other.example:3478?transport=udp")
	case a.Domain != "" && !hostName(a.Domain):
		l.wrong(l.origin(key+".domain"), key+".domain", "%s is not the name of a host; write one as other.example", quote(a.Domain))
	}
	ip, err := netip.ParseAddr(a.URL.Host)
	for i, ln := range l.out.Listen {
		if err == nil && ln.Addr == netip.AddrPortFrom(ip, a.URL.Port) {
			l.wrong(l.origin(key), key, "is this server itself (listen[%d]), which clients were just refused by; name another", i)
			return
		}
	}
}
