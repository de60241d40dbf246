package config

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// A Listener is one address clients are served on: scheme://address:port.
type Listener struct {
	Scheme string         // udp, tcp, tls or dtls
	Addr   netip.AddrPort // a wildcard address means every interface of its family
}

// UnmarshalText reads scheme://address:port.
func (l *Listener) UnmarshalText(text []byte) error {
	s := string(text)
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok {
		at := s
		if _, err := netip.ParseAddrPort(s); err != nil {
			at = "192.0.2.1:3478" // what was written lacks more than a scheme
		}
		return fmt.Errorf("%s has no scheme; write udp://%s or tcp://%[2]s", quote(s), at)
	}
	switch scheme {
	case "udp", "tcp", "tls", "dtls":
	default:
		return fmt.Errorf("%s is not a scheme turnout listens with; use udp://, tcp://, tls:// or dtls://", quote(scheme))
	}
	a, err := parseAddrPort(rest, scheme+"://")
	if err != nil {
		return err
	}
	*l = Listener{scheme, a}
	return nil
}

// MarshalText writes scheme://address:port.
func (l Listener) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

func (l Listener) String() string { return l.Scheme + "://" + l.Addr.String() }

// Network is the protocol below: udp or tcp.
func (l Listener) Network() string {
	if l.Scheme == "udp" || l.Scheme == "dtls" {
		return "udp"
	}
	return "tcp"
}

// Secured says whether the listener shows a certificate.
func (l Listener) Secured() bool { return l.Scheme == "tls" || l.Scheme == "dtls" }

// An Address is an address and a port of this host. The zero value is none.
type Address struct{ netip.AddrPort }

// UnmarshalText reads address:port, or nothing for none.
func (a *Address) UnmarshalText(text []byte) (err error) {
	if len(text) == 0 {
		a.AddrPort = netip.AddrPort{}
		return nil
	}
	a.AddrPort, err = parseAddrPort(string(text), "")
	return err
}

// MarshalText writes address:port, or nothing for none.
func (a Address) MarshalText() ([]byte, error) {
	if !a.IsValid() {
		return nil, nil
	}
	return []byte(a.String()), nil
}

// parseAddrPort reads an address that a socket of this host can be bound to.
func parseAddrPort(s, scheme string) (netip.AddrPort, error) {
	if port, ok := strings.CutPrefix(strings.TrimPrefix(s, "*"), ":"); ok && !strings.Contains(port, ":") {
		return netip.AddrPort{}, fmt.Errorf("%s names no address; write %s0.0.0.0:%s for every IPv4 interface and %[2]s[::]:%[3]s for every IPv6 one", quote(s), scheme, quoteless(port))
	}
	a, err := netip.ParseAddrPort(s)
	if err != nil {
		if ip, err := netip.ParseAddr(s); err == nil {
			return netip.AddrPort{}, fmt.Errorf("%s has no port; write %s%s", quote(s), scheme, netip.AddrPortFrom(ip.Unmap(), usualPort(scheme)))
		}
		return netip.AddrPort{}, fmt.Errorf("%s is not an IP address and port; write %s192.0.2.1:%d or %[2]s[2001:db8::1]:%[3]d", quote(s), scheme, usualPort(scheme))
	}
	if a.Addr().Is4In6() {
		return netip.AddrPort{}, fmt.Errorf("%s is an IPv4 address written as IPv6; write %s%s", quote(s), scheme, netip.AddrPortFrom(a.Addr().Unmap(), a.Port()))
	}
	if err := bindable(a.Addr()); err != nil {
		return netip.AddrPort{}, err
	}
	return a, nil
}

// usualPort is the one that clients take where nothing names another (RFC 8656 §4.1).
func usualPort(scheme string) uint16 {
	if scheme == "tls://" || scheme == "dtls://" {
		return 5349
	}
	return 3478
}

// bindable says why no socket is bound to a.
func bindable(a netip.Addr) error {
	switch {
	case a.Zone() != "":
		return fmt.Errorf("%s has a zone, which relaying does not carry; use an address without one", quote(a.String()))
	case a.IsMulticast() || a == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return fmt.Errorf("%s is no address of one host; use a unicast address", a)
	}
	return nil
}

// A RelayAddress is one address relayed ports are taken from. In the file it is an address, or a mapping.
type RelayAddress struct {
	// Address of this host that sockets are bound to.
	Bind Addr `key:"bind"`
	// Address that clients and peers are told. If absent, bind.
	External Addr `key:"external"`
}

// UnmarshalText reads an address that is both bound and told.
func (r *RelayAddress) UnmarshalText(text []byte) error { return r.Bind.UnmarshalText(text) }

// A DiscoveryAddress is the second address and port of NAT discovery. In the file it is address:port, or a mapping.
type DiscoveryAddress struct {
	// Address and port of this host that sockets are bound to.
	Bind Address `key:"bind"`
	// Address that clients are told. If absent, that of bind.
	External Addr `key:"external"`
}

// UnmarshalText reads an address and port that is both bound and told.
func (d *DiscoveryAddress) UnmarshalText(text []byte) error { return d.Bind.UnmarshalText(text) }

// An Addr is an IP address without a port. The zero value is none.
type Addr struct{ netip.Addr }

