package api

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"turnout/auth"
	"turnout/auth/token"
)

// admit says whether the relay would admit a credential, and for whom.
func (f *fixture) admit(username, password string) (auth.Verified, error) {
	f.t.Helper()
	v, err := auth.NewVerifier(auth.VerifierConfig{Realm: "test", Keyring: f.ring, MaxTTL: f.MaxTTL, Revoked: f.Revocations.Revoked})
	check(f.t, err)
	return v.Verify(new(auth.VerifierState), keyed{auth.DeriveKey(nil, auth.MD5, username, "test", password)}, []byte(username), auth.MD5, f.clock())
}

// keyed is a request that was signed with a key.
type keyed struct{ key []byte }

func (k keyed) CheckIntegrity(key []byte) error {
	if string(key) != string(k.key) {
		return auth.ErrIntegrity
	}
	return nil
}

// TestICEServers gives what the relay admits, to whom it is for.
func TestICEServers(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	id, text := f.user()
	for _, c := range []struct {
		body, subject string
		ttl           int64
		edits         []edit
	}{
		{``, id, 86400, []edit{bearing(text)}},
		{`{"ttl":null}`, id, 86400, []edit{bearing(text)}},
		{`{"ttl":600,"user":"` + id + `"}`, id, 600, []edit{bearing(text)}},
		{`{"ttl":999999}`, id, 86400, []edit{bearing(text)}}, // the token ends then
		{`{"ttl":999999}`, "", 172800, nil},
		{`{"user":"alice","ttl":1}`, "alice", 2, nil},
		{`{"user":"` + id + `"}`, id, 86400, nil},
		{`{"user":"idp.example:bob"}`, "idp.example:bob", 86400, nil},
	} {
		got := answers[ICEAnswer](t, f.call("POST", "/v1/ice-servers", c.body, c.edits...), 200)
		if got.TTL != c.ttl {
			t.Errorf("%s: ttl %d, want %d", c.body, got.TTL, c.ttl)
		}
		v, err := f.admit(got.ICEServers[1].Username, got.ICEServers[1].Credential)
		if err != nil {
			t.Errorf("%s: the relay refuses it: %v", c.body, err)
		}
		if c.subject != "" && string(v.Subject) != c.subject {
			t.Errorf("%s: for %q, want %q", c.body, v.Subject, c.subject)
		}
		if v.Issued.IsZero() || !v.Charged {
			t.Errorf("%s: %+v", c.body, v)
		}
	}
	refused(t, f.call("POST", "/v1/ice-servers", `{"ttl":0}`), 400, "ValidationError", "ttl")
	refused(t, f.call("POST", "/v1/ice-servers", `{"ttl":-5}`), 400, "ValidationError", "ttl")
	refused(t, f.call("POST", "/v1/ice-servers", `{"user":"a\"b"}`), 400, "ValidationError", "")
	refused(t, f.call("POST", "/v1/ice-servers", `{"user":"`+strings.Repeat("a", 500)+`"}`), 400, "ValidationError", "")
	refused(t, f.call("POST", "/v1/ice-servers", `{"user":"8:acs:`+resource+`_x"}`), 401, "IdentityNotOwned", "id")
}

// TestRevocations end credentials of every kind of subject, and what is issued right after is valid.
func TestRevocations(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(c *Config) { c.Pseudonym = nil })
	id, _ := f.user()
	for _, subject := range []string{"alice", "idp.example:bob", id} {
		issue := func() ICEServer {
			return answers[ICEAnswer](t, f.call("POST", "/v1/ice-servers", `{"user":"`+subject+`"}`), 200).ICEServers[1]
		}
		before := issue()
		answers[struct{}](t, f.call("POST", "/v1/revocations", `{"subject":"`+subject+`"}`), 204)
		if _, err := f.admit(before.Username, before.Credential); err != auth.ErrRevoked {
			t.Errorf("%s: %v, want revoked", subject, err)
		}
		after := issue()
		if _, err := f.admit(after.Username, after.Credential); err != nil {
			t.Errorf("%s, issued in the same millisecond: %v", subject, err)
		}
		answers[struct{}](t, f.call("POST", "/v1/revocations", `{"username":"`+after.Username+`"}`), 204)
		if _, err := f.admit(after.Username, after.Credential); err != auth.ErrRevoked {
			t.Errorf("%s: %v, want that one revoked", subject, err)
		}
	}
	refused(t, f.call("POST", "/v1/revocations", `{}`), 400, "ValidationError", "subject")
	refused(t, f.call("POST", "/v1/revocations", `{"subject":"a","username":"b"}`), 400, "ValidationError", "subject")
	refused(t, f.call("POST", "/v1/revocations", `{"subject":"8:acs:x"}`), 401, "IdentityNotOwned", "id")
}

