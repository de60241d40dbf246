package api

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"
)

var idShape = regexp.MustCompile(`^8:acs:` + resource + `_[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// TestIdentities goes through the life of an identity as the SDKs do.
func TestIdentities(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	// createUser() sends an empty body and a content type.
	c := answers[created](t, f.call("POST", identities, "", header("Content-Type", "application/json")), 201)
	id := c.Identity.ID
	if !idShape.MatchString(id) || c.AccessToken != nil {
		t.Errorf("got %+v", c)
	}
	issued := answers[accessToken](t, f.call("POST", of(id, "issueAccessToken"), `{"scopes":["voip","chat"],"expiresInMinutes":60}`), 200)
	claims := claimsOf(t, issued.Token)
	if claims["exp"] != float64(noon.Add(time.Hour).Unix()) || issued.ExpiresOn != "2026-11-21T13:00:00Z" {
		t.Errorf("exp %v, expiresOn %s", claims["exp"], issued.ExpiresOn)
	}
	if claims["skypeid"] != strings.TrimPrefix(id, "8:") || claims["acsScope"] != "chat,voip" || claims["resourceId"] != resource || claims["iat"] != float64(noon.Unix()) {
		t.Errorf("claims %v", claims)
	}
	usual := answers[accessToken](t, f.call("POST", of(id, "issueAccessToken"), `{"scopes":["voip"],"expiresInMinutes":null}`), 200)
	if usual.ExpiresOn != "2026-11-22T12:00:00Z" {
		t.Errorf("expiresOn %s, want a day later", usual.ExpiresOn)
	}
	answers[any](t, f.call("POST", relaying, `{}`, bearing(usual.Token)), 200)
	answers[struct{}](t, f.call("POST", of(id, "revokeAccessTokens"), ""), 204)
	refused(t, f.call("POST", relaying, `{}`, bearing(usual.Token)), 401, "InvalidAccessToken", "")
	// In the same second, and still valid.
	after := answers[accessToken](t, f.call("POST", of(id, "issueAccessToken"), `{"scopes":["voip"]}`), 200)
	answers[any](t, f.call("POST", relaying, `{}`, bearing(after.Token)), 200)
	answers[struct{}](t, f.call("DELETE", of(id, ""), ""), 204)
	refused(t, f.call("POST", relaying, `{}`, bearing(after.Token)), 401, "InvalidAccessToken", "")
	refused(t, f.call("POST", of(id, "issueAccessToken"), `{"scopes":["voip"]}`), 404, "IdentityNotFound", "id")
	refused(t, f.call("POST", of(id, "revokeAccessTokens"), ""), 404, "IdentityNotFound", "id")
	refused(t, f.call("DELETE", of(id, ""), ""), 404, "IdentityNotFound", "id")
	refused(t, f.call("POST", relaying, `{"id":"`+id+`"}`), 404, "IdentityNotFound", "id")
	refused(t, f.call("POST", "/turn/"+id+"/:issueCredentials?api-version=2021-02-22-preview1", ""), 404, "IdentityNotFound", "id")
}

func claimsOf(t *testing.T, text string) map[string]any {
	t.Helper()
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		t.Fatalf("%q is no JWT", text)
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	check(t, err)
	var claims map[string]any
	check(t, json.Unmarshal(raw, &claims))
	return claims
}

// TestIdentityAndToken is createUserAndToken, as JavaScript, Python and .NET send it.
func TestIdentityAndToken(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for body, life := range map[string]time.Duration{
		`{"createTokenWithScopes":["chat"]}`:                              24 * time.Hour,
		`{"createTokenWithScopes":["chat"],"expiresInMinutes":60}`:        time.Hour,
		`{"createTokenWithScopes":["voip.join"],"expiresInMinutes":1440}`: 24 * time.Hour,
		`{"createTokenWithScopes":null,"expiresInMinutes":null}`:          0,
		`{"createTokenWithScopes":[]}`:                                    0,
		`{}`:                                                              0,
		`{"another":{"member":[1,2]}}`:                                    0,
	} {
		c := answers[created](t, f.call("POST", identities, body), 201)
		switch {
		case life == 0 && c.AccessToken != nil:
			t.Errorf("%s: got a token", body)
		case life > 0 && (c.AccessToken == nil || c.AccessToken.ExpiresOn != noon.Add(life).Format(time.RFC3339)):
			t.Errorf("%s: %+v", body, c.AccessToken)
		}
	}
}

// TestCustomID is the newer form of the contract.
func TestCustomID(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	const latest = "/identities?api-version=2025-06-30"
	first := answers[created](t, f.call("POST", latest, `{"customId":"alice"}`), 201)
	again := answers[created](t, f.call("POST", latest, `{"customId":"alice","createTokenWithScopes":["voip"]}`), 201)
	if first.Identity != again.Identity || first.Identity.CustomID != "alice" {
		t.Errorf("%+v and %+v", first, again)
	}
	got := answers[communicationIdentity](t, f.call("GET", "/identities/"+first.Identity.ID+"?api-version=2025-06-30", ""), 200)
	if got.CustomID != "alice" || got.LastTokenIssued != "2026-11-21T12:00:00Z" {
		t.Errorf("%+v", got)
	}
	refused(t, f.call("POST", latest, `{"customId":"a\u0000b"}`), 400, "ValidationError", "customId")
	refused(t, f.call("POST", latest, `{"customId":"`+strings.Repeat("x", 257)+`"}`), 400, "ValidationError", "customId")
}

// TestRanges are the refusals that the live service was recorded with, and others
// like them.
func TestRanges(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	id, _ := f.user()
	const foreign = "8:acs:00000000-0000-0000-0000-000000000000_00000000-0000-0000-0000-000000000000"
	for _, c := range []struct {
		path, body   string
		status       int
		code, target string
		message      string
	}{
		{identities, `{"createTokenWithScopes":["chat"],"expiresInMinutes":59}`, 400, "ValidationError", "ExpiresInMinutes",
			"ExpiresInMinutes value 59 is invalid. Value must be within the [60, 1440] interval."},
		{of(id, "issueAccessToken"), `{"scopes":["chat"],"expiresInMinutes":1441}`, 400, "ValidationError", "ExpiresInMinutes",
			"ExpiresInMinutes value 1441 is invalid. Value must be within the [60, 1440] interval."},
		{of(id, "issueAccessToken"), `{"scopes":["chat"],"expiresInMinutes":-60}`, 400, "ValidationError", "ExpiresInMinutes", ""},
		{of(id, "issueAccessToken"), `{"scopes":["chat"],"expiresInMinutes":60.5}`, 400, "ValidationError", "expiresInMinutes", ""},
		{of(id, "issueAccessToken"), `{"scopes":["chat"],"expiresInMinutes":"60"}`, 400, "ValidationError", "expiresInMinutes", ""},
		{of(id, "issueAccessToken"), `{"scopes":["chat"],"expiresInMinutes":99999999999999999999}`, 400, "ValidationError", "expiresInMinutes", ""},
		{of(id, "issueAccessToken"), `{"scopes":[]}`, 400, "ValidationError", "scopes", "Invalid scopes - Scopes field is required."},
		{of(id, "issueAccessToken"), `{"scopes":null,"expiresInMinutes":null}`, 400, "ValidationError", "Scopes", "Scopes: The Scopes field is required."},
		{of(id, "issueAccessToken"), ``, 400, "ValidationError", "Scopes", "Scopes: The Scopes field is required."},
		{of(id, "issueAccessToken"), `{"scopes":["everything"]}`, 400, "ValidationError", "scopes", ""},
		{of(id, "issueAccessToken"), `{"scopes":"voip"}`, 400, "ValidationError", "scopes", ""},
		{of(id, "issueAccessToken"), `{"scopes":["voip",null]}`, 400, "ValidationError", "scopes", ""},
		{of(id, "issueAccessToken"), `{"scopes":[1]}`, 400, "ValidationError", "scopes", ""},
		{of(foreign, "issueAccessToken"), `{"scopes":["voip"]}`, 401, "IdentityNotOwned", "id", "Provided identity doesn't belong to the resource."},
		{of(foreign, "revokeAccessTokens"), ``, 401, "IdentityNotOwned", "id", ""},
		{of("alice", "revokeAccessTokens"), ``, 401, "IdentityNotOwned", "id", ""},
		{of("8:acs:"+resource+"_x", "issueAccessToken"), `{"scopes":["voip"]}`, 401, "IdentityNotOwned", "id", ""},
		{relaying, `{"id":"` + foreign + `"}`, 401, "IdentityNotOwned", "id", ""},
		{relaying, `{"id":"alice"}`, 401, "IdentityNotOwned", "id", ""},
		{relaying, `{"id":7}`, 400, "ValidationError", "id", ""},
		{relaying, `{"routeType":"farthest"}`, 400, "ValidationError", "routeType", ""},
		{relaying, `{"ttl":-1}`, 400, "ValidationError", "ttl", ""},
		{relaying, `{"ttl":"60"}`, 400, "ValidationError", "ttl", ""},
		{relaying, `{"ttl":1e3}`, 400, "ValidationError", "ttl", ""},
		{"/teamsUser/:exchangeAccessToken?api-version=2022-10-01", `{"token":"t","appId":"a","userId":"u"}`, 401, "InvalidAccessToken", "", "Provided access token is not valid."},
		{"/teamsUser/:exchangeAccessToken?api-version=2021-03-07", `{}`, 400, "UnsupportedApiVersion", "", ""},
		{"/access/entra/:exchangeAccessToken?api-version=2025-03-02-preview", `{}`, 401, "InvalidAccessToken", "", ""},
		{"/access/teamsExtension/:exchangeAccessToken?api-version=2025-06-30", `{}`, 401, "InvalidAccessToken", "", ""},
		{"/identities?api-version=2019-01-01", `{}`, 400, "UnsupportedApiVersion", "",
			"The HTTP resource that matches the request URI 'http://example.com/identities' does not support the API version '2019-01-01'."},
		{"/identities", `{}`, 400, "MissingApiVersionParameter", "", ""},
		{"/identities?api-version=", `{}`, 400, "MissingApiVersionParameter", "", ""},
		{"/identities?api-version=2023-10-01&api-version=2022-10-01", `{}`, 400, "MissingApiVersionParameter", "", ""},
	} {
		e := refused(t, f.call("POST", c.path, c.body), c.status, c.code, c.target)
		if c.message != "" && e.Message != c.message {
			t.Errorf("%s %s: message %q, want %q", c.path, c.body, e.Message, c.message)
		}
	}
	refused(t, f.call("DELETE", of(foreign, ""), ""), 401, "IdentityNotOwned", "id")
}

type relayConfiguration struct {
	ExpiresOn  string        `json:"expiresOn"`
	ICEServers []relayServer `json:"iceServers"`
}

// TestRelayConfiguration reads every answer as the SDK of its version does.
func TestRelayConfiguration(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	id, _ := f.user()
	for _, c := range []struct {
		body string
		life time.Duration
		want []string // route types
	}{
		{``, 48 * time.Hour, routeTypes},
		{`{}`, 48 * time.Hour, routeTypes},
		{`{"id":null,"routeType":null,"ttl":null}`, 48 * time.Hour, routeTypes},
		{`{"id":"` + id + `","ttl":3600}`, time.Hour, routeTypes},
		{`{"routeType":"any"}`, 48 * time.Hour, []string{"any"}},
		{`{"routeType":"nearest","ttl":60}`, time.Minute, []string{"nearest"}},
		{`{"ttl":172800}`, 48 * time.Hour, routeTypes},
		{`{"ttl":999999}`, 48 * time.Hour, routeTypes},
		{`{"ttl":0}`, leastTTL, routeTypes},
	} {
		for _, path := range []string{relaying, "/networktraversal/:issuerelayconfiguration?api-version=2021-06-21-preview"} {
			got := answers[relayConfiguration](t, f.call("POST", path, c.body), 200)
			if want := noon.Add(c.life).Format(time.RFC3339); got.ExpiresOn != want {
				t.Errorf("%s: expiresOn %s, want %s", c.body, got.ExpiresOn, want)
			}
			if len(got.ICEServers) != len(c.want) {
				t.Fatalf("%s: %+v", c.body, got)
			}
			for i, server := range got.ICEServers {
				if server.RouteType != c.want[i] || fmt.Sprint(server.URLs) != fmt.Sprint(urls) || server.Credential == "" ||
					!strings.HasPrefix(server.Username, fmt.Sprint(noon.Add(c.life).Unix(), ":")) {
					t.Errorf("%s: %+v", c.body, server)
				}
				if strings.Contains(c.body, id) != strings.Contains(server.Username, id) {
					t.Errorf("%s: username %s", c.body, server.Username)
				}
			}
		}
	}
	// The first version of the contract.
	got := answers[struct {
		ExpiresOn string
		Servers   []struct {
			URLs                 []string
			Username, Credential string
		} `json:"turnServers"`
	}](t, f.call("POST", "/turn/"+strings.ReplaceAll(id, ":", "%3A")+"/:issueCredentials?api-version=2021-02-22-preview1", ""), 200)
	if len(got.Servers) != 1 || !strings.Contains(got.Servers[0].Username, id) || got.ExpiresOn != "2026-11-23T12:00:00Z" {
		t.Errorf("%+v", got)
	}
}

// TestHeaders are those that SDKs and people look for.
func TestHeaders(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	w := f.call("POST", identities, "", header("x-ms-client-request-id", "9f2c"))
	for name, want := range map[string]string{
		"x-ms-client-request-id": "9f2c", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff",
		"api-supported-versions": strings.Join(identityVersions, ", "),
	} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if w := f.call("POST", identities, "", header("x-ms-client-request-id", strings.Repeat("x", 300))); w.Header().Get("x-ms-client-request-id") != "" {
		t.Error("a long id is echoed")
	}
}

// TestNoRoute has no answer but JSON, and no redirect, for what is not there.
func TestNoRoute(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for _, path := range []string{
		"/identities/", "//identities", "/Identities?api-version=2023-10-01", "/identities/../identities", "/identities/x/:unknown", "/turn", "/page/", "/page/..%2Fapi.go", "/x?service=turn",
		"/_matrix/client/v3/voip/turnServer", "/v1/turn/keys/k/credentials/generate", "/2010-04-01/Accounts/AC/Tokens.json",
	} {
		refused(t, f.call("POST", path, ""), 404, "NotFound", "")
	}
	for target, allow := range map[string]string{
		"PUT /identities": "POST", "GET /identities": "POST", "PATCH /identities/x": "DELETE, GET", "POST /": "GET", "OPTIONS /v1/ice-servers": "POST",
		"POST /openapi.json": "GET", "GET /v1/ice-servers": "POST",
	} {
		method, path, _ := strings.Cut(target, " ")
		w := f.call(method, path, "")
		refused(t, w, 405, "MethodNotAllowed", "")
		if got := w.Header().Get("Allow"); got != allow {
			t.Errorf("%s: Allow %q, want %q", target, got, allow)
		}
	}
}
