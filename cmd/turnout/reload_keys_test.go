package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"turnout/auth"
)

// changedKeys says for every key how to give it another value than TestReloadEveryKey begins with: by the key's own variable, or by
// several, where one alone would not do. CERT, KEY and FILE stand for files.
var changedKeys = map[string]string{
	"realm": "other", "software": "none", "listen": "udp://192.0.2.1:3478", "tls.fallback": "127.0.0.1:8444", "proxy-protocol.from": "192.0.2.9",
	"relay.addresses": "10.0.0.4", "relay.ports": "50000-50009", "relay.workers": "3", "relay.batch": "3", "relay.gso": "off", "relay.gro": "off",
	"relay.latency-sample": "3", "relay.lifetime.default": "11m", "relay.lifetime.max": "2h", "relay.lifetime.total": "3h", "relay.channels": "rfc5766",
	"relay.tcp.enabled": "false", "relay.tcp.ports": "443", "relay.network": "portable", "nat-discovery.alternate": "10.0.0.4:3480",
	"peers.allow": "10.9.0.0/16", "peers.deny": "10.1.0.0/16", "auth.secrets": "another-secret-of-some-length", "auth.users": `{"bob": "builder-of-houses"}`,
	"auth.expiry": "hard", "mobility": "true", "alternates": "turn:192.0.2.9", "drain.deadline": "5m", "drain.alternate": "turn:192.0.2.8",
	"quota.user.allocations": "5", "quota.user.bandwidth": "6000", "quota.allocation.bandwidth": "7000", "quota.total.allocations": "8",
	"classes": `{"gold": {"allocations": 9}}`, "limits.permissions": "7", "limits.channels": "8", "limits.connections": "9",
	"limits.new-peers": "10", "limits.unauthenticated.rate": "9", "limits.unauthenticated.burst": "10", "limits.handshakes": "11",
	"limits.backlog.bytes": "70000", "limits.backlog.time": "12ms",
	"api.listen": "http://127.0.0.1:1", "api.insecure": "true", "api.names": "app.example", "api.url": "https://turn.example.org",
	"api.resource": "6f0c0000-0000-4000-8000-000000000000", "api.access-keys": "b25lLW90aGVyLWtleS1vZi10aGUtdGVzdA==", "api.token-algorithm": "ES256",
	"api.advertise": "turn:turn.example.org", "api.credentials.ttl": "1h", "api.credentials.max-ttl": "49h", "api.credentials.subject": "pseudonym",
	"api.scopes": "chat", "api.cors": "https://app.example.org", "api.dialects.rest.keys": "a-key-of-sixteen-letters",
	"api.dialects.cloudflare.keys": `{"a": "a-key-of-sixteen-letters"}`, "api.dialects.twilio.accounts": `{"a": "a-key-of-sixteen-letters"}`,
	"api.dialects.matrix": "true", "api.issuers": `[{"issuer": "https://idp.example", "audience": "turn", "jwks": "https://idp.example/keys"}]`,
	"store.path": "/dev/null", "store.nats.url": "nats://127.0.0.1:1", "store.nats.credentials": "/dev/null" + nats, "store.nats.bucket": "other" + nats, "store.nats.replicas": "3" + nats,
	"admin.listen": "127.0.0.1:1", "admin.token-file": "FILE TURNOUT_ADMIN_LISTEN=127.0.0.1:1", "metrics.listen": "127.0.0.1:2", "log.level": "debug", "log.format": "text",
	"auth.oauth.server-name": "turn.example TURNOUT_AUTH_OAUTH_KEYS=" + oauthKeys, "auth.oauth.keys": oauthKeys + " TURNOUT_AUTH_OAUTH_SERVER_NAME=turn.example",
	"tls.cert": "CERT TURNOUT_TLS_KEY=KEY", "tls.key": "KEY TURNOUT_TLS_CERT=CERT", "tls.certificates": `[{"cert":"CERT","key":"KEY"}]`,
	"api.cert": "CERT TURNOUT_API_KEY=KEY", "api.key": "KEY TURNOUT_API_CERT=CERT",
}

const nats = " TURNOUT_STORE_NATS_URL=nats://127.0.0.1:1"

const oauthKeys = `[{"kid":"north","key":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="}]`

// seenElsewhere are keys whose effect the relay's configuration and its verifier do not show: other tests do.
var seenElsewhere = []string{
	"tls.", "api.", "drain.deadline", "log.level", "limits.handshakes",
}

