package peertest

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"turnout/internal/ports"
)

// accessKey is what the SDKs sign with: 32 bytes in base64.
const accessKey = "dGhpcnR5LXR3byBieXRlcyBmb3IgdGhlIHRlc3RzLi4="

// sdkConfiguration is that of a relay with a service that speaks HTTPS.
const sdkConfiguration = `realm: %[1]s
listen: [udp://127.0.0.1:%[2]d, tcp://127.0.0.1:%[2]d]
relay: {addresses: [127.0.0.1], ports: %[5]d-%[6]d, channels: rfc5766}
peers: {allow: [127.0.0.0/8]}
drain: {deadline: 1s}
admin: {listen: "127.0.0.1:%[3]d"}
api: {listen: "https://127.0.0.1:%[4]d", cert: cert.pem, key: key.pem, access-keys: [%[7]s], resource: %[8]s}
store: {path: %[9]s}
`

const sdkResource = "6f0c3a52-5a1f-4a68-9d5e-3f2f6a0c9a11"

// A relayAnswer is what the network traversal SDK makes of a relay configuration.
type relayAnswer struct {
	ExpiresOn  time.Time
	ICEServers []sdkServer `json:"iceServers"`
}

// An sdkServer is one of its servers, and the same as the SDK gives it to RTCPeerConnection.
type sdkServer struct {
	URLs                            []string
	Username, Credential, RouteType string
	raw                             map[string]any
}

// UnmarshalJSON keeps what it reads.
func (s *sdkServer) UnmarshalJSON(b []byte) error {
	type plain sdkServer // without this method
	if err := json.Unmarshal(b, (*plain)(s)); err != nil {
		return err
	}
	return json.Unmarshal(b, &s.raw)
}

type sdkFault struct {
	Name, Code, Message string
	Status              int
}

// sdkOutcome is what acs/run.mjs prints.
type sdkOutcome struct {
	User, Other           string
	Minutes, Hours        int
	SameExpiry            bool
	Algorithm             string // of a token that was verified by the published keys
	Relay, Anonymous, Own relayAnswer
	AfterRevocation       relayAnswer // of a token issued right after its user was revoked
	Faults                map[string]sdkFault
}

// TestAzureSDKs runs the SDKs of Azure Communication Services, unmodified, over HTTPS,
// and relays with what they were given: by coturn's client, and in Chromium.
func TestAzureSDKs(t *testing.T) {
	peers(t)
	t.Parallel()
	node, uclient := tool(t, "node"), tool(t, "turnutils_uclient")
	if _, err := os.Stat(filepath.Join("node_modules", "@azure", "communication-identity")); err != nil {
		t.Fatalf("%v: npm ci in internal/peertest, or .ci/run prepare, installs it", err)
	}
	if os.Getenv("PEERTEST_SERVER") != "" {
		t.Skip("PEERTEST_SERVER names the server to test: turnout is not started")
	}
	dir := t.TempDir()
	writeCertificate(t, dir)
	r := ports.Reserve(t, relayPorts+3)
	config := filepath.Join(dir, "turnout.yaml")
	text := fmt.Sprintf(sdkConfiguration, realm, r.First, r.First+1, r.First+2, r.First+3, r.Last(), accessKey, sdkResource, dir)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	serve(t, fmt.Sprintf("127.0.0.1:%d", r.First+1), "--config", config)
	got := runSDKs(t, node, filepath.Join(dir, "cert.pem"), fmt.Sprintf("endpoint=https://127.0.0.1:%d/;accesskey=%s", r.First+2, accessKey))
	got.check(t, r.First)
	got.checkFaults(t)
	echo := startEcho(t, tool(t, "turnutils_peer"))
	t.Run("Chromium", func(t *testing.T) {
		t.Run("an application's", func(t *testing.T) { got.Anonymous.callWith(t) })
		t.Run("by the user's token", func(t *testing.T) { got.AfterRevocation.callWith(t) })
	})
	for name, answer := range map[string]relayAnswer{"revoked": got.Relay, "after the revocation": got.AfterRevocation, "nobody's": got.Anonymous} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ice := answer.ICEServers[0]
			args := []string{"-u", ice.Username, "-w", ice.Credential, "-p", strconv.Itoa(r.First), "-r", echo, "-e", "127.0.0.1", "127.0.0.1"}
			if name != "revoked" {
				runClient(t, uclient, args)
				return
			}
			if counted, out := client(t, uclient, args); counted != (total{}) || !strings.Contains(out, "Cannot complete Allocation") {
				t.Errorf("%+v was relayed with a revoked credential:\n%s", counted, out)
			}
		})
	}
}

