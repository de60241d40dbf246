package relay

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"turnout/allocation"
	"turnout/auth"
	"turnout/internal/netio"
)

// TestScripts runs every behaviour script under testdata: one for each clause of
// an RFC, on the in-memory network, in virtual time. testdata/README.md is the
// language.
func TestScripts(t *testing.T) {
	t.Parallel()
	found := 0
	err := filepath.WalkDir("testdata", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".txt" {
			return err
		}
		found++
		t.Run(strings.TrimSuffix(strings.TrimPrefix(path, "testdata/"), ".txt"), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { runScript(t, path) })
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if found == 0 {
		t.Fatal("no scripts under testdata")
	}
}

// A script is one run: a server on a network of its own, the actors met so far,
// and the variables bound.
type script struct {
	t       *testing.T
	network *netio.Memory
	server  *Server
	keyring *auth.Keyring
	actors  map[string]*actor
	last    *actor
	vars    map[string]string
	where   string
}

// A line is one command: an actor (or none), a verb, bare words and key=value pairs.
type line struct {
	actor, verb string
	words       []string
	values      map[string]string
	keys        []string // in order, repeated keys included
	all         []string // their values
}

func runScript(t *testing.T, path string) {
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	s := &script{t: t, network: netio.NewMemory(), actors: map[string]*actor{}, vars: map[string]string{}}
	config := map[string]string{}
	scanner := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; scanner.Scan(); n++ {
		s.where = fmt.Sprintf("%s:%d", path, n)
		l, ok := s.parse(scanner.Text())
		switch {
		case !ok:
		case l.actor == "config":
			for k, v := range l.values {
				config[k] = v
			}
			for _, w := range l.words {
				config[w] = "true"
			}
		default:
			if s.server == nil {
				s.start(config)
				defer s.stop()
			}
			s.run(l)
		}
	}
	if s.server == nil {
		t.Fatalf("%s: a script without a step", path)
	}
	for _, w := range s.server.workers {
		if err := tableCheck(w); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// tableCheck looks at a worker's table from inside the worker.
func tableCheck(w *worker) error {
	result := make(chan error, 1)
	w.inbox.put(post{do: func(w *worker) { result <- w.table.Check() }})
	return <-result
}

// parse splits "actor: verb word key=value # comment"; quotes keep spaces together.
func (s *script) parse(text string) (l line, ok bool) {
	fields := s.fields(text)
	if len(fields) == 0 {
		return l, false
	}
	l.values = map[string]string{}
	if name, found := strings.CutSuffix(fields[0], ":"); found {
		l.actor, fields = name, fields[1:]
	}
	if l.actor != "config" && len(fields) > 0 {
		l.verb, fields = fields[0], fields[1:]
	}
	for _, f := range fields {
		k, v, isPair := strings.Cut(f, "=")
		if !isPair || strings.HasPrefix(f, `"`) {
			l.words = append(l.words, s.value(f))
			continue
		}
		if !strings.HasPrefix(v, "$") {
			v = s.value(v)
		}
		l.values[k] = v
		l.keys, l.all = append(l.keys, k), append(l.all, v)
	}
	return l, true
}

func (s *script) fields(text string) (fields []string) {
	for text = strings.TrimSpace(text); text != "" && text[0] != '#'; text = strings.TrimSpace(text) {
		end, quoted := 0, false
		for end < len(text) && (quoted || text[end] != ' ') {
			if text[end] == '"' {
				quoted = !quoted
			}
			end++
		}
		fields = append(fields, text[:end])
		text = text[end:]
	}
	return fields
}

// value unquotes, and reads "N bytes" as "N*x".
func (s *script) value(v string) string {
	if n, of, ok := strings.Cut(v, "*"); ok && len(of) == 1 {
		if count, err := strconv.Atoi(n); err == nil {
			return strings.Repeat(of, count)
		}
	}
	return strings.Trim(v, `"`)
}

// expand reads a variable.
func (s *script) expand(v string) string {
	if !strings.HasPrefix(v, "$") {
		return v
	}
	bound, ok := s.vars[v]
	if !ok {
		s.fatalf("variable %s is not bound", v)
	}
	return bound
}

func (s *script) fatalf(format string, args ...any) {
	s.t.Helper()
	s.t.Fatalf("%s: %s", s.where, fmt.Sprintf(format, args...))
}

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
	c := Config{
		Realm: "script", Workers: 1, Network: s.network,
		Listeners: []Listener{
			{allocation.UDP, netip.MustParseAddrPort(serverIPv4 + ":3478")},
			{allocation.TCP, netip.MustParseAddrPort(serverIPv4 + ":3478")},
			{allocation.UDP, netip.MustParseAddrPort("[" + serverIPv6 + "]:3478")},
			{allocation.TCP, netip.MustParseAddrPort("[" + serverIPv6 + "]:3478")},
		},
		RelayAddresses: relayAddresses(relayIPv4, relayIPv6),
		Logger:         slog.New(slog.NewTextHandler(s.t.Output(), nil)),
	}
	verifier := auth.VerifierConfig{Realm: c.Realm, Users: map[string]string{"alice": "wonderland", "bob": "builder"}}
	for k, v := range config {
		s.configure(&c, &verifier, k, v)
	}
	var err error
	if c.Verifier, err = auth.NewVerifier(verifier); err != nil {
		s.fatalf("%v", err)
	}
	if s.server, err = New(c); err != nil {
		s.fatalf("%v", err)
	}
	go func() {
		if err := s.server.Serve(context.Background()); err != nil {
			s.t.Errorf("serve: %v", err)
		}
	}()
	synctest.Wait()
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
	case "relay-addresses":
		c.RelayAddresses = relayAddresses(strings.Split(value, ",")...)
	case "ports":
		low, high, _ := strings.Cut(value, "-")
		lo, _ := strconv.Atoi(low)
		hi, _ := strconv.Atoi(high)
		c.PortMin, c.PortMax = uint16(lo), uint16(hi)
	case "occupied":
		for _, p := range strings.Split(value, ",") {
			port, _ := strconv.Atoi(p)
			s.network.OccupyPorts(uint16(port))
		}
	case "workers":
		c.Workers = number()
	case "legacy-channels":
		c.LegacyChannels = true
	case "secret":
		s.keyring, _ = auth.NewKeyring(auth.Key{ID: "k1", Secret: []byte(testSecret)})
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
	case "mtu":
		s.network.SetMTU(number())
	case "allow":
		c.PeersAllow = prefixes(strings.Split(value, ",")...)
	case "deny":
		c.PeersDeny = prefixes(strings.Split(value, ",")...)
	case "sockets":
		s.network.LimitSockets(number())
	case "alternates":
		c.Alternates.Full = s.alternates(value)
	case "drain-alternates":
		c.Alternates.Draining = s.alternates(value)
	default:
		s.fatalf("config has no %s", key)
	}
}

func (s *script) stop() {
	for _, a := range s.actors {
		a.close()
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = s.server.Shutdown(ctx)
	synctest.Wait()
	if open := s.network.Open(); len(open) > 0 {
		s.t.Errorf("%s: still open at the end: %v", s.where, open)
	}
}

// run does one line.
func (s *script) run(l line) {
	s.t.Helper()
	if l.actor == "" {
		switch l.verb {
		case "advance":
			d, err := time.ParseDuration(l.words[0])
			if err != nil {
				s.fatalf("%v", err)
			}
			time.Sleep(d) // virtual
			synctest.Wait()
			return
		case "drops":
			s.checkDrops(l)
			return
		case "drain":
			s.server.Drain()
			return
		case "metric":
			s.checkMetric(l)
			return
		case "icmp":
			s.injectICMP(l)
			return
		}
		s.fatalf("no such command: %s", l.verb)
	}
	name := l.actor
	if name == "expect" { // of whoever acted last
		l.verb, l.words = "expect", append([]string{l.verb}, l.words...)
		s.last.do(l)
		return
	}
	s.last = s.actor(name)
	s.last.do(l)
}

func (s *script) actor(name string) *actor {
	a := s.actors[name]
	if a == nil {
		a = newActor(s, name, len(s.actors)+1)
		s.actors[name] = a
	}
	return a
}

// checkDrops compares drop counters: "drops no_allocation=1".
func (s *script) checkDrops(l line) {
	s.t.Helper()
	synctest.Wait()
	stats := s.server.Stats()
	got := map[string]uint64{}
	stats.EachDrop(func(reason string, n uint64) { got[reason] = n })
	for reason, want := range l.values {
		n, known := got[reason]
		if !known {
			s.fatalf("no drop reason %s", reason)
		}
		if strconv.FormatUint(n, 10) != want {
			s.fatalf("drops %s = %d, want %s", reason, n, want)
		}
	}
}

// checkMetric compares gauges and totals: "metric allocations=1".
func (s *script) checkMetric(l line) {
	s.t.Helper()
	synctest.Wait()
	stats := s.server.Stats()
	got := map[string]int{
		"allocations":       stats.Allocations,
		"allocations-udp":   stats.AllocationsBy[allocation.UDP],
		"allocations-tcp":   stats.AllocationsBy[allocation.TCP],
		"allocations-total": int(stats.AllocationsTotal),
		"ports":             stats.PortsInUse,
		"streams":           stats.Streams,
		"from-clients":      int(stats.FromClients.Packets),
		"to-peers":          int(stats.ToPeers.Packets),
		"from-peers":        int(stats.FromPeers.Packets),
		"to-clients":        int(stats.ToClients.Packets),
		"panics":            int(stats.Panics),
	}
	for name, want := range l.values {
		n, known := got[name]
		if !known {
			s.fatalf("no metric %s", name)
		}
		if strconv.Itoa(n) != want {
			s.fatalf("metric %s = %d, want %s", name, n, want)
		}
	}
}

// injectICMP has an error arrive at a relay socket: "icmp at=$r about=peer type=3 code=1 info=0".
func (s *script) injectICMP(l line) {
	s.t.Helper()
	byteOf := func(key string) uint8 {
		n, _ := strconv.Atoi(l.values[key])
		return uint8(n)
	}
	info, _ := strconv.Atoi(l.values["info"])
	bound, ok := s.server.ports.Bound(netip.MustParseAddrPort(s.expand(l.values["at"])))
	if !ok {
		s.fatalf("%s is no relayed address", l.values["at"])
	}
	if !s.network.InjectICMP(bound, netio.ICMPError{
		Peer: s.address(l.values["about"]), Type: byteOf("type"), Code: byteOf("code"), Info: uint32(info),
	}) {
		s.fatalf("the error found no socket at %s", bound)
	}
	synctest.Wait()
}

// address is an actor's, a variable's or a literal address.
func (s *script) address(v string) netip.AddrPort {
	s.t.Helper()
	if strings.HasPrefix(v, "$") {
		v = s.expand(v)
	}
	if ap, err := netip.ParseAddrPort(v); err == nil {
		return ap
	}
	if a, err := netip.ParseAddr(v); err == nil {
		return netip.AddrPortFrom(a, 9000)
	}
	return s.actor(v).addr
}
