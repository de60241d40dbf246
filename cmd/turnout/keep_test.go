package main

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"turnout/auth/identity"
	"turnout/auth/token"
	"turnout/internal/config"
)

// TestKeep starts twice on one store: what was made is kept.
func TestKeep(t *testing.T) {
	t.Parallel()
	c := newConsole(t)
	l, err := config.Load(config.Sources{Environ: []string{"TURNOUT_STORE_PATH=" + filepath.Join(t.TempDir(), "a", "b")}})
	if err != nil {
		t.Fatal(err)
	}
	var kept [2]*keep
	var secrets [2]string
	for i := range kept {
		k, err := c.openKeep(t.Context(), l, end{})
		if err != nil {
			t.Fatal(err)
		}
		keys, err := k.secrets(t.Context(), l)
		if err != nil {
			t.Fatal(err)
		}
		kept[i], secrets[i] = k, string(keys[0].Secret)
		if i == 0 {
			if _, err := c.openKeep(t.Context(), l, end{}); err == nil || !strings.Contains(err.Error(), "in use by another process") {
				t.Errorf("a second process: %v", err)
			}
		}
		k.close()
	}
	a, b := kept[0], kept[1]
	if !a.made || b.made || a.resource != b.resource || !bytes.Equal(a.access[0].Value, b.access[0].Value) || len(a.access) != 2 ||
		string(a.tokens.JWKS(noon)) != string(b.tokens.JWKS(noon)) || secrets[0] != secrets[1] || len(secrets[0]) < 32 {
		t.Errorf("the second start has other keys: %+v %+v", a, b)
	}
	info, err := os.Stat(a.where)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
}

// TestRotate adds a key when the last one is a month old, once, however many services there are.
func TestRotate(t *testing.T) {
	t.Parallel()
	store := identity.NewMemory()
	l := &config.Loaded{}
	var services [2]*keep
	for i := range services {
		services[i] = &keep{store: store, chain: &keychain{store: store, algorithm: token.EdDSA, now: func() time.Time { return noon }}}
		if err := services[i].keys(t.Context(), l, noon); err != nil {
			t.Fatal(err)
		}
	}
	for _, step := range []struct {
		after time.Duration
		keys  int
	}{{29 * 24 * time.Hour, 1}, {30 * 24 * time.Hour, 2}, {31 * 24 * time.Hour, 2}, {61 * 24 * time.Hour, 2}} {
		now := noon.Add(step.after)
		for _, k := range services {
			if err := k.chain.renewTokens(t.Context(), now); err != nil {
				t.Fatal(err)
			}
			if n := strings.Count(string(k.tokens.JWKS(now)), `"kid"`); n != step.keys {
				t.Errorf("after %v: %d keys, want %d", step.after, n, step.keys)
			}
		}
		if a, b := string(services[0].tokens.JWKS(now)), string(services[1].tokens.JWKS(now)); a != b {
			t.Errorf("after %v the services have different keys", step.after)
		}
	}
}

// TestCertificateMissing is a configuration that cannot be served: both commands say so with the key's name.
func TestCertificateMissing(t *testing.T) {
	t.Parallel()
	name := file(t, minimal+"api: {listen: \"https://127.0.0.1:0\", cert: none.pem, key: none.pem}\nstore: {path: "+t.TempDir()+"}\n")
	for _, command := range []string{"config check", "serve"} {
		c := newConsole(t)
		if code := c.run(t.Context(), append(strings.Fields(command), "--config", name)); code != exitUsage || !strings.Contains(c.err.String(), "api.cert: \"") {
			t.Errorf("%s: exit %d: %s", command, code, &c.err)
		}
	}
}

// TestIssuersMisconfigured tells what the verifier of tokens refuses.
func TestIssuersMisconfigured(t *testing.T) {
	t.Parallel()
	name := file(t, minimal+"api: {listen: \"http://127.0.0.1:0\", issuers: [{issuer: \"https://idp.example\", audience: turn, jwks: \"http://idp.example/keys\"}]}\n")
	c := newConsole(t)
	if code := c.run(t.Context(), []string{"config", "check", "--config", name}); code != exitUsage || !strings.Contains(c.err.String(), "api.issuers: issuer \"https://idp.example\": jwks") {
		t.Errorf("exit %d: %s", code, &c.err)
	}
}

// TestInside answers as a server would.
func TestInside(t *testing.T) {
	t.Parallel()
	client := http.Client{Transport: inside{http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Target", r.Host+r.RequestURI)
		w.WriteHeader(http.StatusTeapot)
	})}}
	r, err := client.Get("http://localhost/a%2Fb?c")
	if err != nil || r.StatusCode != http.StatusTeapot || r.Header.Get("X-Target") != "localhost/a%2Fb?c" {
		t.Errorf("%+v, %v", r, err)
	}
}
