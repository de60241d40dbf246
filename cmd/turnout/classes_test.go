package main

import (
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// An issuer signs tokens that the service takes.
type issuer struct {
	*httptest.Server
	key ed25519.PrivateKey
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	public, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	set := fmt.Sprintf(`{"keys":[{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","kid":"a","x":%q}]}`, base64.RawURLEncoding.EncodeToString(public))
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(set)) }))
	t.Cleanup(s.Close)
	return &issuer{s, key}
}

// token is one for a user with a plan.
func (i *issuer) token(t *testing.T, user, plan string) string {
	t.Helper()
	return i.claims(t, user, jwt.MapClaims{"plan": plan})
}

// claims is a token for a user that says something more.
func (i *issuer) claims(t *testing.T, user string, more jwt.MapClaims) string {
	t.Helper()
	now := time.Now()
	all := jwt.MapClaims{"iss": "https://idp.example", "aud": "turn", "sub": user, "iat": now.Unix(), "exp": now.Add(time.Hour).Unix()}
	maps.Copy(all, more)
	k := jwt.NewWithClaims(jwt.SigningMethodEdDSA, all)
	k.Header["kid"] = "a"
	text, err := k.SignedString(i.key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestClassOfAToken has users of an issuer get credentials for their tokens: what they may use at the relay goes by a claim
// in there, and other quotas by a reload.
func TestClassOfAToken(t *testing.T) {
	t.Parallel()
	idp := newIssuer(t)
	const quotas = "quota: {user: {allocations: 1, bandwidth: 8000}}\nclasses: {gold: {allocations: 2, bandwidth: 800000000}}\n"
	c, name, service, base, stop := offering(t, `  issuers: [{issuer: "https://idp.example", audience: turn, jwks: "`+idp.URL+`", class-claim: plan, classes: {premium: gold}}]
peers: {allow: [127.0.0.0/8]}
`+quotas)
	turnout := another(t, connectionString(service, decoded(t, accessKey)))
	credentials := func(user, plan string) string {
		text, _ := turnout(exitOK, "credentials", "--token", idp.token(t, user, plan))
		return text
	}
	refused := func(who, text string) {
		t.Helper()
		if a, err := tryToAllocate(t, text); err == nil || !strings.Contains(err.Error(), "486") {
			t.Errorf("one allocation too many of %s: %v, %v", who, a, err)
		}
	}
	const reached = `turnout_limits_total{limit="user_bandwidth"}`
	rich := credentials("rich", "premium")
	first := allocate(t, rich)
	allocate(t, rich)
	refused("premium", rich)
	flood(t, first, 50)
	if got := metric(t, base, reached); got != "0" {
		t.Errorf("premium has reached its bandwidth %s times", got)
	}
	poor := credentials("poor", "none of ours")
	second := allocate(t, poor)
	refused("no plan", poor)
	flood(t, second, 50)
	await(t, "drops of who has no plan", func() bool { return metric(t, base, reached) != "0" })
	c.logs(t, `"msg":"limit reached","limit":"user_allocations","key":"quota.user.allocations or classes","answer":"486"`)
	c.logs(t, `"subject":"idp.example:poor"`)
	// Other quotas count at once, for those who relay already too.
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	rewrite(t, name, strings.Replace(string(text), quotas, "quota: {user: {allocations: 2}}\nclasses: {gold: {allocations: 3, bandwidth: 8000}}\n", 1))
	o := &operator{t: t, base: base, client: &http.Client{Timeout: 30 * time.Second}}
	if code, body := o.ask("POST", "/v1/reload", nil); code != http.StatusOK {
		t.Fatalf("reload: %d %s", code, body)
	}
	allocate(t, poor)
	allocate(t, rich)
	refused("premium after the reload", rich)
	before := metric(t, base, reached)
	flood(t, second, 50)
	flood(t, first, 50)
	await(t, "drops of premium", func() bool { return metric(t, base, reached) != before })
	c.logs(t, `"subject":"idp.example:rich"`)
	if code, body := o.ask("DELETE", "/v1/allocations?subject=idp.example:rich", nil); code != http.StatusOK {
		t.Errorf("%d %s", code, body)
	}
	if code, body := o.ask("DELETE", "/v1/allocations?subject=idp.example:poor", nil); code != http.StatusOK {
		t.Errorf("%d %s", code, body)
	}
	if code := stop(); code != exitOK {
		t.Errorf("exit %d", code)
	}
}

// TestBandwidthOfAToken has users of an issuer get credentials for tokens that say how much they may relay, up to a bound.
func TestBandwidthOfAToken(t *testing.T) {
	t.Parallel()
	idp := newIssuer(t)
	c, _, service, base, stop := offering(t, `  issuers: [{issuer: "https://idp.example", audience: turn, jwks: "`+idp.URL+`", bandwidth-claim: /turn/bps, max-bandwidth: 800000000}]
peers: {allow: [127.0.0.0/8]}
`)
	turnout := another(t, connectionString(service, decoded(t, accessKey)))
	relays := func(user string, bps int) {
		t.Helper()
		text, _ := turnout(exitOK, "credentials", "--token", idp.claims(t, user, jwt.MapClaims{"turn": map[string]any{"bps": bps}}))
		flood(t, allocate(t, text), 50)
	}
	const reached = `turnout_limits_total{limit="user_bandwidth"}`
	relays("none", 0) // of its own, and there is no other
	relays("rich", 900_000_000)
	o := &operator{t: t, base: base, client: &http.Client{Timeout: 30 * time.Second}}
	_, body := o.ask("GET", "/v1/allocations", nil)
	if !strings.Contains(string(body), `"bandwidth":800000000`) {
		t.Errorf("the list: %s", body)
	}
	if got := metric(t, base, reached); got != "0" {
		t.Errorf("the bandwidth was reached %s times", got)
	}
	relays("poor", 8000)
	await(t, "drops of who has little", func() bool { return metric(t, base, reached) != "0" })
	c.logs(t, `"subject":"idp.example:poor"`)
	for _, user := range []string{"none", "rich", "poor"} {
		if code, body := o.ask("DELETE", "/v1/allocations?subject=idp.example:"+user, nil); code != http.StatusOK {
			t.Errorf("%d %s", code, body)
		}
	}
	if code := stop(); code != exitOK {
		t.Errorf("exit %d", code)
	}
}

// flood has an allocation relay so many packets of 500 bytes to a peer of its own.
func flood(t *testing.T, from net.PacketConn, packets int) {
	t.Helper()
	peer, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	for range packets {
		if _, err := from.WriteTo(make([]byte, 500), peer.LocalAddr()); err != nil {
			t.Fatal(err)
		}
	}
}
