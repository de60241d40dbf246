package token

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"
)

func client(p http.RoundTripper) *http.Client { return &http.Client{Transport: p} }

// foreignClaims are those of a good token of the other issuer, changed.
func foreignClaims(t testing.TB, change func(map[string]any)) string {
	t.Helper()
	m := map[string]any{
		"iss": idp, "aud": []string{"account", idpAudience}, "sub": "alice", "scope": "openid relay",
		"iat": testNow.Unix() - 10, "exp": testNow.Unix() + 300, "jti": "j1",
	}
	if change != nil {
		change(m)
	}
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

var algorithmKeys = map[string]string{
	"RS256": "rsa", "RS384": "rsa", "RS512": "rsa", "PS256": "rsa", "PS384": "rsa", "PS512": "rsa",
	"ES256": "p256", "ES384": "p384", "ES512": "p521", "EdDSA": "ed",
}

// TestForeignAlgorithms verifies with every key under every algorithm: only those
// that fit succeed, and where the key names one, only that.
func TestForeignAlgorithms(t *testing.T) {
	t.Parallel()
	for key, private := range testKeys() {
		for _, named := range []string{"", "RS256", "ES256", "EdDSA"} {
			p := &provider{keys: []jwk{publish("k", named, private.Public()), publish("unused", "", testKeys()["p521"].Public())}}
			v := verifier(t, VerifierConfig{Issuers: []Issuer{testIssuer()}, Client: client(p)})
			for algorithm, fits := range algorithmKeys {
				signature := with(t, algorithm, testKeys()[fits])
				token := sign(fmt.Sprintf(`{"alg":%q,"kid":"k","typ":"at+jwt"}`, algorithm), foreignClaims(t, nil), signature)
				var want error
				if fits != key || named != "" && named != algorithm {
					want = ErrSignature
				}
				if _, err := v.Verify(context.Background(), token); !errors.Is(err, want) {
					t.Errorf("%s under a key of %s named %q: %v, want %v", algorithm, key, named, err, want)
				}
			}
		}
	}
}

func TestForeignClaims(t *testing.T) {
	t.Parallel()
	private := testKeys()["p256"]
	issuer := testIssuer()
	issuer.Scopes = []string{"relay"}
	issuer.ClassClaim, issuer.Classes = "/realm_access/roles", map[string]string{"gold-users": "gold", "staff": "staff"}
	issuer.BandwidthClaim, issuer.MaxBandwidth = "/turn/bps", 50_000_000
	v := verifier(t, VerifierConfig{
		Issuers: []Issuer{issuer}, Client: client(&provider{keys: []jwk{publish("k", "", private.Public())}}),
		Revoked: func(subject string, generation uint64, issued, _ time.Time) bool {
			return subject == "idp.example:mallory" && generation == 0 && issued.Unix() == testNow.Unix()-10
		},
	})
	good := Verified{
		Subject: "idp.example:alice", Scopes: []string{"openid", "relay"}, Issued: time.Unix(testNow.Unix()-10, 0),
		Expires: time.Unix(testNow.Unix()+300, 0), Issuer: idp, ID: "j1",
	}
	changed := func(change func(*Verified)) Verified { g := good; change(&g); return g }
	set := func(pairs ...any) func(map[string]any) {
		return func(m map[string]any) {
			for i := 0; i < len(pairs); i += 2 {
				if m[pairs[i].(string)] = pairs[i+1]; pairs[i+1] == nil {
					delete(m, pairs[i].(string))
				}
			}
		}
	}
	for _, c := range []struct {
		name   string
		change func(map[string]any)
		want   Verified
		err    error
	}{
		{"good", nil, good, nil},
		{"one audience", set("aud", idpAudience), good, nil},
		{"scp text", set("scope", nil, "scp", "relay"), changed(func(v *Verified) { v.Scopes = []string{"relay"} }), nil},
		{"scp list", set("scope", nil, "scp", []string{"a", "relay"}), changed(func(v *Verified) { v.Scopes = []string{"a", "relay"} }), nil},
		{"class", set("realm_access", map[string]any{"roles": []string{"other", "staff", "gold-users"}}), changed(func(v *Verified) { v.Class = "staff" }), nil},
		{"class of nobody", set("realm_access", map[string]any{"roles": []string{"gold"}}), good, nil},
		{"no object where the class was", set("realm_access", "x"), good, nil},
		{"bandwidth", set("turn", map[string]any{"bps": 1000000}), changed(func(v *Verified) { v.Bandwidth = 1000000 }), nil},
		{"bandwidth beyond the bound", set("turn", map[string]any{"bps": 50_000_001}), changed(func(v *Verified) { v.Bandwidth = 50_000_000 }), nil},
		{"bandwidth of nothing", set("turn", map[string]any{"bps": 0}), good, nil},
		{"bandwidth elsewhere", set("bps", 1000000, "turn", map[string]any{}), good, nil},
		{"no object where the bandwidth was", set("turn", 1000000), good, nil},
		{"fractions", set("iat", float64(testNow.Unix())-9.5), changed(func(v *Verified) { v.Issued = time.Unix(testNow.Unix()-10, 5e8) }), nil},
		{"no time of issue", set("iat", nil), changed(func(v *Verified) { v.Issued = time.Time{} }), nil},
		{"old but not too old", set("iat", testNow.Add(-DefaultMaxAge).Unix()), changed(func(v *Verified) { v.Issued = time.Unix(testNow.Add(-DefaultMaxAge).Unix(), 0) }), nil},

		{"roles a number", set("realm_access", map[string]any{"roles": 1}), Verified{}, ErrMalformed},
		{"bandwidth text", set("turn", map[string]any{"bps": "1000"}), Verified{}, ErrMalformed},
		{"bandwidth negative", set("turn", map[string]any{"bps": -1}), Verified{}, ErrMalformed},
		{"older than revocations last", set("iat", testNow.Add(-DefaultMaxAge-time.Minute).Unix()), Verified{}, ErrExpired},
		{"no time of issue, ends late", set("iat", nil, "exp", testNow.Add(DefaultMaxAge+time.Minute).Unix()), Verified{}, ErrExpired},
		{"expired", set("exp", testNow.Unix()-30), Verified{}, ErrExpired},
		{"no exp", set("exp", nil), Verified{}, ErrMalformed},
		{"not yet", set("nbf", testNow.Unix()+40), Verified{}, ErrNotYetValid},
		{"audience", set("aud", "account"), Verified{}, ErrAudience},
		{"audience's case", set("aud", "TURN"), Verified{}, ErrAudience},
		{"no scope", set("scope", nil), Verified{}, ErrScope},
		{"scope inside another", set("scope", "relayed"), Verified{}, ErrScope},
		{"no subject", set("sub", nil), Verified{}, ErrSubject},
		{"empty subject", set("sub", ""), Verified{}, ErrSubject},
		{"subject a number", set("sub", 7), Verified{}, ErrMalformed},
		{"subject too long", set("sub", strings.Repeat("x", maxSubject)), Verified{}, ErrSubject},
		{"subject with NUL", set("sub", "a\x00b"), Verified{}, ErrSubject},
		{"revoked", set("sub", "mallory"), Verified{}, ErrRevoked},
		{"issuer's case", set("iss", strings.ToUpper(idp)), Verified{}, ErrIssuer},
		{"issuer with a slash", set("iss", idp+"/"), Verified{}, ErrIssuer},
	} {
		token := sign(`{"alg":"ES256","kid":"k"}`, foreignClaims(t, c.change), with(t, "ES256", private))
		got, err := v.Verify(context.Background(), token)
		if !errors.Is(err, c.err) || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, %v; want %+v, %v", c.name, got, err, c.want, c.err)
		}
	}
}

