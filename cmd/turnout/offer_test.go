package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pion/turn/v4"

	"turnout/internal/api"
)

const accessKey = "Zm9yIHRoZSB0ZXN0cyBvZiB0aGUgc2VydmljZSBhbG9uZQ=="

// offering serves a relay and a service for real, on free ports of loopback, and gives the service's address and the operator's.
func offering(t *testing.T, more string) (c *console, config, service, operator string, stop func() int) {
	t.Helper()
	c = newConsole(t)
	c.parts, c.now = realParts, time.Now
	config = file(t, fmt.Sprintf(`listen: [udp://127.0.0.1:0]
relay: {addresses: 127.0.0.1}
admin: {listen: "127.0.0.1:0"}
api:
  listen: http://127.0.0.1:0
  access-keys: [%s]
%s
store: {path: %s}
`, accessKey, more, t.TempDir()))
	stop = c.serving(t, "--config", config)
	found := func(shape string) string {
		m := regexp.MustCompile(shape).FindStringSubmatch(c.out.String())
		if m == nil {
			t.Fatalf("stdout lacks %s: %s%s", shape, &c.out, &c.err)
		}
		return m[1]
	}
	return c, config, found(`(?m)^service    (http://\S+)$`), found(`(?m)^operator   (http://[^/\s]+)`), stop
}

// another is a command beside the one that serves.
func another(t *testing.T, connection string) func(want int, args ...string) (stdout, stderr string) {
	t.Helper()
	return func(want int, args ...string) (string, string) {
		t.Helper()
		c := newConsole(t, "TURNOUT_CONNECTION_STRING="+connection)
		c.parts, c.now = realParts, time.Now
		if code := c.run(context.Background(), args); code != want {
			t.Fatalf("turnout %s: exit %d, want %d: %s", strings.Join(args, " "), code, want, &c.err)
		}
		return strings.TrimSpace(c.out.String()), c.err.String()
	}
}

// TestRevocationEndsCalls has a client with a live allocation, whose user is revoked: within a second it is gone.
func TestRevocationEndsCalls(t *testing.T) {
	t.Parallel()
	for name, more := range map[string]string{"plain": "", "pseudonym": "  credentials: {subject: pseudonym}"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, _, service, operator, stop := offering(t, more)
			turnout := another(t, connectionString(service, decoded(t, accessKey)))
			user, _ := turnout(exitOK, "user", "create")
			bystander, _ := turnout(exitOK, "user", "create")
			token, _ := turnout(exitOK, "token", "mint", "--user", user)
			var alive []net.PacketConn
			for _, args := range [][]string{{"--token", token}, {"--user", bystander}, {"--user", "alice"}} {
				text, _ := turnout(exitOK, append([]string{"credentials"}, args...)...)
				if strings.Contains(text, user) == (name == "pseudonym") && args[0] == "--token" {
					t.Errorf("username: %s", text)
				}
				alive = append(alive, allocate(t, text))
			}
			awaitAllocations(t, operator, 3)
			began := time.Now()
			turnout(exitOK, "user", "revoke", user)
			awaitAllocations(t, operator, 2)
			turnout(exitOK, "user", "revoke", "alice")
			turnout(exitOK, "user", "delete", bystander)
			awaitAllocations(t, operator, 0)
			took := time.Since(began)
			t.Logf("three commands and what they end took %v; by the relay's own clock the last allocation ended %s s after its revocation, summed up", took, metric(t, operator, "turnout_revocation_teardown_seconds_sum"))
			if took > 10*time.Second {
				t.Errorf("took %v", took)
			}
			names := map[string]string{"plain": "3", "pseudonym": "6"}[name] // a pseudonym is revoked with its user
			for series, want := range map[string]string{
				"turnout_revocation_teardown_seconds_count":                                                "3",
				`turnout_revocation_teardown_seconds_bucket{le="10"}`:                                      "3",
				"turnout_revocation_delay_seconds_count":                                                   names,
				`turnout_user_changes_total{change="user_revoked"}`:                                        "1",
				`turnout_user_changes_total{change="subject_revoked"}`:                                     "1",
				`turnout_user_changes_total{change="user_deleted"}`:                                        "1",
				`turnout_user_changes_total{change="user_created"}`:                                        "2",
				`turnout_tokens_total{result="issued"}`:                                                    "1",
				`turnout_credentials_total{dialect="native",result="issued"}`:                              "3",
				`turnout_http_requests_total{listener="api",route="DELETE /identities/{id}",status="2xx"}`: "1",
				`turnout_revocations{kind="subjects"}`:                                                     names,
			} {
				// What a revocation took is counted when the worker that ends the calls has told, and its gauge shows that already.
				await(t, series+" to be "+want, func() bool { return metric(t, operator, series) == want })
			}
			if _, errs := turnout(exitFailure, "credentials", "--token", token); !strings.Contains(errs, "InvalidAccessToken") {
				t.Errorf("stderr %q", errs)
			}
			for _, a := range alive {
				_ = a.Close() // the relay is gone: it says so, and that is no news
			}
			if code := stop(); code != exitOK {
				t.Errorf("exit %d", code)
			}
		})
	}
}

