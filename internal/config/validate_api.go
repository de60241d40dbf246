package config

import (
	"encoding/base64"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// serves says whether there is a service.
func (c *Config) serves() bool { return c.API.Listen.Addr.IsValid() }

// checkAPI finds what is wrong with the service.
func (l *loader) checkAPI() {
	a := &l.out.API
	if !l.out.serves() {
		if key := l.meant("api"); key != "" && !l.about("api") {
			l.wrong(l.origin(key), "api.listen", "is not set, so that %s has no effect; add for example listen: https://0.0.0.0:8443", key)
		}
		return
	}
	l.checkAPIListen()
	l.checkAPINames()
	l.checkAPIKeys()
	if a.Credentials.TTL > a.Credentials.MaxTTL && !l.about("api.credentials") {
		l.wrong(l.origin("api.credentials.ttl"), "api.credentials.ttl", "%s is longer than max-ttl (%s); write at most that, or a longer max-ttl", a.Credentials.TTL, a.Credentials.MaxTTL)
	}
	if time.Duration(a.Credentials.TTL) < time.Minute && !l.about("api.credentials") {
		l.wrong(l.origin("api.credentials.ttl"), "api.credentials.ttl", "%s is over before a call begins; write at least 1m", a.Credentials.TTL)
	}
	l.checkIssuers()
	if len(l.out.Listen) == 0 {
		l.checkApart()
	}
}

func (l *loader) checkAPIListen() {
	a := &l.out.API
	o := l.origin("api.listen")
	loopback := a.Listen.Addr.Addr().IsLoopback()
	switch {
	case l.about("api.listen"), l.about("api.cert"), l.about("api.key"):
	case a.Listen.Scheme == "https" && a.Cert == "" && l.out.TLS.Cert == "" && len(l.out.TLS.Certificates) == 0 && !l.about("tls"):
		l.wrong(o, "api.listen", "%s needs a certificate; name its files as api.cert and api.key, or those of tls", a.Listen)
	case a.Listen.Scheme == "http" && (a.Cert != "" || a.Key != ""):
		l.wrong(o, "api.listen", "%s uses no certificate; write https://%s, or remove api.cert and api.key", a.Listen, a.Listen.Addr)
	case a.Listen.Scheme == "http" && !loopback && a.Insecure != "true":
		l.wrong(o, "api.listen", "%s sends access tokens over the network in clear; write https://%s, or set api.insecure: true behind a proxy", a.Listen, a.Listen.Addr)
	case a.Insecure == "true" && (loopback || a.Listen.Scheme == "https"):
		l.warn(l.origin("api.insecure"), "api.insecure", "has no effect: %s is safe without it; remove it", a.Listen)
	}
}

var (
	guidShape = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
	nameShape = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$`)
	turnShape = regexp.MustCompile(`^(turns?:[^\s?/@]+(\?transport=(udp|tcp))?|stuns?:[^\s?/@]+)$`)
)

func (l *loader) checkAPINames() {
	a := &l.out.API
	if a.Resource != "" && !guidShape.MatchString(a.Resource) {
		l.wrong(l.origin("api.resource"), "api.resource", "%s is not a GUID in lower case; remove the key to have one made, or write 8-4-4-4-12 hexadecimal digits", quote(a.Resource))
	}
	if a.URL != "" && !isOrigin(a.URL) {
		l.wrong(l.origin("api.url"), "api.url", "%s is not scheme://host; write it as https://turn.example.org, without a path", quote(a.URL))
	}
	l.each("api.names", a.Names, func(s string) string {
		if !nameShape.MatchString(s) {
			return "is not a host name; write it as turn.example.org"
		}
		return ""
	})
	l.each("api.cors", a.CORS, func(s string) string {
		if s != "*" && !isOrigin(s) {
			return "is not an origin; write it as https://app.example.org, without a path"
		}
		return ""
	})
	l.each("api.advertise", a.Advertise, func(s string) string {
		if !turnShape.MatchString(s) {
			return "is not a URL of a relay; write it as turn:turn.example.org:3478?transport=udp or stun:turn.example.org:3478"
		}
		return ""
	})
	if len(a.Advertise) > 0 && !l.about("api.advertise") && !slices.ContainsFunc(a.Advertise, func(s string) bool { return strings.HasPrefix(s, "turn") }) {
		l.wrong(l.origin("api.advertise"), "api.advertise", "has no turn: or turns: URL; add one, or remove the key")
	}
	known := []string{"chat", "voip", "chat.join", "chat.join.limited", "voip.join"}
	l.each("api.scopes", a.Scopes, func(s string) string {
		if !slices.Contains(known, s) {
			return "is not a scope; write " + either(known)
		}
		return ""
	})
}

// each checks every item of a list of texts; wrong is what is wrong with one, and what to do.
func (l *loader) each(key string, items []string, wrong func(string) string) {
	for i, s := range items {
		if text := wrong(s); text != "" {
			item := fmt.Sprintf("%s[%d]", key, i)
			l.wrong(l.origin(item), item, "%s %s", quote(s), text)
		}
	}
}

// isOrigin says whether s is scheme://host or scheme://host:port of a web page.
func isOrigin(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.Scheme+"://"+u.Host == s
}

// checkAPIKeys wants access keys that are keys, and dialects' keys that are there.
func (l *loader) checkAPIKeys() {
	const least = 16 // bytes
	for i, k := range l.out.API.AccessKeys {
		key := fmt.Sprintf("api.access-keys[%d]", i)
		if raw, err := base64.StdEncoding.DecodeString(k.text); err != nil || len(raw) < least {
			l.wrong(l.origin(key), key, "is not at least %d bytes in base64; write what `openssl rand -base64 32` prints", least)
		}
	}
	d := &l.out.API.Dialects
	for i, k := range d.REST.Keys {
		l.checkDialectKey(fmt.Sprintf("api.dialects.rest.keys[%d]", i), k)
	}
	for _, section := range []struct {
		key  string
		keys map[string]Secret
	}{{"api.dialects.cloudflare.keys", d.Cloudflare.Keys}, {"api.dialects.twilio.accounts", d.Twilio.Accounts}} {
		for _, id := range slices.Sorted(maps.Keys(section.keys)) {
			l.checkDialectKey(section.key+"."+shown(id), section.keys[id])
		}
	}
}

func (l *loader) checkDialectKey(key string, s Secret) {
	const least = 16 // characters
	if s.text == "" && !l.about(key) {
		l.wrong(l.origin(key), key, "is empty; write what `openssl rand -base64 32` prints")
	} else if len(s.text) < least {
		l.warn(l.origin(key), key, "is shorter than %d characters and can be guessed; write what `openssl rand -base64 32` prints", least)
	}
}

func (l *loader) checkIssuers() {
	for i, s := range l.out.API.Issuers {
		key := fmt.Sprintf("api.issuers[%d]", i)
		for _, required := range []struct{ name, value string }{{"issuer", s.Issuer}, {"audience", s.Audience}, {"jwks", s.JWKS}} {
			if name := key + "." + required.name; required.value == "" && !l.about(name) {
				l.wrong(l.origin(key), name, "is missing; an issuer has issuer, audience and jwks")
			}
		}
		if name := key + ".max-bandwidth"; s.MaxBandwidth > 0 && s.BandwidthClaim == "" {
			l.wrong(l.origin(name), name, "bounds nothing; name the claim that it bounds as bandwidth-claim, or remove it")
		}
	}
}

// checkApart is for a service whose relay runs elsewhere.
func (l *loader) checkApart() {
	if len(l.out.API.Advertise) == 0 && !l.about("api.advertise") {
		l.wrong(l.origin("api"), "api.advertise", "is not set, and there is no listener to take it from; name the URLs of the relay")
	}
	if l.out.Store.NATS.URL.text != "" {
		return
	}
	if len(l.out.Auth.Secrets) == 0 && !l.about("auth") {
		l.wrong(l.origin("auth"), "auth.secrets", "is empty, and the relay runs elsewhere; name the secret that it has, or a store.nats that both have")
	}
	l.warn(l.origin("api.listen"), "api.listen", "the relay runs elsewhere and hears of no revocation; set store.nats here and there")
}
