package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// TestRedaction shows a configuration in every way that comes to mind: none shows a secret.
func TestRedaction(t *testing.T) {
	t.Parallel()
	const secret, password = "secret-that-must-not-show", "password-that-must-not-show"
	l := mustLoad(t, "listen: udp://127.0.0.1:1\nauth: {secrets: ["+secret+"], users: {alice: "+password+"}}\n", Sources{}, nil)
	yaml, err := l.YAML()
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := json.Marshal(l)
	if err != nil {
		t.Fatal(err)
	}
	var logged bytes.Buffer
	slog.New(slog.NewTextHandler(&logged, nil)).Info("x", "secret", l.Auth.Secrets[0].Secret, "all", l, "users", l.Auth.Users)
	slog.New(slog.NewJSONHandler(&logged, nil)).Info("x", "secret", l.Auth.Secrets[0].Secret, "all", l, "users", l.Auth.Users)
	shown := string(yaml) + string(encoded) + logged.String()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t"} {
		shown += fmt.Sprintf(verb, l.Auth.Secrets[0].Secret) + fmt.Sprintf(verb, l.Config) + fmt.Sprintf(verb, &l.Auth)
	}
	for _, s := range []string{secret, password, fmt.Sprintf("%x", secret), fmt.Sprintf("%X", password), fmt.Sprintf("%d", []byte(secret))} {
		if strings.Contains(shown, s) {
			t.Errorf("%q shows in\n%s", s, shown)
		}
	}
	if strings.Count(string(yaml), redacted) != 2 {
		t.Errorf("print hides something else than the two secrets:\n%s", yaml)
	}
	if got := l.Auth.Secrets[0].Secret.Reveal(); got != secret {
		t.Errorf("Reveal is %q", got)
	}
}

// TestSecretURLHidesPasswords shows nothing of user and password however they are written, and the hosts where it can tell them.
func TestSecretURLHidesPasswords(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                                  "",
		"nats://h:4222":                     "nats://h:4222",
		"nats://user:pass@h:4222":           "nats://***@h:4222",
		"nats://token@h":                    "nats://***@h",
		"nats://user:p@ss@h":                "nats://***@h",
		"nats://user:p%2Fss@h":              "nats://***@h",
		"nats://a:pass@h1,tls://b:pass@h2:": "nats://***@h1,tls://***@h2:",
		"nats://h1:4222,user:pass@h2":       "nats://h1:4222,nats://***@h2",
		"nats://user:p/ss@h":                "***",
		"nats://tok/en@h":                   "***",
		"nats://user:p,ss@h":                "***",
		"nats://user:p?ss@h":                "***",
		"nats://user:p#ss@h":                "***",
		"nats://user:p%ss@h":                "***",
	} {
		if got := fmt.Sprint(SecretURL{text}); got != want {
			t.Errorf("%s is shown as %s, want %s", text, got, want)
		}
		_, err := Load(Sources{File: "x.yaml", ReadFile: func(string) ([]byte, error) {
			return []byte("listen: udp://192.0.2.1:3478\nrelay: {addresses: 192.0.2.1}\nauth: {secrets: [a-secret-of-some-length]}\nstore: {nats: {url: '" + text + "'}}\n"), nil
		}})
		if refused := want == redacted; refused != (err != nil) {
			t.Errorf("%s: %v", text, err)
		} else if refused && strings.Contains(err.Error(), text) {
			t.Errorf("the error shows it: %v", err)
		}
	}
}
