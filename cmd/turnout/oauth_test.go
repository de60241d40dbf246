package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"turnout/auth"
)

const withOAuth = `listen: [udp://192.0.2.1:3478]
relay: {addresses: 192.0.2.1}
auth:
  oauth:
    server-name: turn.example
    keys:
      - {kid: north, key: MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEK}
      - {kid: south, key: MDEyMzQ1Njc4OTAxMjM0NQ==, alg: A128GCM}
`

// A request that is signed with a mac_key.
type signedBy []byte

func (s signedBy) CheckIntegrity(key []byte) error {
	if !bytes.Equal(key, s) {
		return auth.ErrIntegrity
	}
	return nil
}

// TestOAuth makes tokens, which the relay's own verifier admits.
func TestOAuth(t *testing.T) {
	t.Parallel()
	name := file(t, withOAuth)
	for kid, args := range map[string][]string{"north": nil, "south": {"--kid", "south", "--ttl", "10m"}} {
		c := newConsole(t)
		c.parts.newVerifier = auth.NewVerifier
		if code := c.run(context.Background(), append([]string{"token", "oauth", "--config", name}, args...)); code != exitOK {
			t.Fatalf("exit %d: %s", code, &c.err)
		}
		if warned := strings.Contains(c.err.String(), "33 bytes, of which A256GCM takes the first 32"); !warned || strings.Contains(c.err.String(), "MDEy") {
			t.Errorf("stderr %s", &c.err)
		}
		var got oauthAnswer
		if err := json.Unmarshal([]byte(c.out.String()), &got); err != nil {
			t.Fatalf("%v: %s", err, &c.out)
		}
		want := map[string]string{"north": "2026-11-21T13:00:00Z", "south": "2026-11-21T12:10:00Z"}[kid]
		if got.ID != kid || got.ExpiresOn != want {
			t.Errorf("got %+v, want kid %s, expiresOn %s", got, kid, want)
		}
		macKey, err := base64.StdEncoding.DecodeString(got.MACKey)
		if err != nil || len(macKey) != 20 {
			t.Errorf("mac_key %q", got.MACKey)
		}
		token, err := base64.StdEncoding.DecodeString(got.AccessToken)
		if err != nil {
			t.Fatal(err)
		}
		var verifier *auth.Verifier
		c.parts.newVerifier = func(v auth.VerifierConfig) (*auth.Verifier, error) {
			var err error
			verifier, err = auth.NewVerifier(v)
			return verifier, err
		}
		if code := c.serving(t, "--config", name)(); code != exitOK {
			t.Fatalf("exit %d: %s", code, &c.err)
		}
		var st auth.VerifierState
		if verifier.ServerName() != "turn.example" {
			t.Errorf("server name %q", verifier.ServerName())
		}
		if _, err := verifier.VerifyToken(&st, signedBy(macKey), []byte(kid), token, c.now().Add(9*time.Minute)); err != nil {
			t.Errorf("%s: %v", kid, err)
		}
	}
}