// awaitAllocations waits for so many live allocations. Workers publish their counts
// at the end of a round, when their answers have left already.
func awaitAllocations(t *testing.T, operator string, want int) {
	t.Helper()
	began := time.Now()
	await(t, fmt.Sprint(want, " live allocations"), func() bool { return allocations(t, operator) == want })
	t.Logf("%d live allocations after %v", want, time.Since(began))
}

// allocate makes an allocation with the credentials of an answer.
func allocate(t *testing.T, text string) net.PacketConn {
	t.Helper()
	relayed, err := tryToAllocate(t, text)
	if err != nil {
		t.Fatalf("allocate with %s: %v", text, err)
	}
	return relayed
}

// tryToAllocate gives what the relay says where it refuses.
func tryToAllocate(t *testing.T, text string) (net.PacketConn, error) {
	t.Helper()
	var answer api.ICEAnswer
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	last := answer.ICEServers[len(answer.ICEServers)-1]
	at := strings.TrimSuffix(strings.TrimPrefix(last.URLs[0], "turn:"), "?transport=udp")
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	client, err := turn.NewClient(&turn.ClientConfig{TURNServerAddr: at, Conn: conn, Username: last.Username, Password: last.Credential})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close(); _ = conn.Close() })
	if err := client.Listen(); err != nil {
		t.Fatal(err)
	}
	return client.Allocate()
}