// TestPseudonym keeps the user's id out of usernames.
func TestPseudonym(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(c *Config) { c.Pseudonym = func(s string) string { return fmt.Sprintf("p-%d", len(s)) } })
	id, text := f.user()
	for _, w := range []*httptest.ResponseRecorder{
		f.call("POST", "/v1/ice-servers", ``, bearing(text)), f.call("POST", "/v1/ice-servers", `{"user":"`+id+`"}`), f.call("POST", relaying, `{"id":"`+id+`"}`),
	} {
		if strings.Contains(w.Body.String(), id) || !strings.Contains(w.Body.String(), fmt.Sprintf(":p-%d:~1.", len(id))) {
			t.Errorf("%s", w.Body)
		}
	}
}

// TestUsers makes thousands of users at once and lists them all.
func TestUsers(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	const workers, each = 8, 400
	var group sync.WaitGroup
	for w := range workers {
		group.Go(func() {
			for i := range each {
				if got := f.call("POST", "/identities?api-version=2025-06-30", fmt.Sprintf(`{"customId":"%d-%d","createTokenWithScopes":["voip"]}`, w, i)); got.Code != 201 {
					t.Errorf("%d: %s", got.Code, got.Body)
				}
			}
		})
	}
	group.Wait()
	seen := map[string]bool{}
	after := ""
	for pages := 0; ; pages++ {
		page := answers[UserPage](t, f.call("GET", "/v1/users?limit=1000&after="+url.QueryEscape(after), ""), 200)
		for _, u := range page.Users {
			if seen[u.ID] || u.CustomID == "" || u.CreatedOn != "2026-11-21T12:00:00Z" || u.LastTokenIssued == "" {
				t.Fatalf("%+v", u)
			}
			seen[u.ID] = true
		}
		if after = page.Next; after == "" {
			break
		}
		if pages > workers*each/1000 {
			t.Fatal("the list does not end")
		}
	}
	if len(seen) != workers*each {
		t.Errorf("%d users are listed, want %d", len(seen), workers*each)
	}
	for _, limit := range []string{"0", "1001", "x", "-1"} {
		refused(t, f.call("GET", "/v1/users?limit="+limit, ""), 400, "ValidationError", "limit")
	}
	if page := answers[UserPage](t, newFixture(t).call("GET", "/v1/users", ""), 200); page.Users == nil || len(page.Users) != 0 {
		t.Errorf("nobody is listed as %+v", page)
	}
}

// TestIntrospection tells an application what a token is worth.
func TestIntrospection(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	id, text := f.user("chat", "voip.join")
	ask := func(text string) Introspection {
		body, _ := json.Marshal(map[string]string{"token": text})
		return answers[Introspection](t, f.call("POST", "/v1/introspection", string(body)), 200)
	}
	got := ask(text)
	if !got.Active || got.Subject != id || got.Scope != "chat voip.join" || got.Expires != noon.Add(24*time.Hour).Unix() || got.IssuedAt != noon.Unix() || got.ID == "" {
		t.Errorf("%+v", got)
	}
	if got := ask(text[:len(text)-4] + "AAAA"); got.Active || got.Reason != "token signature invalid" || got.Subject != "" {
		t.Errorf("%+v", got)
	}
	answers[struct{}](t, f.call("POST", of(id, "revokeAccessTokens"), ``), 204)
	if got := ask(text); got.Active || got.Reason != "token revoked" {
		t.Errorf("%+v", got)
	}
	refused(t, f.call("POST", "/v1/introspection", `{}`), 400, "ValidationError", "token")
}

// TestDiscovery has others verify our users' tokens by what is published.
func TestDiscovery(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(c *Config) { c.URL = "https://turn.example" })
	var configuration struct {
		Issuer string `json:"issuer"`
		Keys   string `json:"jwks_uri"`
	}
	check(t, json.Unmarshal(f.call("GET", "/.well-known/openid-configuration", "", unsigned).Body.Bytes(), &configuration))
	if configuration.Issuer != "https://turn.example" || configuration.Keys != "https://turn.example/.well-known/jwks.json" {
		t.Errorf("%+v", configuration)
	}
	server := httptest.NewServer(f)
	defer server.Close()
	_, text := f.user()
	v, err := token.NewVerifier(token.VerifierConfig{Now: f.clock, Issuers: []token.Issuer{{
		Issuer: configuration.Issuer, Audience: resource, JWKS: server.URL + "/.well-known/jwks.json", SubjectClaim: "skypeid", Prefix: "theirs",
	}}})
	check(t, err)
	got, err := v.Verify(t.Context(), text)
	if err != nil || !strings.HasPrefix(got.Subject, "theirs:acs:") {
		t.Errorf("%+v, %v", got, err)
	}
}

// An idp is another issuer, with keys of its own.
type idp struct {
	*httptest.Server
	key *rsa.PrivateKey
}

func newIDP(t *testing.T) *idp {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	check(t, err)
	encode := base64.RawURLEncoding.EncodeToString
	set := fmt.Sprintf(`{"keys":[{"kty":"RSA","use":"sig","alg":"RS256","kid":"a","n":%q,"e":%q}]}`,
		encode(key.N.Bytes()), encode(big.NewInt(int64(key.E)).Bytes()))
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(set)) }))
	t.Cleanup(s.Close)
	return &idp{s, key}
}