// TestReservedPrefix keeps other issuers away from the names of our users.
func TestReservedPrefix(t *testing.T) {
	t.Parallel()
	for _, prefix := range []string{"8", "8:acs", "8:acs:", "a:b", "a b", "a\"b", "ä"} {
		i := testIssuer()
		i.Prefix = prefix
		if err := i.complete(); err == nil {
			t.Errorf("prefix %q is taken", prefix)
		}
	}
	i := testIssuer()
	i.Prefix = "corp"
	if err := i.complete(); err != nil {
		t.Error(err)
	}
}

func TestIssuerConfiguration(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Issuer){
		"no name":          func(i *Issuer) { i.Issuer = "" },
		"no audience":      func(i *Issuer) { i.Audience = "" },
		"no keys":          func(i *Issuer) { i.JWKS = "" },
		"plain http":       func(i *Issuer) { i.JWKS = "http://idp.example/jwks" },
		"like loopback":    func(i *Issuer) { i.JWKS = "http://127.0.0.1.example/jwks" },
		"like localhost":   func(i *Issuer) { i.JWKS = "http://localhost.example/jwks" },
		"password":         func(i *Issuer) { i.JWKS = "https://u:p@idp.example/jwks" },
		"file":             func(i *Issuer) { i.JWKS = "file:///etc/passwd" },
		"no host, no name": func(i *Issuer) { i.Issuer = "idp" },
		"class":            func(i *Issuer) { i.Classes = map[string]string{"a": "Not a class"} },
		"age":              func(i *Issuer) { i.MaxAge = -1 },
	} {
		i := testIssuer()
		change(&i)
		if _, err := NewVerifier(VerifierConfig{Issuers: []Issuer{i}}); err == nil {
			t.Errorf("%s: is taken", name)
		}
	}
	for _, url := range []string{"http://127.0.0.1:1/jwks", "http://[::1]:1/jwks", "http://localhost/jwks", "https://idp.example/jwks"} {
		i := testIssuer()
		i.JWKS = url
		if err := i.complete(); err != nil {
			t.Errorf("%s: %v", url, err)
		}
	}
	two := testIssuer()
	two.Issuer = "https://idp.example/realms/second" // the same host, so the same prefix
	if _, err := NewVerifier(VerifierConfig{Issuers: []Issuer{testIssuer(), two}}); err == nil {
		t.Error("two issuers share a prefix")
	}
	if _, err := NewVerifier(VerifierConfig{Issuers: []Issuer{testIssuer(), testIssuer()}}); err == nil {
		t.Error("an issuer stands twice")
	}
	if _, err := NewVerifier(VerifierConfig{Keys: keySet(t, EdDSA), Issuer: idp, Audience: "x", Issuers: []Issuer{testIssuer()}}); err == nil {
		t.Error("another issuer has our name")
	}
	if _, err := NewVerifier(VerifierConfig{Keys: keySet(t, EdDSA)}); err == nil {
		t.Error("own tokens without an issuer and an audience")
	}
}