// allocations is how many the operator sees.
func allocations(t *testing.T, operator string) (n int) {
	t.Helper()
	r, err := http.Get(operator + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, m := range regexp.MustCompile(`(?m)^turnout_allocations(?:\{[^}]*\})? (\d+)$`).FindAllStringSubmatch(string(text), -1) {
		if _, err := fmt.Sscan(m[1], &n); err != nil {
			t.Fatal(err)
		}
		total += n
	}
	return total
}

func decoded(t *testing.T, key string) []byte {
	t.Helper()
	raw, err := base64.StdEncoding.DecodeString(key)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// TestServiceCommands goes through every command against a running service, and then against its store alone.
func TestServiceCommands(t *testing.T) {
	t.Parallel()
	_, config, service, _, stop := offering(t, "  scopes: [voip]\n  advertise: [\"turn:turn.example.org:3478?transport=udp\"]")
	connection := connectionString(service, decoded(t, accessKey))
	turnout := another(t, connection)
	user, _ := turnout(exitOK, "user", "create", "--custom-id", "alice")
	if again, _ := turnout(exitOK, "user", "create", "--custom-id", "alice"); again != user || !strings.HasPrefix(user, "8:acs:") {
		t.Errorf("%q and %q", user, again)
	}
	text, _ := turnout(exitOK, "token", "mint", "--user", user, "--scope", "chat", "--ttl", "90m", "--json")
	var minted struct{ User, Token, ExpiresOn string }
	if err := json.Unmarshal([]byte(text), &minted); err != nil || minted.User != user || minted.ExpiresOn == "" {
		t.Fatalf("%v: %s", err, text)
	}
	if said, _ := turnout(exitOK, "token", "verify", minted.Token); !strings.Contains(said, `"scope": "chat"`) || !strings.Contains(said, user) {
		t.Errorf("verify says %s", said)
	}
	if _, errs := turnout(exitFailure, "credentials", "--token", minted.Token); !strings.Contains(errs, "403 InsufficientScope") {
		t.Errorf("stderr %q", errs)
	}
	if text, _ := turnout(exitOK, "credentials", "--user", user, "--format", "env"); !strings.Contains(text, "TURN_URLS=turn:turn.example.org:3478?transport=udp\n") {
		t.Errorf("credentials: %s", text)
	}
	for ttl, want := range map[string]string{"1h": "", "1000h": ", not 1000h0m0s: no longer than api.credentials.max-ttl says"} {
		if _, errs := turnout(exitOK, "credentials", "--user", user, "--ttl", ttl); !strings.Contains(errs, want) || want == "" && errs != "" {
			t.Errorf("--ttl %s: stderr %q, want %q", ttl, errs, want)
		}
	}
	if list, _ := turnout(exitOK, "user", "list"); !strings.HasPrefix(list, user) || !strings.HasSuffix(list, "alice") {
		t.Errorf("list: %q", list)
	}
	// The store is in use: the way to the service is named.
	silent := another(t, "")
	if _, errs := silent(exitFailure, "user", "list", "--config", config); !strings.Contains(errs, "a running service has the store") || !strings.Contains(errs, "by --connection-string or TURNOUT_CONNECTION_STRING, as endpoint=http") {
		t.Errorf("stderr %q", errs)
	}
	wrongKey := another(t, connectionString(service, []byte("no key of the service")))
	if _, errs := wrongKey(exitFailure, "user", "list"); !strings.Contains(errs, "answers 401 Denied: ") || !strings.Contains(errs, "; look at the access key of the connection string") {
		t.Errorf("stderr %q", errs)
	}
	nobody := user[:len(user)-1] + "0"
	if nobody == user {
		nobody = user[:len(user)-1] + "1"
	}
	for _, c := range []struct {
		code int
		want string
		args []string
	}{
		{exitFailure, "404 IdentityNotFound", []string{"user", "delete", nobody}},
		{exitFailure, "401 IdentityNotOwned", []string{"user", "delete", "alice"}},
		{exitFailure, "the token is not valid: token malformed", []string{"token", "verify", "x"}},
		{exitFailure, "there is no token on standard input", []string{"token", "verify", "-"}},
		{exitUsage, "token mint needs --user ID", []string{"token", "mint"}},
		{exitUsage, "--ttl 30m0s is not 1h to 24h", []string{"token", "mint", "--user", user, "--ttl", "30m"}},
		{exitFailure, "400 ValidationError: Invalid scopes", []string{"token", "mint", "--user", user, "--scope", "video"}},
		{exitUsage, "credentials needs --user ID or --token JWT", []string{"credentials", "--user", "a", "--token", "b"}},
		{exitUsage, "the connection string is not endpoint=", []string{"user", "list", "--connection-string", "accesskey=x"}},
		{exitUsage, "the access key of the connection string is not base64", []string{"user", "list", "--connection-string", "endpoint=http://127.0.0.1;accesskey=!"}},
		{exitFailure, "401 Denied", []string{"user", "list", "--connection-string", "endpoint=" + service + "/;accesskey=AAAA"}},
		{exitUsage, "this configuration has no api", []string{"user", "list", "--config", file(t, minimal)}},
		{exitUsage, "needs a command, of create, delete, list, revoke", []string{"user"}},
		{exitUsage, "needs a command, of mint, oauth, verify", []string{"token"}},
	} {
		_, errs := turnout(c.code, c.args...)
		if !strings.Contains(errs, c.want) || strings.Contains(errs, "AAAA") {
			t.Errorf("%v: stderr %q, want %q", c.args, errs, c.want)
		}
	}
	if code := stop(); code != exitOK {
		t.Fatalf("exit %d", code)
	}
	// Now the store is free, and the same commands work on it.
	if list, _ := silent(exitOK, "user", "list", "--config", config); !strings.HasPrefix(list, user) {
		t.Errorf("list: %q", list)
	}
	if said, _ := silent(exitOK, "token", "verify", minted.Token, "--config", config); !strings.Contains(said, user) {
		t.Errorf("verify says %s", said)
	}
	silent(exitOK, "user", "revoke", user, "--config", config)
	if _, errs := silent(exitFailure, "token", "verify", minted.Token, "--config", config); !strings.Contains(errs, "token revoked") {
		t.Errorf("stderr %q", errs)
	}
	// Who asks a service that is not there is told so.
	_, errs := turnout(exitFailure, "user", "list")
	if !strings.HasPrefix(errs, "turnout: the service at "+service+" does not answer: dial tcp ") || !strings.HasSuffix(errs, "connection refused; nothing listens there: start it, or look at the address\n") {
		t.Errorf("stderr %q", errs)
	}
}

// TestConnectionStringFile keeps the key out of the environment.
func TestConnectionStringFile(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "connection")
	if err := os.WriteFile(name, []byte("Endpoint=https://turn.example.org/;AccessKey=AAAA\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := newConsole(t, "TURNOUT_CONNECTION_STRING_FILE="+name)
	to, err := c.connect(t.Context(), &target{})
	if err != nil || to.endpoint != "https://turn.example.org" || len(to.key) != 3 {
		t.Errorf("%+v, %v", to, err)
	}
	c = newConsole(t, "TURNOUT_CONNECTION_STRING_FILE="+name+".not")
	if _, err := c.connect(t.Context(), &target{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

// TestServiceAlone serves credentials for a relay that runs elsewhere.
func TestServiceAlone(t *testing.T) {
	t.Parallel()
	c := newConsole(t)
	c.parts, c.now = realParts, time.Now
	text := "auth: {secrets: [{id: k1, secret: a-secret-of-some-length}]}\nadmin: {listen: \"127.0.0.1:0\"}\nstore: {path: " + t.TempDir() +
		"}\napi: {listen: \"http://127.0.0.1:0\", advertise: \"turn:192.0.2.1:3478\", access-keys: " + accessKey + "}\n"
	stop := c.serving(t, "--config", file(t, text))
	service := regexp.MustCompile(`(?m)^service    (\S+)$`).FindStringSubmatch(c.out.String())
	operator := regexp.MustCompile(`(?m)^operator   (http://[^/\s]+)`).FindStringSubmatch(c.out.String())
	if service == nil || operator == nil || strings.Contains(c.out.String(), "listening") {
		t.Fatalf("%s%s", &c.out, &c.err)
	}
	turnout := another(t, connectionString(service[1], decoded(t, accessKey)))
	if answer, _ := turnout(exitOK, "credentials", "--user", "bob"); !strings.Contains(answer, "turn:192.0.2.1:3478") || !strings.Contains(answer, ":bob:~1.k1.") {
		t.Errorf("%s", answer)
	}
	r, err := http.Get(operator[1] + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	r.Body.Close()
	if r.StatusCode != http.StatusOK {
		t.Errorf("/readyz: %s", r.Status)
	}
	if code := stop(); code != exitOK {
		t.Errorf("exit %d: %s", code, &c.err)
	}
}

// TestHTTPS shows the service's own certificate, or those of the relay where it has none.
func TestHTTPS(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	relayed, relayedKey := certify(t, dir, "turn.test")
	own, ownKey := certify(t, dir, "api.test")
	for want, more := range map[string]string{"turn.test": "", "api.test": ", cert: " + own + ", key: " + ownKey} {
		c := newConsole(t)
		c.parts, c.now = realParts, time.Now
		stop := c.serving(t, "--config", file(t, fmt.Sprintf("listen: [udp://127.0.0.1:0]\nrelay: {addresses: 127.0.0.1}\ntls: {cert: %s, key: %s}\nstore: {path: %s}\napi: {listen: \"https://127.0.0.1:0\", names: [%s]%s}\n",
			relayed, relayedKey, t.TempDir(), want, more)))
		at := regexp.MustCompile(`(?m)^service    https://(\S+)$`).FindStringSubmatch(c.out.String())
		if at == nil {
			t.Fatalf("%s%s", &c.out, &c.err)
		}
		roots := x509.NewCertPool()
		for _, name := range []string{relayed, own} {
			text, err := os.ReadFile(name)
			if err != nil || !roots.AppendCertsFromPEM(text) {
				t.Fatal(name, err)
			}
		}
		conn, err := tls.Dial("tcp", at[1], &tls.Config{RootCAs: roots, ServerName: want})
		if err != nil {
			t.Fatalf("%s: %v", want, err)
		}
		if _, err := io.WriteString(conn, "GET /openapi.json HTTP/1.1\r\nHost: "+want+"\r\nConnection: close\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		if answer, err := io.ReadAll(conn); err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 200 ") {
			t.Errorf("%s: %v %.80s", want, err, answer)
		}
		_ = conn.Close()
		if code := stop(); code != exitOK {
			t.Errorf("exit %d: %s", code, &c.err)
		}
	}
}