// callWith has Chromium make a call with what the SDK returned, as it is.
func (a relayAnswer) callWith(t *testing.T) {
	t.Helper()
	var servers []map[string]any
	for _, s := range a.ICEServers {
		servers = append(servers, s.raw)
	}
	relayedCall(t, servers, []string{"udp", "tcp"})
}

// runSDKs runs the script that uses the SDKs, which trusts the certificate.
func runSDKs(t *testing.T, node, certificate, connection string) (got sdkOutcome) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, node, filepath.Join("acs", "run.mjs"), connection)
	command.Env = append(os.Environ(), "NODE_EXTRA_CA_CERTS="+certificate)
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	if err := command.Run(); err != nil {
		t.Fatalf("node: %v\n%s", err, &stderr)
	}
	if err := json.Unmarshal(stdout.Bytes(), &got); err != nil {
		t.Fatalf("%v in what the script printed: %s\n%s", err, &stdout, &stderr)
	}
	return got
}

var sdkUser = regexp.MustCompile(`^8:acs:` + sdkResource + `_[0-9a-f-]{36}$`)

// check looks at what the SDKs were given.
func (o *sdkOutcome) check(t *testing.T, port int) {
	t.Helper()
	if !sdkUser.MatchString(o.User) || !sdkUser.MatchString(o.Other) || o.User == o.Other {
		t.Errorf("users %q and %q", o.User, o.Other)
	}
	if o.Minutes != 60 || o.Hours != 24 || !o.SameExpiry {
		t.Errorf("tokens live for %d minutes and %d hours, want 60 and 24; exp equals expiresOn: %v", o.Minutes, o.Hours, o.SameExpiry)
	}
	if o.Algorithm != "EdDSA" {
		t.Errorf("a token verified by the published keys: %q, want EdDSA", o.Algorithm)
	}
	want := []string{
		fmt.Sprintf("turn:127.0.0.1:%d?transport=udp", port), fmt.Sprintf("turn:127.0.0.1:%d?transport=tcp", port), fmt.Sprintf("stun:127.0.0.1:%d", port),
	}
	for name, c := range map[string]struct {
		answer relayAnswer
		life   time.Duration
		routes []string
		of     string
	}{
		"a user's":            {o.Relay, time.Hour, []string{"any"}, o.User},
		"nobody's":            {o.Anonymous, 48 * time.Hour, []string{"any", "nearest"}, ""},
		"after a revocation":  {o.AfterRevocation, 24 * time.Hour, []string{"any", "nearest"}, o.User},
		"by the user's token": {o.Own, 24 * time.Hour, []string{"any", "nearest"}, o.User},
	} {
		var routes []string
		for _, s := range c.answer.ICEServers {
			routes = append(routes, s.RouteType)
			if !slices.Equal(s.URLs, want) || s.Credential == "" || !strings.Contains(s.Username, c.of) {
				t.Errorf("%s: %+v, want URLs %v", name, s, want)
			}
		}
		if off := time.Until(c.answer.ExpiresOn) - c.life; off.Abs() > time.Minute || !slices.Equal(routes, c.routes) {
			t.Errorf("%s: until %v, for routes %v; want %v and %v", name, c.answer.ExpiresOn, routes, c.life, c.routes)
		}
	}
}

// checkFaults looks at what the SDKs made of errors.
func (o *sdkOutcome) checkFaults(t *testing.T) {
	t.Helper()
	for name, want := range map[string]sdkFault{
		"minutes": {"RestError", "ValidationError", "ExpiresInMinutes value 59 is invalid. Value must be within the [60, 1440] interval.", 400},
		"scopes":  {"RestError", "ValidationError", "Invalid scopes - Scopes field is required.", 400},
		"foreign": {"RestError", "IdentityNotOwned", "Provided identity doesn't belong to the resource.", 401},
		"teams":   {"RestError", "InvalidAccessToken", "Provided access token is not valid.", 401},
		"others":  {"RestError", "Forbidden", "A user's access token gives credentials for that user only.", 403},
		"key":     {"RestError", "Denied", "Denied by the resource provider.", 401},
		"revoked": {"RestError", "InvalidAccessToken", "Provided access token is not valid: token revoked.", 401},
		"deleted": {"RestError", "IdentityNotFound", "Provided identity doesn't exist.", 404},
	} {
		if got := o.Faults[name]; got != want {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
}

// writeCertificate makes cert.pem and key.pem for 127.0.0.1.
func writeCertificate(t *testing.T, dir string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: der}, "key.pem": {Type: "PRIVATE KEY", Bytes: raw}} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
