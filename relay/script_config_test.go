package relay

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"turnout/allocation"
	"turnout/auth"
	"turnout/internal/netio"
)

// Addresses of the test network: none is special, so that the default peer policy
// admits peers.
const (
	serverIPv4, serverIPv6 = "93.184.216.5", "2600:5::5"
	relayIPv4, relayIPv6   = "93.184.216.6", "2600:5::6"
)

// testSecret signs the derived credentials of scripts.
const testSecret = "script secret"

// start makes the server as the config lines say.
func (s *script) start(config map[string]string) {
	s.t.Helper()
	s.config = config
	var err error
	if s.server, err = New(s.configuration(config)); err != nil {
		s.fatalf("%v", err)
	}
	go func() {
		if err := s.server.Serve(context.Background()); err != nil {
			s.t.Errorf("serve: %v", err)
		}
	}()
	synctest.Wait()
}

// reload has the server go by the config lines with what this one changes: "reload user-allocations=1", "reload
// without=secret listen=udp:93.184.216.5:3478", or with error="address already in use" nothing.
func (s *script) reload(l line) {
	s.t.Helper()
	changed := maps.Clone(s.config)
	for k, v := range l.values {
		if k != "error" && k != "without" {
			changed[k] = v
		}
	}
	for _, w := range l.words {
		changed[w] = "true"
	}
	for _, w := range strings.Split(l.values["without"], ",") {
		delete(changed, w)
	}
	err := s.server.Reload(s.configuration(changed))
	switch want := l.values["error"]; {
	case want == "" && err != nil:
		s.fatalf("reload: %v", err)
	case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
		s.fatalf("reload: %v, want %s", err, want)
	case want == "":
		s.config = changed
	}
	synctest.Wait()
}

// listeners reads "udp:93.184.216.5:3478,tcp:[2600:5::5]:3478".
func (s *script) listeners(text string) (all []Listener) {
	s.t.Helper()
	for _, one := range strings.Split(text, ",") {
		scheme, addr, _ := strings.Cut(one, ":")
		t, ok := map[string]allocation.Transport{"udp": allocation.UDP, "tcp": allocation.TCP, "tls": allocation.TLS, "dtls": allocation.DTLS}[scheme]
		at, err := netip.ParseAddrPort(addr)
		if !ok || err != nil {
			s.fatalf("%s is no listener", one)
		}
		all = append(all, Listener{t, at})
	}
	return all
}

// configuration is what config lines say.
func (s *script) configuration(config map[string]string) Config {
	s.t.Helper()
	c := Config{
		Realm: "script", Workers: 1, Network: s.network,
		Listeners: []Listener{
			{allocation.UDP, netip.MustParseAddrPort(serverIPv4 + ":3478")},
			{allocation.TCP, netip.MustParseAddrPort(serverIPv4 + ":3478")},
			{allocation.UDP, netip.MustParseAddrPort("[" + serverIPv6 + "]:3478")},
			{allocation.TCP, netip.MustParseAddrPort("[" + serverIPv6 + "]:3478")},
		},
		RelayAddresses: relayAddresses(relayIPv4, relayIPv6),
		Logger:         slog.New(slog.NewTextHandler(io.MultiWriter(&s.log, s.t.Output()), nil)),
	}
	verifier := auth.VerifierConfig{Realm: c.Realm, Users: map[string]string{"alice": "wonderland", "bob": "builder"}}
	for _, k := range slices.Sorted(maps.Keys(config)) { // listen before secured, which adds to it
		s.configure(&c, &verifier, k, config[k])
	}
	var err error
	if c.Verifier, err = auth.NewVerifier(verifier); err != nil {
		s.fatalf("%v", err)
	}
	return c
}

func relayAddresses(addrs ...string) (list []allocation.RelayAddress) {
	for _, a := range addrs {
		bind, external, ok := strings.Cut(a, "=")
		if !ok {
			external = bind
		}
		list = append(list, allocation.RelayAddress{Bind: netip.MustParseAddr(bind), External: netip.MustParseAddr(external)})
	}
	return list
}

