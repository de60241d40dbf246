package config

import (
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// minimal is a file that loads without a warning.
const minimal = "listen: [udp://127.0.0.1:3478]\nauth: {secrets: [a-secret-of-some-length]}\n"

// load loads text as the file turnout.yaml, with any files beside it.
func load(t *testing.T, text string, s Sources, beside map[string]string) (*Loaded, error) {
	t.Helper()
	s.File = "turnout.yaml"
	s.ReadFile = func(name string) ([]byte, error) {
		if name == s.File {
			return []byte(text), nil
		}
		if b, ok := beside[name]; ok {
			return []byte(b), nil
		}
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return Load(s)
}

func mustLoad(t *testing.T, text string, s Sources, beside map[string]string) *Loaded {
	t.Helper()
	l, err := load(t, text, s, beside)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	l := mustLoad(t, minimal, Sources{}, nil)
	want := Config{
		Realm: "turnout", Software: "turnout",
		Listen: []Listener{{"udp", netip.MustParseAddrPort("127.0.0.1:3478")}},
		Relay: Relay{
			Ports: PortRange{49152, 65535}, Batch: 64, LatencySample: 64, GSO: "auto", GRO: "auto", Channels: "rfc8656", Network: "auto",
			TCP:      TCPRelay{Enabled: "true", Ports: []PeerPorts{{PortRange{1024, 65535}}}},
			Lifetime: Lifetime{Default: Duration(10 * time.Minute), Max: Duration(time.Hour)},
		},
		Auth:     Auth{Secrets: []SharedSecret{{ID: SecretID(NewSecret("a-secret-of-some-length")), Secret: NewSecret("a-secret-of-some-length")}}, Expiry: "allocate"},
		Mobility: "false",
		Drain:    Drain{Deadline: Duration(time.Hour)},
		Limits:   Limits{Permissions: 1024, Channels: 1024, Connections: 64, Handshakes: 1000, Unauthenticated: Unauthenticated{100, 1000}, Backlog: Backlog{1 << 20, Duration(500 * time.Millisecond)}},
		API: API{
			Insecure: "false", TokenAlgorithm: "EdDSA", Scopes: []string{"voip", "voip.join"},
			Credentials: Credentials{TTL: Duration(24 * time.Hour), MaxTTL: Duration(48 * time.Hour), Subject: "plain"},
		},
		Store: Store{Path: "/var/lib/turnout", NATS: NATS{Bucket: "turnout", Replicas: 1}},
		Log:   Log{Level: "info", Format: "auto"},
	}
	if !reflect.DeepEqual(l.Config, want) {
		t.Errorf("got  %+v\nwant %+v", l.Config, want)
	}
	if l.Local || l.FirstSecret || len(l.Warnings) > 0 {
		t.Errorf("Local %v, FirstSecret %v, warnings %v: want none", l.Local, l.FirstSecret, l.Warnings)
	}
}

// TestWholeContract loads every key there is, and compares what came of it with what print shows.
func TestWholeContract(t *testing.T) {
	t.Parallel()
	const text = `realm: turnout.example
software: someone
listen:
  - udp://192.0.2.1:3478
  - tcp://192.0.2.1:3478
  - udp://[2001:db8::1]:3478
  - tls://192.0.2.1:5349
  - dtls://192.0.2.1:5349
tls:
  cert: cert.pem
  key: key.pem
  certificates:
    - cert: cert.pem
      key: key.pem
  fallback: 127.0.0.1:8444
proxy-protocol:
  from:
    - 192.0.2.0/24
relay:
  addresses:
    - 192.0.2.1
    - bind: 10.0.0.4
      external: 203.0.113.7
    - 2001:db8::1
  ports: 50000-60000
  workers: 3
  batch: 128
  gso: on
  gro: off
  latency-sample: 32
  lifetime:
    default: 11m
    max: 1h30m
    total: 24h
  channels: rfc5766
  tcp:
    enabled: false
    ports:
      - 443
      - 1024-65535
  network: auto
nat-discovery:
  alternate:
    - 192.0.2.9:3479
    - bind: '[2001:db8::2]:3479'
      external: 2001:db8::3
peers:
  allow:
    - 10.0.0.0/8
    - 192.168.0.1/32
  deny:
    - 2001:db8::/32
auth:
  secrets:
    - id: k1
      secret: '***'
    - id: k0
      file: /run/secrets/old
  users:
    alice: '***'
  expiry: hard
  oauth:
    server-name: ''
    keys: []
mobility: true
alternates:
  - turn:192.0.2.9:3478
  - url: turn:other.example:3479?transport=udp
    weight: 3
    domain: other.example
drain:
  deadline: 30m
  alternate:
    - turns:[2001:db8::9]:5349?transport=tcp
quota:
  user:
    allocations: 100
    bandwidth: 100000000
  allocation:
    bandwidth: 50000000
  total:
    allocations: 5000
classes:
  gold:
    allocations: 200
    bandwidth: 5000000000
  staff:
    allocations: 7
    bandwidth: 0
limits:
  permissions: 10
  channels: 20
  new-peers: 25
  connections: 30
  unauthenticated:
    rate: -1
    burst: 30
  handshakes: 100
  backlog:
    bytes: 70000
    time: 1s
api:
  listen: https://0.0.0.0:8443
  cert: /etc/cert.pem
  key: /etc/key.pem
  insecure: false
  names:
    - turn.example.org
  url: https://turn.example.org
  resource: 6f0c3a52-5a1f-4a68-9d5e-3f2f6a0c9a11
  access-keys: []
  token-algorithm: ES256
  advertise:
    - turn:turn.example.org:3478?transport=udp
    - stun:turn.example.org:3478
  credentials:
    ttl: 12h
    max-ttl: 36h
    subject: pseudonym
  scopes:
    - chat
  cors:
    - https://app.example.org
  dialects:
    rest:
      keys:
        - '***'
    cloudflare:
      keys:
        k1: '***'
    twilio:
      accounts:
        AC1: '***'
    matrix: true
  issuers:
    - issuer: https://idp.example
      audience: turn
      jwks: https://idp.example/keys
      subject-claim: upn
      prefix: idp
      scopes:
        - call
      scope-claim: roles
      class-claim: /realm_access/roles
      classes:
        premium: gold
      bandwidth-claim: bps
      max-bandwidth: 5000000
      max-age: 2h
store:
  path: /srv
  nats:
    url: nats://***@nats.example.org:4222
    credentials: /run/nats.creds
    bucket: fleet
    replicas: 3
admin:
  listen: 0.0.0.0:9478
  token-file: /run/secrets/operator
metrics:
  listen: 0.0.0.0:9479
log:
  level: debug
  format: json
`
	files := map[string]string{"/run/secrets/old": "an old secret of some length\r\n", "/run/secrets/operator": "a token of some length\n"}
	files["cert.pem"], files["key.pem"] = madeCertificate(t)
	files["/etc/cert.pem"], files["/etc/key.pem"] = files["cert.pem"], files["key.pem"]
	l := mustLoad(t, text, Sources{}, files)
	if got := l.Auth.Secrets[1].Secret.Reveal(); got != "an old secret of some length" {
		t.Errorf("secret of a file is %q", got)
	}
	got, err := l.YAML()
	if err != nil {
		t.Fatal(err)
	}
	// The secret *** stands in the input as well: what is printed is the input itself, so nothing was lost on the way.
	if normal := strings.ReplaceAll(strings.ReplaceAll(string(got), `"`, ""), "'", ""); normal != strings.ReplaceAll(text, "'", "") {
		t.Errorf("print shows\n%s\nof\n%s", got, text)
	}
	again := mustLoad(t, string(got), Sources{}, files)
	if !reflect.DeepEqual(again.Config, l.Config) {
		t.Errorf("what is printed loads as\n%+v\nwant\n%+v", again.Config, l.Config)
	}
}

func TestPrecedence(t *testing.T) {
	t.Parallel()
	text := minimal + "realm: file\nrelay: {workers: 1, lifetime: {max: 2h}}\npeers: {allow: [10.0.0.0/8, 192.168.0.0/16]}\nlog: {level: warn}\n"
	l := mustLoad(t, text, Sources{
		Environ: []string{
			"TURNOUT_REALM=environment", "TURNOUT_RELAY_WORKERS=2", `TURNOUT_RELAY={"workers": 7, "batch": 32}`,
			`TURNOUT_PEERS_ALLOW=["172.16.0.0/12"]`, "TURNOUT_LOG_LEVEL=", "TURNOUT_LISTEN=tcp://127.0.0.1:3479",
			`TURNOUT_AUTH_USERS={"alice": "wonder:land", "bob": 12345678}`,
		},
		Set: []string{"relay.workers=3", "relay.workers=4", "peers.deny=10.0.0.1"},
	}, nil)
	checks := []struct {
		what      string
		got, want any
	}{
		{"realm: the variable wins", l.Realm, "environment"},
		{"relay.workers: the last flag wins", l.Relay.Workers, 4},
		{"relay.batch: a section's variable sets its keys", l.Relay.Batch, 32},
		{"relay.lifetime.max: and leaves the others", l.Relay.Lifetime.Max, Duration(2 * time.Hour)},
		{"peers.allow: a list is replaced whole", l.Peers.Allow, []Prefix{{netip.MustParsePrefix("172.16.0.0/12")}}},
		{"peers.deny: one item stands for a list", l.Peers.Deny, []Prefix{{netip.MustParsePrefix("10.0.0.1/32")}}},
		{"log.level: an empty variable is not set", l.Log.Level, "warn"},
		{"listen", l.Listen, []Listener{{"tcp", netip.MustParseAddrPort("127.0.0.1:3479")}}},
		{"auth.users", l.Auth.Users, map[string]Secret{"alice": NewSecret("wonder:land"), "bob": NewSecret("12345678")}},
	}
	for _, c := range checks {
		if !reflect.DeepEqual(c.got, c.want) {
			t.Errorf("%s: got %#v, want %#v", c.what, c.got, c.want)
		}
	}
}

func TestSecretFiles(t *testing.T) {
	t.Parallel()
	beside := map[string]string{"/run/secret": "secret in a file, of some length\n", "/run/users": `{"alice": "wonderland"}` + "\n",
		"beside.txt": "secret beside the file\n"}
	l := mustLoad(t, "listen: udp://127.0.0.1:1\n", Sources{Environ: []string{"TURNOUT_AUTH_SECRETS_FILE=/run/secret", "TURNOUT_AUTH_USERS_FILE=/run/users"}}, beside)
	if len(l.Auth.Secrets) != 1 || l.Auth.Secrets[0].Secret.Reveal() != "secret in a file, of some length" {
		t.Error("TURNOUT_AUTH_SECRETS_FILE was not read as one secret")
	}
	if l.Auth.Users["alice"].Reveal() != "wonderland" {
		t.Error("TURNOUT_AUTH_USERS_FILE was not read as a map")
	}
	if name := SecretID(l.Auth.Secrets[0].Secret); l.Auth.Secrets[0].ID != name || !idShape.MatchString(name) {
		t.Errorf("id %q, want %q", l.Auth.Secrets[0].ID, name)
	}
	l = mustLoad(t, "listen: udp://127.0.0.1:1\nauth: {secrets: {file: beside.txt}}\n", Sources{}, beside)
	if l.Auth.Secrets[0].Secret.Reveal() != "secret beside the file" {
		t.Error("a file beside the configuration was not read")
	}
}

func TestFileIsRelativeToTheConfiguration(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{"turnout.yaml": "listen: udp://127.0.0.1:1\nauth: {secrets: [{file: secret}]}\n", "secret": "a secret of some length\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	l, err := Load(Sources{File: filepath.Join(dir, "turnout.yaml")})
	if err != nil {
		t.Fatal(err)
	}
	if l.Auth.Secrets[0].Secret.Reveal() != "a secret of some length" {
		t.Error("another file was read")
	}
}

func TestUnreadableFile(t *testing.T) {
	t.Parallel()
	_, err := Load(Sources{File: filepath.Join(t.TempDir(), "none.yaml")})
	var e *Error
	if !errors.Is(err, fs.ErrNotExist) || errors.As(err, &e) {
		t.Errorf("got %v, want fs.ErrNotExist and no *Error", err)
	}
}

// TestWithoutConfiguration is the first try: loopback only, and loopback peers in this mode alone.
func TestWithoutConfiguration(t *testing.T) {
	t.Parallel()
	l, err := Load(Sources{Environ: []string{"HOME=/home/alice", "TURNOUT_LOG_LEVEL=debug"}})
	if err != nil {
		t.Fatal(err)
	}
	if !l.Local || !l.FirstSecret || len(l.Warnings) > 0 {
		t.Errorf("Local %v, FirstSecret %v, warnings %v", l.Local, l.FirstSecret, l.Warnings)
	}
	if l.Log.Level != "debug" {
		t.Error("a variable that names no listener ends the mode or is not read")
	}
	for _, ln := range l.Listen {
		if !ln.Addr.Addr().IsLoopback() || ln.Addr.Port() != 3478 {
			t.Errorf("listens on %v", ln)
		}
	}
	if len(l.Listen) != 4 || len(l.Relay.Addresses) != 2 || len(l.Peers.Allow) != 2 || l.Admin.Listen.String() != "127.0.0.1:9478" {
		t.Errorf("got %+v", l.Config)
	}

	l, err = Load(Sources{Environ: []string{"TURNOUT_LISTEN=udp://192.0.2.1:3478", "HOME=/home/alice"}})
	if err != nil {
		t.Fatal(err)
	}
	if l.Local || len(l.Peers.Allow) > 0 || len(l.Relay.Addresses) > 0 || l.Admin.Listen.IsValid() || !l.FirstSecret {
		t.Errorf("a listener was named, and still: %+v", l)
	}
}

func TestStateFolder(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		environ []string
		want    string
	}{
		{[]string{"HOME=/home/alice", "XDG_STATE_HOME=/state"}, "/state/turnout"},
		{[]string{"HOME=/home/alice", "XDG_STATE_HOME=relative"}, "/home/alice/.local/state/turnout"},
		{[]string{"HOME=/home/alice"}, "/home/alice/.local/state/turnout"},
		{[]string{"HOME=/"}, "/var/lib/turnout"},
		{nil, "/var/lib/turnout"},
		{[]string{"HOME=/home/alice", "TURNOUT_STORE_PATH=/srv"}, "/srv"},
	} {
		l, err := Load(Sources{Environ: c.environ})
		if err != nil {
			t.Fatal(err)
		}
		if l.Store.Path != c.want {
			t.Errorf("with %v the state folder is %s, want %s", c.environ, l.Store.Path, c.want)
		}
	}
}

func TestExampleLoads(t *testing.T) {
	t.Parallel()
	l := mustLoad(t, Example, Sources{}, nil)
	if len(l.Warnings) != 1 || !strings.Contains(l.Warnings[0].Text, "example's secret") {
		t.Errorf("warnings %v, want the one of its secret", l.Warnings)
	}

	// Edited as its comments say, there is nothing left to warn of.
	edited := strings.NewReplacer("udp://127.0.0.1", "udp://192.0.2.1", "tcp://127.0.0.1", "tcp://192.0.2.1",
		"addresses: [127.0.0.1]", "addresses: [192.0.2.1]", exampleSecret, "Zm9yIHRoaXMgdGVzdCBhbG9uZQ").Replace(Example)
	if l := mustLoad(t, edited, Sources{}, nil); len(l.Warnings) > 0 {
		t.Errorf("edited, it is warned of: %v", l.Warnings)
	}
	// Public with the example's secret, it is an open relay.
	if _, err := load(t, strings.Replace(Example, "udp://127.0.0.1", "udp://192.0.2.1", 1), Sources{}, nil); err == nil {
		t.Error("a public listener with the example's secret is accepted")
	}
}

// TestExampleDefaults removes the "# " before one key after the other: each must load and change nothing.
func TestExampleDefaults(t *testing.T) {
	t.Parallel()
	want := mustLoad(t, Example, Sources{}, nil)
	lines := strings.SplitAfter(Example, "\n")
	tried := 0
	for i, line := range lines {
		rest, ok := strings.CutPrefix(strings.TrimLeft(line, " "), "# ")
		key, _, _ := strings.Cut(rest, ":")
		if !ok || !slices.ContainsFunc(schema, func(f field) bool { return f.key == key && !f.section }) || strings.HasSuffix(strings.TrimSpace(line), ":") {
			continue
		}
		tried++
		edited := slices.Clone(lines)
		edited[i] = strings.Replace(line, "# ", "", 1)
		l := mustLoad(t, strings.Join(edited, ""), Sources{}, nil)
		// Empty and absent lists are the same.
		l.Peers, want.Peers, l.Auth.Users, want.Auth.Users = Peers{}, Peers{}, nil, nil
		for _, c := range []*Config{&l.Config, &want.Config} {
			if len(c.Auth.OAuth.Keys) == 0 {
				c.Auth.OAuth.Keys = nil
			}
			if len(c.Alternates)+len(c.Drain.Alternate) == 0 {
				c.Alternates, c.Drain.Alternate = nil, nil
			}
		}
		l.NATDiscovery, want.NATDiscovery = NATDiscovery{}, NATDiscovery{}
		l.TLS.Certificates, l.ProxyProtocol = want.TLS.Certificates, want.ProxyProtocol
		if !reflect.DeepEqual(l.Config, want.Config) {
			t.Errorf("%q changes the configuration to\n%+v, want\n%+v", strings.TrimSpace(edited[i]), l.Config, want.Config)
		}
	}
	if tried < 20 {
		t.Errorf("only %d keys are commented out in the example", tried)
	}
}

func TestSchema(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for _, f := range schema {
		names := []string{variable(f.path)}
		if f.tag.Get("secret") != "" {
			names = append(names, variable(f.path)+"_FILE")
		}
		for _, name := range names {
			if seen[name] != "" {
				t.Errorf("%s and %s share the variable %s", f.path, seen[name], name)
			}
			if kubernetes(name, "1") {
				t.Errorf("%s looks like a variable of Kubernetes", name)
			}
			seen[name] = f.path
		}
		if slices.Contains(unavailable, f.path) {
			t.Errorf("%s is declared and in the table of unavailable keys", f.path)
		}
	}
	for _, u := range unavailable {
		if u == "" || len(strings.Split(u, ".")) > 3 {
			t.Errorf("odd unavailable key %q", u)
		}
	}
}

func TestSuggest(t *testing.T) {
	t.Parallel()
	known := []string{"realm", "listen", "relay", "max-ttl", "allocations"}
	for word, want := range map[string]string{
		"relam": "realm", "listn": "listen", "Listen": "listen", "max_ttl": "max-ttl", "maxttl": "max-ttl", "alocation": "allocations",
		"tls": "", "x": "", "": "", "unlike": "", strings.Repeat("a", 1000): "",
	} {
		if got := suggest(word, known); got != want {
			t.Errorf("suggest(%q) = %q, want %q", word, got, want)
		}
	}
}
