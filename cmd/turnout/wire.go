package main

import (
	"context"
	"iter"
	"log/slog"
	"net/netip"
	"slices"
	"time"

	"turnout/allocation"
	"turnout/auth"
	"turnout/auth/identity"
	"turnout/internal/api"
	"turnout/internal/config"
	"turnout/internal/netio"
	"turnout/relay"
)

// A relayServer is what serve needs of a relay.
type relayServer interface {
	Addrs() []relay.Listener
	Serve(ctx context.Context) error
	Shutdown(ctx context.Context) error
	Drain()
	Undrain() bool
	Reload(relay.Config) error
	Ready() bool
	Alive(ctx context.Context) error
	Stats() relay.Stats
	Survey(ctx context.Context) error
	SetAlternates(relay.Alternates)
	EndSubject(subject string, before time.Time) int
	EndUsername(username string) int
	EndAllOf(subject string) int
	End(ctx context.Context, id allocation.ID) bool
	Allocations(ctx context.Context, f relay.Filter) iter.Seq[relay.AllocationInfo]
	Allocation(ctx context.Context, id allocation.ID) (relay.AllocationDetail, bool)
}

// parts are the constructors that this file connects, and what it asks of the host. Tests put their own in their place.
type parts struct {
	newRelay      func(relay.Config) (relayServer, error)
	newKeyring    func(...auth.Key) (*auth.Keyring, error)
	newVerifier   func(auth.VerifierConfig) (*auth.Verifier, error)
	newIssuer     func(*auth.Keyring) *auth.Issuer
	issue         func(*auth.Keyring, auth.Grant, time.Time) (auth.Credential, error)
	portable      func() netio.Network
	hostAddresses func() ([]netip.Addr, error)
	lookup        func(ctx context.Context, host string) ([]netip.Addr, error)
	routes        func() []netip.Addr
}

var realParts = parts{
	newRelay: func(c relay.Config) (relayServer, error) {
		s, err := relay.New(c)
		if err != nil {
			return nil, err // not a nil *relay.Server in an interface
		}
		return s, nil
	},
	newKeyring:  auth.NewKeyring,
	newVerifier: auth.NewVerifier,
	newIssuer:   auth.NewIssuer,
	issue: func(k *auth.Keyring, g auth.Grant, now time.Time) (auth.Credential, error) {
		return auth.NewIssuer(k).Issue(g, now)
	},
	portable:      netio.Portable,
	hostAddresses: hostAddresses,
	lookup:        lookup,
	routes:        routes,
}

// A trust is who may log in. It never changes, but for the keys in the keyring.
type trust struct {
	keyring  *auth.Keyring // nil without a secret
	verifier *auth.Verifier
	access   identity.Secrets // that applications sign with; nil where nothing is kept
	keep     *keep            // nil where nothing is kept
}

// adopt has the keyring and the offer, which may be nil, follow the keys from now on. Call it when nothing can fail any more.
func (t trust) adopt(l *config.Loaded, o *offer) {
	if t.keep == nil {
		return
	}
	t.keep.chain.setMaxTTL(time.Duration(l.API.Credentials.MaxTTL))
	if t.keyring != nil {
		t.keep.chain.adopt(api.RelaySecrets, configuredSecrets(l), func(s identity.Secrets) {
			_ = t.keyring.Replace(s.Keys()...) // of a form that it has taken before, and never none
		})
	}
	if o != nil {
		own, _ := configuredAccess(l) // it was read before
		t.keep.chain.adopt(api.AccessKeys, own, func(s identity.Secrets) { o.service.SetAccessKeys(values(s)) })
	}
}

// trust connects secrets and users with the checks of credentials. Without a secret in the configuration that is the one that is
// kept; k may be nil.
func (a *app) trust(ctx context.Context, l *config.Loaded, k *keep) (t trust, err error) {
	t.keep = k
	if t.keyring, err = a.keyring(ctx, l, k); err != nil {
		return t, err
	}
	if k != nil {
		t.access = k.access
	}
	t.verifier, err = a.verifier(l, t)
	return t, err
}

// nextTrust is who may log in by another configuration. What is kept in the store is not read again.
func (a *app) nextTrust(ctx context.Context, l *config.Loaded, before *running) (t trust, err error) {
	t = before.trust
	if len(l.Auth.Secrets) > 0 || len(before.loaded.Auth.Secrets) > 0 {
		if t.keyring, err = a.keyring(ctx, l, t.keep); err != nil {
			return t, err
		}
	}
	if t.keep != nil {
		if t.access, err = t.keep.applicationKeys(ctx, l); err != nil {
			return t, err
		}
	}
	t.verifier, err = a.verifier(l, t)
	return t, err
}

// keyring holds the secrets of the configuration, or those that are kept; nil where there is none.
func (a *app) keyring(ctx context.Context, l *config.Loaded, k *keep) (*auth.Keyring, error) {
	keys, err := configuredKeys(l), error(nil)
	if k != nil {
		if keys, err = k.secrets(ctx, l); err != nil {
			return nil, err
		}
	}
	if len(keys) == 0 {
		return nil, nil
	}
	ring, err := a.parts.newKeyring(keys...)
	if err != nil {
		return nil, unusable("auth.secrets", err)
	}
	return ring, nil
}

// verifier checks credentials by all that the configuration has, and revocations.
func (a *app) verifier(l *config.Loaded, t trust) (v *auth.Verifier, err error) {
	c := auth.VerifierConfig{Realm: l.Realm, Keyring: t.keyring, Users: revealMap(l.Auth.Users)}
	if k := t.keep; k != nil {
		c.MaxTTL, c.Revoked = time.Duration(l.API.Credentials.MaxTTL), k.revocations.Revoked
	}
	if c.ThirdParty, err = thirdParty(l); err != nil {
		return nil, err
	}
	if v, err = a.parts.newVerifier(c); err != nil {
		return nil, unusable("auth", err)
	}
	return v, nil
}

