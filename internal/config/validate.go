package config

import (
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// validate finds what every value alone does not show. A rule says nothing about a key that is told of already.
func (l *loader) validate() {
	l.checkRealm()
	l.checkSoftware()
	l.checkListen()
	l.checkTLS()
	l.checkProxies()
	l.checkOperators()
	l.checkRelay()
	l.checkLifetime()
	l.checkDiscovery()
	l.checkPeers()
	l.checkAuth()
	l.checkClasses()
	l.checkAlternates()
	l.checkAPI()
	l.checkStore()
}

// checkRealm keeps the realm what RFC 8489 §14.9 and the quoted-string around it allow.
func (l *loader) checkRealm() {
	const most = 127
	r, o := l.out.Realm, l.origin("realm")
	switch {
	case !utf8.ValidString(r):
		l.wrong(o, "realm", "is not UTF-8; write it with letters, digits and dots")
	case strings.ContainsAny(r, `"\`):
		l.wrong(o, "realm", "%s has a quote or backslash; write it without", quote(r))
	case strings.ContainsFunc(r, unicode.IsControl):
		l.wrong(o, "realm", "%s has a control character; write it without", quote(r))
	case utf8.RuneCountInString(r) > most:
		l.wrong(o, "realm", "has %d characters; at most %d are allowed", utf8.RuneCountInString(r), most)
	}
}

// checkSoftware keeps the text of SOFTWARE what RFC 8489 §14.14 allows.
func (l *loader) checkSoftware() {
	const most = 127
	switch s, o := l.out.Software, l.origin("software"); {
	case !utf8.ValidString(s):
		l.wrong(o, "software", "is not UTF-8; write a short text, or none")
	case utf8.RuneCountInString(s) > most:
		l.wrong(o, "software", "has %d characters; at most %d are allowed", utf8.RuneCountInString(s), most)
	}
}

// A socket is something bound, to be compared with what else is.
type socket struct {
	key  string
	net  string
	addr netip.AddrPort
}

func (l *loader) checkListen() {
	c := &l.out.Config
	if len(c.Listen) == 0 && !c.serves() && !l.about("listen") && !l.about("api") {
		l.wrong(l.origin("listen"), "listen", "names no listener, so that nothing would run; add for example listen: [udp://192.0.2.1:3478, tcp://192.0.2.1:3478]")
	}
	var sockets []socket
	for i, ln := range c.Listen {
		sockets = append(sockets, socket{fmt.Sprintf("listen[%d]", i), ln.Network(), ln.Addr})
		if ln.Addr.IsValid() && ln.Addr.Port() == 0 {
			key := fmt.Sprintf("listen[%d]", i)
			l.warn(l.origin(key), key, "port 0 is another port at every start; clients need a fixed one, as 3478")
		}
	}
	sockets = append(sockets, socket{"admin.listen", "tcp", c.Admin.Listen.AddrPort}, socket{"metrics.listen", "tcp", c.Metrics.Listen.AddrPort},
		socket{"api.listen", "tcp", c.API.Listen.Addr})
	for i, s := range sockets {
		for _, other := range sockets[:i] {
			if l.clash(s, other) {
				break
			}
		}
	}
}

// clash refuses two sockets for the same packets.
func (l *loader) clash(s, other socket) bool {
	a, b := s.addr, other.addr
	if s.net != other.net || !a.IsValid() || !b.IsValid() || a.Port() != b.Port() || a.Port() == 0 || a.Addr().Is4() != b.Addr().Is4() {
		return false
	}
	o := l.origin(s.key)
	switch {
	case a == b:
		l.wrong(o, s.key, "%s port %s is %s already; remove one", s.net, a, other.key)
		return true
	case a.Addr().IsUnspecified() || b.Addr().IsUnspecified():
		l.wrong(o, s.key, "%s and %s (%s) overlap on %s port %d; keep the wildcard or the addresses", a.Addr(), b.Addr(), other.key, s.net, a.Port())
		return true
	}
	return false
}

// public says whether somebody else than this host reaches the relay.
func (l *loader) public() bool {
	for _, ln := range l.out.Listen {
		if ln.Addr.IsValid() && !ln.Addr.Addr().IsLoopback() {
			return true
		}
	}
	return false
}

func (l *loader) checkRelay() {
	r := &l.out.Relay
	if o := l.origin("relay.ports"); r.Ports.Min < 1024 && !l.about("relay.ports") {
		l.warn(o, "relay.ports", "%d-%d takes in ports below 1024, which belong to services and need rights to open; use 49152-65535", r.Ports.Min, r.Ports.Max)
	}
	if r.Network == "portable" && r.Workers > 1 {
		l.wrong(l.origin("relay.workers"), "relay.workers", "the portable network has one worker, not %d; remove the key", r.Workers)
	}
	for _, s := range []struct{ key, value string }{{"relay.gso", r.GSO}, {"relay.gro", r.GRO}} {
		if r.Network == "portable" && s.value == "on" {
			l.wrong(l.origin(s.key), s.key, "the portable network has none of the kernel's shortcuts; remove the key")
		}
	}
	bound, told := map[netip.Addr]string{}, map[netip.Addr]string{}
	for i, a := range r.Addresses {
		key := fmt.Sprintf("relay.addresses[%d]", i)
		if l.about(key) {
			continue
		}
		l.checkRelayAddress(key, a)
		for _, use := range []struct {
			of   map[netip.Addr]string
			addr netip.Addr
		}{{bound, a.Bind.Addr}, {told, a.External.Addr}} {
			if first := use.of[use.addr]; first != "" && !l.about(key) {
				l.wrong(l.origin(key), key, "%s is %s already; remove one", use.addr, first)
			}
			use.of[use.addr] = key
		}
	}
	l.checkRelayedPorts()
}

func (l *loader) checkRelayAddress(key string, a RelayAddress) {
	o, bind, external := l.origin(key), a.Bind.Addr, a.External.Addr
	switch {
	case !bind.IsValid():
		l.wrong(o, key, "has no bind; write the address of this host that %s is translated to, as {bind: 10.0.0.4, external: %[1]s}", external)
	case bind.Is4() != external.Is4():
		l.wrong(o, key, "%s and %s are of different families; write one entry per family", bind, external)
	case !l.public():
	case external.IsLoopback():
		l.warn(o, key, "%s is reached by this host alone, while listen is public; name a public address", external)
	case external.IsPrivate() || external.IsLinkLocalUnicast() || sharedSpace.Contains(external):
		l.warn(o, key, "%s is a private address; behind a NAT write {bind: %[1]s, external: the public address}", external)
	}
}

// sharedSpace is RFC 6598's space for carriers' NATs, which netip does not count as private.
var sharedSpace = netip.MustParsePrefix("100.64.0.0/10")

// checkRelayedPorts warns of a listener that stands in the way of relayed ports.
func (l *loader) checkRelayedPorts() {
	p := l.out.Relay.Ports
	for i, ln := range l.out.Listen {
		if (ln.Scheme == "udp" || l.out.Relay.TCP.Enabled == "true") && ln.Addr.IsValid() && ln.Addr.Port() >= p.Min && ln.Addr.Port() <= p.Max {
			key := fmt.Sprintf("listen[%d]", i)
			l.warn(l.origin(key), key, "port %d lies within relay.ports (%d-%d) and is lost to one or the other; listen outside of them", ln.Addr.Port(), p.Min, p.Max)
		}
	}
}

// checkLifetime compares the three with each other; LIFETIME carries whole seconds (RFC 8656 §18.2).
func (l *loader) checkLifetime() {
	t := l.out.Relay.Lifetime
	if l.about("relay.lifetime") {
		return
	}
	for _, f := range []struct {
		key string
		d   Duration
	}{{"default", t.Default}, {"max", t.Max}, {"total", t.Total}} {
		key := "relay.lifetime." + f.key
		if time.Duration(f.d)%time.Second != 0 {
			l.wrong(l.origin(key), key, "%s is not whole seconds; round it", f.d)
		} else if time.Duration(f.d) > 1<<31*time.Second {
			l.wrong(l.origin(key), key, "%s does not fit the LIFETIME attribute; write at most 596523h", f.d)
		}
	}
	if l.about("relay.lifetime") {
		return
	}
	if t.Max < t.Default {
		if _, set := l.origins["relay.lifetime.max"]; set {
			l.wrong(l.origin("relay.lifetime.max"), "relay.lifetime.max", "%s is shorter than relay.lifetime.default (%s); write at least %[2]s", t.Max, t.Default)
		} else {
			l.wrong(l.origin("relay.lifetime.default"), "relay.lifetime.default", "%s is longer than relay.lifetime.max (%s); write at most that, or a longer max", t.Default, t.Max)
		}
	}
	if t.Total != 0 && t.Total < t.Default {
		l.wrong(l.origin("relay.lifetime.total"), "relay.lifetime.total", "%s is shorter than relay.lifetime.default (%s); write at least that, or 0 for no limit", t.Total, t.Default)
	}
}

func (l *loader) checkPeers() {
	denied := map[netip.Prefix]bool{}
	for _, p := range l.out.Peers.Deny {
		denied[p.Prefix] = true
	}
	for i, p := range l.out.Peers.Allow {
		key := fmt.Sprintf("peers.allow[%d]", i)
		if denied[p.Prefix] && p.IsValid() {
			l.warn(l.origin(key), key, "%s is in peers.deny too, which wins; remove one", p.Prefix)
		}
		if l.out.Local || !p.IsValid() || !l.public() {
			continue
		}
		if p.Addr().IsLoopback() || p.Addr().IsUnspecified() && p.Bits() == 0 {
			l.warn(l.origin(key), key, "%s lets clients reach what this host serves to itself or its network; name the peers' blocks", p.Prefix)
		}
	}
}

var idShape = regexp.MustCompile(`^[a-z0-9-]{1,16}$`)

// maxSecrets bounds what a forged request costs: each secret is tried on it.
const maxSecrets = 16

// exampleSecret stands in the example file and so in public.
const exampleSecret = "replace-this-example-secret"

func (l *loader) checkAuth() {
	a := &l.out.Auth
	if len(a.Secrets) == 0 && !l.about("auth") {
		others := len(a.Users) + len(a.OAuth.Keys)
		l.out.FirstSecret = l.out.keeps() || l.File == "" && others == 0
		if !l.out.FirstSecret && others == 0 {
			l.wrong(l.origin("auth"), "auth", "has neither secrets nor users, so that nobody could log in; add auth.secrets with what `openssl rand -base64 32` prints")
		}
	}
	if len(a.Secrets) > maxSecrets {
		l.wrong(l.origin("auth.secrets"), "auth.secrets", "has %d secrets; at most %d are tried on a request", len(a.Secrets), maxSecrets)
	}
	ids, texts := map[string]int{}, map[string]int{}
	for i, s := range a.Secrets {
		key := fmt.Sprintf("auth.secrets[%d]", i)
		o := l.origin(key)
		if l.about(key) {
			continue
		}
		first, again := ids[s.ID]
		same, copied := texts[s.Secret.text]
		switch {
		case !idShape.MatchString(s.ID):
			l.wrong(o, key+".id", "is not 1 to 16 of a-z, 0-9 and -; write for example k%d", i+1)
		case copied:
			l.wrong(o, key, "is the same secret as auth.secrets[%d]; remove one", same)
		case again:
			l.wrong(o, key+".id", "is the id of auth.secrets[%d] too; each needs its own", first)
		case s.Secret.text == exampleSecret && l.public():
			l.wrong(o, key, "is the example's secret, which everybody knows; replace it with what `openssl rand -base64 32` prints")
		case s.Secret.text == exampleSecret:
			l.warn(o, key, "is the example's secret, which everybody knows; replace it with what `openssl rand -base64 32` prints")
		case len(s.Secret.text) < 16:
			l.warn(o, key, "is shorter than 16 characters and can be guessed from one credential; replace it with what `openssl rand -base64 32` prints")
		}
		ids[s.ID], texts[s.Secret.text] = i, i
	}
	l.checkUsers()
	l.checkOAuth()
}

// checkUsers keeps names what USERNAME holds (RFC 8489 §14.3).
func (l *loader) checkUsers() {
	const most = 508
	for _, name := range slices.Sorted(maps.Keys(l.out.Auth.Users)) {
		password := l.out.Auth.Users[name]
		key := "auth.users." + shown(name)
		o := l.origin(key)
		switch {
		case l.about(key):
		case name == "":
			l.wrong(o, "auth.users", "has a user without a name; name it")
		case len(name) > most:
			l.wrong(o, "auth.users", "has a name of %d bytes; at most %d are allowed", len(name), most)
		case !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) || strings.Contains(name, `"`):
			l.wrong(o, "auth.users", "has a name with a quote or control character; write it without")
		case password.text == "":
			l.wrong(o, key, "has no password; write one")
		case !utf8.ValidString(password.text) || strings.ContainsFunc(password.text, unicode.IsControl):
			l.wrong(o, key, "has a password with a control character; write it without")
		case len(password.text) < 8 && l.public():
			l.warn(o, key, "has a password shorter than 8 characters; write a longer one")
		}
	}
}