// UnmarshalText reads an IP address.
func (a *Addr) UnmarshalText(text []byte) error {
	s := string(text)
	ip, err := netip.ParseAddr(s)
	switch {
	case err != nil:
		if ap, err := netip.ParseAddrPort(s); err == nil {
			return fmt.Errorf("%s has a port, and ports are relay.ports; write %s", quote(s), ap.Addr())
		}
		return fmt.Errorf("%s is not an IP address; write one as 192.0.2.1 or 2001:db8::1", quote(s))
	case ip.Is4In6():
		return fmt.Errorf("%s is an IPv4 address written as IPv6; write %s", quote(s), ip.Unmap())
	case ip.IsUnspecified():
		return fmt.Errorf("%s is no address that a peer could send to; name an address of this host", quote(s))
	}
	if err := bindable(ip); err != nil {
		return err
	}
	a.Addr = ip
	return nil
}

// MarshalText writes the address.
func (a Addr) MarshalText() ([]byte, error) { return a.Addr.MarshalText() }

// A Prefix is a block of addresses.
type Prefix struct{ netip.Prefix }

// UnmarshalText reads a CIDR block, or an address as a block of one.
func (p *Prefix) UnmarshalText(text []byte) error {
	s := string(text)
	if !strings.Contains(s, "/") {
		var a Addr
		ip, err := netip.ParseAddr(s)
		if err != nil {
			return fmt.Errorf("%s is not a CIDR block; write one as 192.0.2.0/24 or 2001:db8::/32", quote(s))
		}
		if !ip.IsUnspecified() && !ip.IsMulticast() {
			if err := a.UnmarshalText(text); err != nil {
				return err
			}
		}
		p.Prefix = netip.PrefixFrom(ip, ip.BitLen())
		return nil
	}
	b, err := netip.ParsePrefix(s)
	switch {
	case err != nil:
		return fmt.Errorf("%s is not a CIDR block; write one as 192.0.2.0/24 or 2001:db8::/32", quote(s))
	case b.Addr().Is4In6() && b.Bits() >= 96:
		return fmt.Errorf("%s is an IPv4 block written as IPv6; write %s", quote(s), netip.PrefixFrom(b.Addr().Unmap(), b.Bits()-96).Masked())
	case b.Masked() != b:
		return fmt.Errorf("%s has bits set beyond its length; write %s, or %s for that address alone", quote(s), b.Masked(), b.Addr())
	}
	p.Prefix = b
	return nil
}

// MarshalText writes the block.
func (p Prefix) MarshalText() ([]byte, error) { return p.Prefix.MarshalText() }

// A PortRange is an inclusive range of ports.
type PortRange struct{ Min, Max uint16 }

// UnmarshalText reads lowest-highest.
func (r *PortRange) UnmarshalText(text []byte) error {
	s := string(text)
	low, high, ok := strings.Cut(s, "-")
	min, err1 := strconv.ParseUint(strings.TrimSpace(low), 10, 16)
	max, err2 := strconv.ParseUint(strings.TrimSpace(high), 10, 16)
	switch {
	case !ok || err1 != nil || err2 != nil || min == 0:
		return fmt.Errorf("%s is not a range of ports; write lowest-highest, as 49152-65535", quote(s))
	case min > max:
		return fmt.Errorf("%s ends before it begins; write %d-%d", quote(s), max, min)
	}
	*r = PortRange{uint16(min), uint16(max)}
	return nil
}

// MarshalText writes lowest-highest.
func (r PortRange) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "%d-%d", r.Min, r.Max), nil }

// PeerPorts are ports that peers may listen on: a range, or one port.
type PeerPorts struct{ PortRange }

// UnmarshalText reads lowest-highest, or one port.
func (p *PeerPorts) UnmarshalText(text []byte) error {
	if n, err := strconv.ParseUint(string(text), 10, 16); err == nil && n > 0 {
		p.PortRange = PortRange{uint16(n), uint16(n)}
		return nil
	}
	return p.PortRange.UnmarshalText(text)
}

// MarshalText writes lowest-highest, or one port.
func (p PeerPorts) MarshalText() ([]byte, error) {
	if p.Min == p.Max {
		return fmt.Append(nil, p.Min), nil
	}
	return p.PortRange.MarshalText()
}

// A Duration is a length of time.
type Duration time.Duration

// UnmarshalText reads a number with a unit, as 10m or 1h30m, or 0.
func (d *Duration) UnmarshalText(text []byte) error {
	s := string(text)
	t, err := time.ParseDuration(s)
	if err != nil {
		if n, err := strconv.ParseUint(s, 10, 32); err == nil {
			return fmt.Errorf("%s has no unit; write %ds for seconds, or 10m, 1h", quote(s), n)
		}
		if n, err := strconv.ParseUint(strings.TrimSuffix(s, "d"), 10, 16); err == nil {
			return fmt.Errorf("%s: days are not a unit here; write %dh", quote(s), 24*n)
		}
		return fmt.Errorf("%s is not a length of time; write one as 30s, 10m or 1h30m", quote(s))
	}
	if t < 0 {
		return fmt.Errorf("%s is negative; write a length of time as 30s, 10m or 1h30m", quote(s))
	}
	*d = Duration(t)
	return nil
}

// MarshalText writes the shortest form: 10m, not 10m0s.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

func (d Duration) String() string {
	s := time.Duration(d).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	if s == "0s" {
		return "0"
	}
	return s
}

// quote shows a value in an error: quoted, and cut where it is long.
func quote(s string) string {
	const most = 64
	if len(s) > most {
		return strconv.Quote(s[:most]) + "…"
	}
	return strconv.Quote(s)
}

// quoteless is quote without the quotes, for values inside a suggestion.
func quoteless(s string) string { return strings.Trim(strings.ReplaceAll(quote(s), `\"`, ""), `"`) }