// configuredKeys are the secrets of the configuration.
func configuredKeys(l *config.Loaded) []auth.Key {
	var keys []auth.Key
	for _, s := range l.Auth.Secrets {
		keys = append(keys, auth.Key{ID: s.ID, Secret: []byte(s.Secret.Reveal())})
	}
	return keys
}

// unusable is a configuration that another package refuses: exit 2 as for every other.
func unusable(key string, err error) error {
	return &config.Error{Problems: []config.Problem{{Key: key, Text: err.Error()}}}
}

// listeners are the configuration's in the relay's words. Own are this host's addresses.
func listeners(l *config.Loaded, own []netip.Addr) []relay.Listener {
	var all []relay.Listener
	for _, ln := range l.Listen {
		if l.Local && !slices.Contains(own, ln.Addr.Addr()) {
			continue // a host without IPv6: the first try works on IPv4
		}
		all = append(all, relay.Listener{Transport: schemes[ln.Scheme], Addr: ln.Addr})
	}
	return all
}

var schemes = map[string]allocation.Transport{"udp": allocation.UDP, "tcp": allocation.TCP, "tls": allocation.TLS, "dtls": allocation.DTLS}

var expiries = map[string]relay.Expiry{"allocate": relay.ExpiryAllocate, "refresh": relay.ExpiryRefresh, "hard": relay.ExpiryHard}

var switches = map[string]netio.Switch{"auto": netio.SwitchAuto, "on": netio.SwitchOn, "off": netio.SwitchOff}

// relayConfig is the configuration in the relay's words. Host are this host's addresses, own the ones turnout listens on besides.
func (a *app) relayConfig(l *config.Loaded, t trust, addresses []allocation.RelayAddress, host []netip.Addr, own []netip.AddrPort, logger *slog.Logger) relay.Config {
	listen := listeners(l, host)
	host = slices.Clone(host)
	for _, r := range addresses {
		host = append(host, r.External)
	}
	c := relay.Config{
		Realm:                l.Realm,
		Software:             l.Software,
		NoSoftware:           l.Software == "none",
		Listeners:            listen,
		RelayAddresses:       addresses,
		PortMin:              l.Relay.Ports.Min,
		PortMax:              l.Relay.Ports.Max,
		Workers:              l.Relay.Workers,
		LatencySample:        l.Relay.LatencySample,
		Batch:                l.Relay.Batch,
		GSO:                  switches[l.Relay.GSO],
		GRO:                  switches[l.Relay.GRO],
		DefaultLifetime:      time.Duration(l.Relay.Lifetime.Default),
		MaxLifetime:          time.Duration(l.Relay.Lifetime.Max),
		TotalLifetime:        time.Duration(l.Relay.Lifetime.Total),
		LegacyChannels:       l.Relay.Channels == "rfc5766",
		Mobility:             l.Mobility == "true",
		Alternates:           addressBook{}.alternates(l),
		NoTCP:                l.Relay.TCP.Enabled == "false",
		TCPPorts:             peerPorts(l.Relay.TCP.Ports),
		MaxConnections:       l.Limits.Connections,
		Discovery:            discovery(l.NATDiscovery.Alternate),
		Verifier:             t.verifier,
		Expiry:               expiries[l.Auth.Expiry],
		PeersAllow:           prefixes(l.Peers.Allow),
		PeersDeny:            prefixes(l.Peers.Deny),
		HostAddresses:        host,
		OwnPorts:             own,
		UserAllocations:      l.Quota.User.Allocations,
		UserBandwidth:        int64(l.Quota.User.Bandwidth),
		Classes:              classes(l.Classes),
		AllocationBandwidth:  int64(l.Quota.Allocation.Bandwidth),
		TotalAllocations:     l.Quota.Total.Allocations,
		NewPeers:             l.Limits.NewPeers,
		MaxPermissions:       l.Limits.Permissions,
		MaxChannels:          l.Limits.Channels,
		UnauthenticatedRate:  l.Limits.Unauthenticated.Rate,
		UnauthenticatedBurst: l.Limits.Unauthenticated.Burst,
		BacklogBytes:         l.Limits.Backlog.Bytes,
		BacklogTime:          time.Duration(l.Limits.Backlog.Time),
		Logger:               logger,
	}
	if l.Relay.Network == "portable" {
		c.Network = a.parts.portable()
	}
	return c
}

func discovery(alternates []config.DiscoveryAddress) []relay.DiscoveryAddress {
	var all []relay.DiscoveryAddress
	for _, a := range alternates {
		all = append(all, relay.DiscoveryAddress{Bind: a.Bind.AddrPort, External: a.External.Addr})
	}
	return all
}

func peerPorts(ports []config.PeerPorts) []relay.PortRange {
	var all []relay.PortRange
	for _, p := range ports {
		all = append(all, relay.PortRange{Min: p.Min, Max: p.Max})
	}
	return all
}

func classes(all map[string]config.Class) map[string]relay.Class {
	m := make(map[string]relay.Class, len(all))
	for name, c := range all {
		m[name] = relay.Class{Allocations: c.Allocations, Bandwidth: int64(c.Bandwidth)}
	}
	return m
}

func prefixes(blocks []config.Prefix) []netip.Prefix {
	var all []netip.Prefix
	for _, b := range blocks {
		all = append(all, b.Prefix)
	}
	return all
}