// configure applies one config word of a script.
func (s *script) configure(c *Config, v *auth.VerifierConfig, key, value string) {
	number := func() int {
		n, err := strconv.Atoi(value)
		if err != nil {
			s.fatalf("%s: %v", key, err)
		}
		return n
	}
	duration := func() time.Duration {
		d, err := time.ParseDuration(value)
		if err != nil {
			s.fatalf("%s: %v", key, err)
		}
		return d
	}
	switch key {
	case "realm":
		c.Realm, v.Realm = value, value
	case "software":
		c.Software = value
	case "no-software":
		c.NoSoftware = true
	case "relay-addresses":
		c.RelayAddresses = relayAddresses(strings.Split(value, ",")...)
	case "ports":
		c.PortMin, c.PortMax = portRange(value)
	case "occupied":
		low, high := portRange(value)
		for p := int(low); p <= int(high); p++ {
			s.network.OccupyPorts(uint16(p))
		}
	case "workers":
		c.Workers = number()
	case "legacy-channels":
		c.LegacyChannels = true
	case "secret":
		secret := testSecret
		if value != "true" {
			secret = value
		}
		s.keyring, _ = auth.NewKeyring(auth.Key{ID: "k1", Secret: []byte(secret)})
		v.Keyring = s.keyring
	case "no-users":
		v.Users = nil
	case "expiry":
		c.Expiry = map[string]Expiry{"allocate": ExpiryAllocate, "refresh": ExpiryRefresh, "hard": ExpiryHard}[value]
	case "nonce-lifetime":
		c.NonceLifetime = duration()
	case "lifetime.default":
		c.DefaultLifetime = duration()
	case "lifetime.max":
		c.MaxLifetime = duration()
	case "lifetime.total":
		c.TotalLifetime = duration()
	case "user-allocations":
		c.UserAllocations = number()
	case "user-bandwidth":
		c.UserBandwidth = int64(number())
	case "new-peers":
		c.NewPeers = number()
	case "class": // name:allocations:bandwidth
		part := strings.Split(value, ":")
		allocations, aerr := strconv.Atoi(part[1])
		bandwidth, berr := strconv.Atoi(part[2])
		if err := errors.Join(aerr, berr); err != nil {
			s.fatalf("%s: %v", key, err)
		}
		c.Classes = map[string]Class{part[0]: {allocations, int64(bandwidth)}}
	case "bandwidth":
		c.AllocationBandwidth = int64(number())
	case "total-allocations":
		c.TotalAllocations = number()
	case "permissions":
		c.MaxPermissions = number()
	case "channels":
		c.MaxChannels = number()
	case "rate":
		c.UnauthenticatedRate = number()
	case "burst":
		c.UnauthenticatedBurst = number()
	case "backlog-bytes":
		c.BacklogBytes = number()
	case "backlog-time":
		c.BacklogTime = duration()
	case "stream-buffer":
		s.network.SetStreamBuffer(number())
	case "stream-tos":
		tos, err := strconv.ParseUint(value, 0, 8)
		if err != nil {
			s.fatalf("%s: %v", key, err)
		}
		s.network.SetStreamTOS(uint8(tos))
	case "mtu":
		s.network.SetMTU(number())
	case "allow":
		c.PeersAllow = prefixes(strings.Split(value, ",")...)
	case "deny":
		c.PeersDeny = prefixes(strings.Split(value, ",")...)
	case "no-dont-fragment":
		c.Network = fragmenting{s.network}
	case "discovery":
		for _, a := range strings.Split(value, ",") {
			bind, external, _ := strings.Cut(a, "=")
			at := DiscoveryAddress{Bind: netip.MustParseAddrPort(bind)}
			if external != "" {
				at.External = netip.MustParseAddr(external)
			}
			c.Discovery = append(c.Discovery, at)
		}
	case "no-tcp":
		c.NoTCP = true
	case "tcp-ports":
		for _, r := range strings.Split(value, ",") {
			low, high := portRange(r)
			c.TCPPorts = append(c.TCPPorts, PortRange{low, high})
		}
	case "connections":
		c.MaxConnections = number()
	case "listen":
		c.Listeners = s.listeners(value)
	case "secured":
		s.listenSecurely(c)
	case "sockets":
		s.network.LimitSockets(number())
	case "oauth":
		v.ThirdParty = authorizationServer(s.t, scriptServer)
	case "mobility":
		c.Mobility = true
	case "alternates":
		c.Alternates.Full = s.alternates(value)
	case "drain-alternates":
		c.Alternates.Draining = s.alternates(value)
	default:
		s.fatalf("config has no %s", key)
	}
}

// scriptServer is the name that access tokens are made for.
const scriptServer = "turn.script"

// authorizationServer makes tokens under the kids north and south.
func authorizationServer(t testing.TB, server string) *auth.ThirdParty {
	t.Helper()
	p, err := auth.NewThirdParty(server,
		auth.TokenKey{ID: "north", Key: []byte("a key of thirty-two bytes, so it"), Algorithm: auth.A256GCM},
		auth.TokenKey{ID: "south", Key: []byte("a key of sixteen"), Algorithm: auth.A128GCM})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// readConfig takes what a config line sets.
func (s *script) readConfig(config map[string]string, l line) {
	s.t.Helper()
	if s.server != nil {
		s.fatalf("config comes before the first step")
	}
	for k, v := range l.values {
		config[k] = v
	}
	for _, w := range l.words {
		config[w] = "true"
	}
}

// stop ends the server. Everything that arrived must have been expected, and
// nothing may stay open.
func (s *script) stop() {
	synctest.Wait()
	for _, a := range s.actors {
		if len(a.data) > 0 && !s.t.Failed() {
			s.t.Errorf("%s: data %.60q was not expected by %s", s.where, a.data, a.name)
		}
		if p, ok := a.next(); ok && !s.t.Failed() {
			s.t.Errorf("%s: %s was not expected by %s", s.where, describe(p.bytes), a.name)
		}
		a.close()
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	began := time.Now()
	_ = s.server.Shutdown(ctx)
	synctest.Wait()
	if took := time.Since(began); took > 0 {
		s.t.Errorf("%s: the server took %v to end", s.where, took)
	}
	for name, a := range s.server.allowances.byName {
		if a.allocations != 0 {
			s.t.Errorf("%s: %d allocations are counted as %s's at the end", s.where, a.allocations, name)
		}
	}
	if open := s.network.Open(); len(open) > 0 {
		s.t.Errorf("%s: still open at the end: %v", s.where, open)
	}
}

// portRange reads "50000-50009", or one port.
func portRange(text string) (low, high uint16) {
	first, last, ok := strings.Cut(text, "-")
	if !ok {
		last = first
	}
	lo, _ := strconv.ParseUint(first, 10, 16)
	hi, _ := strconv.ParseUint(last, 10, 16)
	return uint16(lo), uint16(hi)
}

// fragmenting is a network that cannot set DF.
type fragmenting struct{ netio.Network }

func (fragmenting) DontFragment() bool { return false }

// A logBuffer keeps what the server logs. It is safe for concurrent use.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer // guarded by mu
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
