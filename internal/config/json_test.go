package config

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestJSON shows a configuration to operators: every key, and no secret.
func TestJSON(t *testing.T) {
	t.Parallel()
	l := mustLoad(t, "listen: [udp://192.0.2.1:3478]\nrelay: {addresses: 192.0.2.1}\nauth: {secrets: [{id: k1, secret: a-secret-of-some-length}], users: {alice: wonderland}}\n", Sources{}, nil)
	text, err := l.JSON()
	if err != nil {
		t.Fatal(err)
	}
	var v struct {
		Realm string
		Relay struct{ Lifetime struct{ Max string } }
		Auth  struct {
			Secrets []struct{ ID, Secret string }
			Users   map[string]string
		}
		Limits struct{ Permissions int }
	}
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	if v.Realm != "turnout" || v.Relay.Lifetime.Max != "1h" || v.Limits.Permissions != 1024 || v.Auth.Secrets[0].ID != "k1" || v.Auth.Users["alice"] != redacted {
		t.Errorf("got %s", text)
	}
	for _, secret := range []string{"a-secret", "wonderland"} {
		if strings.Contains(string(text), secret) {
			t.Errorf("it shows %s", secret)
		}
	}
}