func (i *idp) token(t *testing.T, claims jwt.MapClaims) string {
	t.Helper()
	k := jwt.NewWithClaims(jwt.SigningMethodRS256, claims)
	k.Header["kid"] = "a"
	text, err := k.SignedString(i.key)
	check(t, err)
	return text
}

// TestForeignToken takes tokens of an issuer that is configured, under its prefix.
func TestForeignToken(t *testing.T) {
	t.Parallel()
	i := newIDP(t)
	f := newFixture(t, func(c *Config) {
		v, err := token.NewVerifier(token.VerifierConfig{
			Keys: c.Minter.Keys, Issuer: c.Minter.Issuer, Audience: c.Minter.Audience, Revoked: c.Revocations.TokenRevoked, Now: c.Now,
			Issuers: []token.Issuer{{Issuer: "https://idp.example", Audience: "turn", JWKS: i.URL, Scopes: []string{"call"}, ClassClaim: "tier", BandwidthClaim: "bps", MaxBandwidth: 8_000_000}},
		})
		check(t, err)
		c.Verifier = v
	})
	claims := jwt.MapClaims{"iss": "https://idp.example", "aud": "turn", "sub": "bob", "scope": "openid call", "tier": "gold", "iat": noon.Unix(), "exp": noon.Add(time.Hour).Unix()}
	text := i.token(t, claims)
	got := answers[ICEAnswer](t, f.call("POST", "/v1/ice-servers", ``, bearing(text)), 200)
	v, err := f.admit(got.ICEServers[1].Username, got.ICEServers[1].Credential)
	if err != nil || string(v.Subject) != "idp.example:bob" || string(v.Class) != "gold" || got.TTL != 3600 {
		t.Errorf("%+v %v %+v", v, err, got)
	}
	with := func(name string, value any) string {
		changed := jwt.MapClaims{}
		for k, v := range claims {
			changed[k] = v
		}
		changed[name] = value
		return i.token(t, changed)
	}
	refused(t, f.call("POST", "/v1/ice-servers", ``, bearing(with("aud", "mail"))), 401, "InvalidAccessToken", "")
	refused(t, f.call("POST", "/v1/ice-servers", ``, bearing(with("iss", "https://other.example"))), 401, "InvalidAccessToken", "")
	refused(t, f.call("POST", "/v1/ice-servers", ``, bearing(with("exp", noon.Add(-time.Hour).Unix()))), 401, "InvalidAccessToken", "")
	refused(t, f.call("POST", "/v1/ice-servers", ``, bearing(with("scope", "openid"))), 403, "InsufficientScope", "")
	fast := with("bps", 2_000_000)
	got = answers[ICEAnswer](t, f.call("POST", "/v1/ice-servers", ``, bearing(fast)), 200)
	if v, err = f.admit(got.ICEServers[1].Username, got.ICEServers[1].Credential); err != nil || v.Bandwidth != 2_000_000 || string(v.Class) != "gold" {
		t.Errorf("with a bandwidth: %+v %v", v, err)
	}
	if told := answers[Introspection](t, f.call("POST", "/v1/introspection", `{"token":"`+fast+`"}`), 200); told.Bandwidth != 2_000_000 {
		t.Errorf("introspection: %+v", told)
	}
	got = answers[ICEAnswer](t, f.call("POST", "/v1/ice-servers", ``, bearing(with("bps", 9_000_000))), 200)
	if v, err = f.admit(got.ICEServers[1].Username, got.ICEServers[1].Credential); err != nil || v.Bandwidth != 8_000_000 {
		t.Errorf("with more than the bound: %+v %v", v, err)
	}
	refused(t, f.call("POST", "/v1/ice-servers", ``, bearing(with("bps", "much"))), 401, "InvalidAccessToken", "")
	// It does not name one of our own users, whatever its subject is.
	id, _ := f.user()
	got = answers[ICEAnswer](t, f.call("POST", "/v1/ice-servers", ``, bearing(with("sub", id))), 200)
	if v, err := f.admit(got.ICEServers[1].Username, got.ICEServers[1].Credential); err != nil || string(v.Subject) != "idp.example:"+id {
		t.Errorf("%+v %v", v, err)
	}
	refused(t, f.call("POST", relaying, `{"id":"`+id+`"}`, bearing(text)), 403, "Forbidden", "id")
	answers[struct{}](t, f.call("POST", "/v1/revocations", `{"subject":"idp.example:bob"}`), 204)
	refused(t, f.call("POST", "/v1/ice-servers", ``, bearing(text)), 401, "InvalidAccessToken", "")
	// Keys that cannot be had are no fault of the token.
	i.Close()
	g := newFixture(t, func(c *Config) {
		v, err := token.NewVerifier(token.VerifierConfig{Now: c.Now, Issuers: []token.Issuer{{Issuer: "https://idp.example", Audience: "turn", JWKS: i.URL}}})
		check(t, err)
		c.Verifier = v
	})
	refused(t, g.call("POST", "/v1/ice-servers", ``, bearing(text)), 503, "ServiceUnavailable", "")
}
