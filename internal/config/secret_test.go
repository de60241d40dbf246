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