// TestReloadEveryKey changes every key there is in a running process, one after the other. What docs/configuration.md calls
// reloadable takes effect: the relay, or who verifies for it, is given something else. All else is told to need a restart, and nothing
// else changes.
func TestReloadEveryKey(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	keys := regexp.MustCompile(`(?m)^### (\S+)\n\n(?:.*) (Reloadable|Needs a restart)\.$`).FindAllStringSubmatch(string(page), -1)
	if len(keys) != strings.Count(string(page), "\n### ") || len(keys) < 60 {
		t.Fatalf("%d keys found", len(keys))
	}
	for _, key := range keys {
		t.Run(key[1], func(t *testing.T) {
			t.Parallel()
			value, ok := changedKeys[key[1]]
			if !ok {
				t.Fatal("say in changedKeys how to change it")
			}
			reloadKey(t, key[1], value, key[2] == "Reloadable")
		})
	}
}

func reloadKey(t *testing.T, key, value string, reloadable bool) {
	c := newConsole(t)
	c.hangUp = make(chan os.Signal)
	var mu sync.Mutex
	var verifies string
	c.parts.newKeyring = func(keys ...auth.Key) (*auth.Keyring, error) {
		mu.Lock()
		defer mu.Unlock()
		verifies = ""
		for _, k := range keys {
			verifies += k.ID + string(k.Secret)
		}
		return auth.NewKeyring(keys...)
	}
	c.parts.newVerifier = func(v auth.VerifierConfig) (*auth.Verifier, error) {
		mu.Lock()
		defer mu.Unlock()
		verifies += fmt.Sprint(v.Realm, v.Users, v.ThirdParty != nil)
		return auth.NewVerifier(v)
	}
	effect := func() string {
		mu.Lock()
		defer mu.Unlock()
		r := c.relay.config
		r.Verifier, r.Logger, r.ListenStream, r.Network = nil, nil, nil, nil
		shown := fmt.Sprintf("%+v %s", r, verifies)
		verifies = ""
		return shown
	}
	folder := t.TempDir()
	cert, secretKey := certify(t, folder, "turn.test")
	token := filepath.Join(folder, "token")
	if err := os.WriteFile(token, []byte("a-token-of-more-than-sixteen-letters\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	service := "api: {listen: \"http://127.0.0.1:0\"}\n"
	if key == "api.cert" || key == "api.key" {
		own, ownKey := certify(t, t.TempDir(), "turn.test")
		service = "api: {listen: \"https://127.0.0.1:0\"}\ntls: {cert: " + own + ", key: " + ownKey + "}\n"
	}
	name := file(t, minimal+service+"store: {path: "+t.TempDir()+"}\n")
	stop := c.serving(t, "--config", name)
	before := effect()
	value = strings.NewReplacer("CERT ", cert+" ", `"CERT"`, `"`+cert+`"`, "=CERT", "="+cert, "KEY ", secretKey+" ", `"KEY"`, `"`+secretKey+`"`, "=KEY", "="+secretKey, "FILE ", token+" ").Replace(value)
	variable := "TURNOUT_" + strings.NewReplacer(".", "_", "-", "_").Replace(strings.ToUpper(key)) + "="
	more := regexp.MustCompile(` (TURNOUT_[A-Z_]+=)`).ReplaceAllString(variable+value, "\n$1")
	c.environ = append(slices.Clone(c.environ), strings.Split(more, "\n")...)
	c.hangUp <- syscall.SIGHUP
	c.logs(t, `"msg":"reloaded","cause":"SIGHUP"`)
	after, log := effect(), c.err.String()
	stays := strings.Contains(log, "reload: "+key+" needs a restart: it stays ")
	if stays == reloadable {
		t.Errorf("the page says reloadable: %v; the log says\n%s", reloadable, log)
	}
	elsewhere := slices.ContainsFunc(seenElsewhere, func(prefix string) bool { return strings.HasPrefix(key, prefix) })
	switch {
	case !reloadable && after != before:
		// A new verifier is made at each reload: what it is made of must be the same.
		t.Errorf("something changed:\n%s\n%s", before, after)
	case reloadable && !elsewhere && after == before:
		t.Errorf("nothing changed: %s", before)
	}
	if code := stop(); code != exitOK {
		t.Errorf("exit %d", code)
	}
}
