package api

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"turnout/auth/token"
)

// signedAs is the header that a client makes which signs these headers, in this order.
func signedAs(r *http.Request, key []byte, names string) string {
	var values []string
	for name := range strings.SplitSeq(names, ";") {
		value := r.Header.Get(name)
		if strings.EqualFold(name, "host") {
			value = r.Host
		}
		values = append(values, value)
	}
	h := hmac.New(sha256.New, key)
	h.Write([]byte(r.Method + "\n" + r.RequestURI + "\n" + strings.Join(values, ";")))
	return "HMAC-SHA256 SignedHeaders=" + names + "&Signature=" + base64.StdEncoding.EncodeToString(h.Sum(nil))
}

// TestSignature takes what the SDKs' versions send, quirks included.
func TestSignature(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	again := func(names string, key []byte) edit {
		return func(r *http.Request) { r.Header.Set("Authorization", signedAs(r, key, names)) }
	}
	const usual = "x-ms-date;host;x-ms-content-sha256"
	for name, edits := range map[string][]edit{
		"as it is":           nil,
		"the second key":     {again(usual, keys[1])},
		"another order":      {again("host;x-ms-content-sha256;x-ms-date", keys[0])},
		"other case":         {again("X-MS-Date;Host;X-MS-Content-SHA256", keys[0])},
		"a doubled port":     {func(r *http.Request) { r.Host = "127.0.0.1:8443:8443" }, again(usual, keys[0])},
		"a name in capitals": {func(r *http.Request) { r.Host = "LOCALHOST:443" }, again(usual, keys[0])},
		"common 1.0.0":       {header("x-ms-date", ""), header("Date", noon.Format(http.TimeFormat)), again("date;host;x-ms-content-sha256", keys[0])},
		"one header more":    {header("x-extra", "1"), again(usual+";x-extra", keys[0])},
		"four minutes ago":   {header("x-ms-date", noon.Add(-4*time.Minute).Format(http.TimeFormat)), again(usual, keys[0])},
		"in four minutes":    {header("x-ms-date", noon.Add(4*time.Minute).Format(http.TimeFormat)), again(usual, keys[0])},
	} {
		if w := f.call("POST", identities, `{}`, edits...); w.Code != 201 {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
	// The same request again is right again: two createUser() of one second are the same.
	for range 3 {
		answers[created](t, f.call("POST", identities, ``), 201)
	}
	before := f.ids()
	other := make([]byte, 32)
	_, _ = rand.Read(other)
	for name, edits := range map[string][]edit{
		"nothing":               {unsigned},
		"another scheme":        {header("Authorization", "Basic YTpi")},
		"a scheme alone":        {header("Authorization", "HMAC-SHA256")},
		"two headers":           {func(r *http.Request) { r.Header.Add("Authorization", r.Header.Get("Authorization")) }},
		"another key":           {again(usual, other)},
		"an empty key":          {again(usual, nil)},
		"no host":               {again("x-ms-date;x-ms-content-sha256", keys[0])},
		"no hash":               {again("x-ms-date;host", keys[0])},
		"no date":               {again("host;x-ms-content-sha256", keys[0])},
		"another host":          {func(r *http.Request) { r.Host = "evil.example" }},
		"another target":        {func(r *http.Request) { r.RequestURI += "&x=1" }},
		"another date":          {header("x-ms-date", noon.Add(time.Second).Format(http.TimeFormat))},
		"no header of the list": {header("x-ms-content-sha256", "")},
		"a header twice":        {func(r *http.Request) { r.Header.Add("x-ms-date", r.Header.Get("x-ms-date")) }},
		"six minutes ago":       {header("x-ms-date", noon.Add(-6*time.Minute).Format(http.TimeFormat)), again(usual, keys[0])},
		"in six minutes":        {header("x-ms-date", noon.Add(6*time.Minute).Format(http.TimeFormat)), again(usual, keys[0])},
		"a date that is none":   {header("x-ms-date", "yesterday"), again(usual, keys[0])},
		"the body's hash":       {header("x-ms-content-sha256", contentHash([]byte(`{ }`))), again(usual, keys[0])},
		"a hash that is none":   {header("x-ms-content-sha256", "x"), again(usual, keys[0])},
		"too many headers":      {again(usual+strings.Repeat(";host", 20), keys[0])},
		"signature not base64":  {header("Authorization", "HMAC-SHA256 SignedHeaders="+usual+"&Signature=%%%")},
		"an empty signature":    {header("Authorization", "HMAC-SHA256 SignedHeaders="+usual+"&Signature=")},
		"parameters twice": {func(r *http.Request) {
			r.Header.Set("Authorization", r.Header.Get("Authorization")+"&SignedHeaders=host")
		}},
	} {
		w := f.call("POST", identities, `{}`, edits...)
		t.Log(name)
		refused(t, w, 401, "Denied", "")
	}
	if w := f.call("POST", identities, ``, unsigned); w.Header().Get("WWW-Authenticate") != signatureScheme {
		t.Errorf("challenge %q", w.Header().Get("WWW-Authenticate"))
	}
	id, _ := f.user()
	before++
	refused(t, f.call("GET", "/identities/"+id+"?api-version=2025-06-30", "", func(r *http.Request) { r.Method = "DELETE" }), 401, "Denied", "")
	if after := f.ids(); after != before {
		t.Errorf("%d users were made by who may not", after-before)
	}
	// A body that is not the one that was signed is told apart, as the live service does.
	r := httptest.NewRequest("POST", identities, strings.NewReader(`{"createTokenWithScopes":["voip"]}`))
	Sign(r, []byte(`{}`), keys[0], noon)
	w := httptest.NewRecorder()
	f.ServeHTTP(w, r)
	if e := refused(t, w, 401, "Denied", ""); e.Message != "Request 'x-ms-content-sha256' differs from generated content hash." {
		t.Errorf("message %q", e.Message)
	}
	// Keys can be replaced.
	f.SetAccessKeys([][]byte{other})
	refused(t, f.call("POST", identities, `{}`), 401, "Denied", "")
	if w := f.call("POST", identities, `{}`, again(usual, other)); w.Code != 201 {
		t.Errorf("the new key: %d", w.Code)
	}
}

// ids is how many users there are.
func (f *fixture) ids() int {
	users, _, err := f.Directory.Users(f.t.Context(), "", "", 10000)
	check(f.t, err)
	return len(users)
}

// TestBodyUnread has a body without end: who has no key does not have it read.
func TestBodyUnread(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for _, target := range []string{identities, relaying, "/v1/ice-servers"} {
		r := httptest.NewRequest("POST", target, unreadable{t})
		w := httptest.NewRecorder()
		f.ServeHTTP(w, r)
		refused(t, w, 401, "Denied", "")
	}
}

type unreadable struct{ t *testing.T }

func (u unreadable) Read([]byte) (int, error) {
	u.t.Error("the body is read")
	return 0, http.ErrBodyReadAfterClose
}

// TestUserToken goes where a user may go with its own token, and nowhere else.
func TestUserToken(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	alice, text := f.user()
	bob, _ := f.user()
	_, chat := f.user("chat", "chat.join")
	f.advance(time.Minute)
	got := answers[ICEAnswer](t, f.call("POST", "/v1/ice-servers", `{"ttl":600}`, bearing(text)), 200)
	if got.TTL != 600 || got.ExpiresOn != "2026-11-21T12:11:00Z" || len(got.ICEServers) != 2 ||
		got.ICEServers[0].Username != "" || !strings.Contains(got.ICEServers[1].Username, alice) {
		t.Errorf("%+v", got)
	}
	// The time of issue is the token's, so that revoking the token ends the credential.
	if !strings.Contains(got.ICEServers[1].Username, ".1795262400000.") {
		t.Errorf("username %s has another time of issue than the token", got.ICEServers[1].Username)
	}
	for _, body := range []string{``, `{}`, `{"id":"` + alice + `"}`} {
		answers[relayConfiguration](t, f.call("POST", relaying, body, bearing(text)), 200)
	}
	refused(t, f.call("POST", relaying, `{"id":"`+bob+`"}`, bearing(text)), 403, "Forbidden", "id")
	refused(t, f.call("POST", "/v1/ice-servers", `{"user":"`+bob+`"}`, bearing(text)), 403, "Forbidden", "id")
	refused(t, f.call("POST", "/turn/"+bob+"/:issueCredentials?api-version=2021-02-22-preview1", ``, bearing(text)), 403, "Forbidden", "id")
	answers[any](t, f.call("POST", "/turn/"+alice+"/:issueCredentials?api-version=2021-02-22-preview1", ``, bearing(text)), 200)
	for _, target := range []string{relaying, "/v1/ice-servers"} {
		w := f.call("POST", target, `{}`, bearing(chat))
		refused(t, w, 403, "InsufficientScope", "")
		if got := w.Header().Get("WWW-Authenticate"); got != `Bearer error="insufficient_scope"` {
			t.Errorf("challenge %q", got)
		}
	}
	// An access key's routes take no token.
	for _, c := range [][2]string{
		{"POST", identities}, {"DELETE", of(bob, "")}, {"POST", of(bob, "issueAccessToken")}, {"POST", of(bob, "revokeAccessTokens")},
		{"GET", "/v1/users"}, {"POST", "/v1/revocations"}, {"POST", "/v1/introspection"},
	} {
		refused(t, f.call(c[0], c[1], ``, bearing(text)), 401, "Denied", "")
	}
	if w := f.call("POST", "/v1/ice-servers", ``, unsigned); len(w.Header().Values("WWW-Authenticate")) != 2 {
		t.Errorf("challenges %q", w.Header().Values("WWW-Authenticate"))
	}
	// A credential does not outlive its token.
	f.advance(24*time.Hour - 2*time.Minute)
	got = answers[ICEAnswer](t, f.call("POST", "/v1/ice-servers", `{"ttl":3600}`, bearing(text)), 200)
	if got.TTL != 60 || got.ExpiresOn != "2026-11-22T12:00:00Z" {
		t.Errorf("%+v, want the token's end", got)
	}
	f.advance(time.Minute + 10*time.Second) // within the skew of verifying, and nothing left to issue
	refused(t, f.call("POST", "/v1/ice-servers", ``, bearing(text)), 401, "InvalidAccessToken", "")
}

// TestForgedToken tries the usual ways to pass for another.
func TestForgedToken(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	_, text := f.user()
	parts := strings.Split(text, ".")
	encode := base64.RawURLEncoding.EncodeToString
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	check(t, err)
	hs := `{"alg":"HS256","typ":"JWT","kid":"` + strings.Split(string(f.Minter.Keys.String()), "[")[1][:43] + `"}`
	signedHS := func(key []byte) string {
		body := encode([]byte(hs)) + "." + parts[1]
		h := hmac.New(sha256.New, key)
		h.Write([]byte(body))
		return body + "." + encode(h.Sum(nil))
	}
	other := newFixture(t)
	_, foreign := other.user()
	longer := bytes.Replace(payload, []byte(`"exp":`), []byte(`"exp":9`), 1)
	for name, forged := range map[string]string{
		"none":                     encode([]byte(`{"alg":"none","typ":"JWT"}`)) + "." + parts[1] + ".",
		"none, in capitals":        encode([]byte(`{"alg":"NONE","kid":"x"}`)) + "." + parts[1] + ".",
		"HS256 with the key set":   signedHS(f.Minter.Keys.JWKS(noon)),
		"HS256 with an access key": signedHS(keys[0]),
		"no signature":             parts[0] + "." + parts[1] + ".",
		"another payload":          parts[0] + "." + encode(longer) + "." + parts[2],
		"another service":          foreign,
		"two parts":                parts[0] + "." + parts[1],
		"an opaque token":          "opaque",
		"nothing":                  "",
		"a long one":               text + strings.Repeat("A", token.MaxToken),
		"an access key":            base64.StdEncoding.EncodeToString(keys[0]),
	} {
		w := f.call("POST", "/v1/ice-servers", ``, bearing(forged))
		refused(t, w, 401, "InvalidAccessToken", "")
		if !strings.HasPrefix(w.Header().Get("WWW-Authenticate"), `Bearer error="invalid_token"`) {
			t.Errorf("%s: challenge %q", name, w.Header().Get("WWW-Authenticate"))
		}
		if forged != "" && strings.Contains(f.log.String(), forged) {
			t.Errorf("%s: the token is in the log", name)
		}
	}
}
