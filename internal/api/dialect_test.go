package api

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	restSecret = "a key of the rest dialect"
	cloudToken = "a token of a cloudflare key"
	twilioWord = "a token of a twilio account"
	sid        = "AC0123456789"
)

func withDialects(c *Config) {
	c.Dialects = Dialects{
		REST: []string{"an older key of the dialect", restSecret}, Cloudflare: map[string]string{"k1": cloudToken, "k2": "another token of it"},
		Twilio: map[string]string{sid: twilioWord}, Matrix: true,
	}
}

// plain sends a request that no access key signs.
func (f *fixture) plain(method, target, kind, body string, edits ...edit) *httptest.ResponseRecorder {
	return f.call(method, target, body, append([]edit{unsigned, header("Content-Type", kind)}, edits...)...)
}

func basicAuth(user, password string) edit {
	return header("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(user+":"+password)))
}

const form = "application/x-www-form-urlencoded"

// TestREST is draft-uberti-behave-turn-rest-00, as its clients vary it.
func TestREST(t *testing.T) {
	t.Parallel()
	f := newFixture(t, withDialects)
	query := "service=turn&username=alice&ttl=3600&key=" + strings.ReplaceAll(restSecret, " ", "+")
	for _, w := range []*httptest.ResponseRecorder{
		f.plain("GET", "/?"+query, "", ""), f.plain("GET", "/?"+strings.Replace(query, "key=", "api=", 1), "", ""),
		f.plain("POST", "/", form, query), f.plain("POST", "/?"+query, "", ""),
	} {
		got := answers[uriAnswer](t, w, 200)
		if got.TTL != 3600 || !slices.Equal(got.URIs, urls[:2]) || !strings.HasPrefix(got.Username, "1795266000:alice:~1.") || len(got.Password) != 28 {
			t.Errorf("%+v", got)
		}
	}
	got := answers[uriAnswer](t, f.plain("GET", "/?service=turn&key=an+older+key+of+the+dialect", "", ""), 200)
	if got.TTL != 86400 {
		t.Errorf("%+v, want a day", got)
	}
	for target, want := range map[string]string{
		"/?service=stun&key=" + restSecret:                  "400 ValidationError service",
		"/?service=&key=" + restSecret:                      "400 ValidationError service",
		"/?username=alice&key=" + restSecret:                "400 ValidationError service",
		"/?username=alice":                                  "403 Forbidden ",
		"/?api=guess":                                       "403 Forbidden ",
		"/?service=turn&username=alice":                     "403 Forbidden ",
		"/?service=turn&key=":                               "403 Forbidden ",
		"/?service=turn&key=guess":                          "403 Forbidden ",
		"/?service=turn&ttl=soon&key=" + restSecret:         "400 ValidationError ttl",
		"/?service=turn&ttl=0&key=" + restSecret:            "400 ValidationError ttl",
		"/?service=turn&username=a%22b&key=" + restSecret:   "400 ValidationError ",
		"/?service=turn&username=8:acs:x&key=" + restSecret: "401 IdentityNotOwned id",
	} {
		w := f.plain("GET", strings.ReplaceAll(target, " ", "+"), "", "")
		part := strings.SplitN(want, " ", 3)
		refused(t, w, map[string]int{"400": 400, "401": 401, "403": 403}[part[0]], part[1], part[2])
	}
	refused(t, f.plain("POST", "/", "application/json", `{"service":"turn"}`), 415, "UnsupportedMediaType", "")
	if w := f.plain("GET", "/?from=elsewhere", "", ""); w.Code != 200 || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") {
		t.Errorf("the page is gone with a query: %d %v", w.Code, w.Header())
	}
	if w := f.plain("GET", "/", "", ""); w.Code != 200 || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") {
		t.Errorf("the page is gone: %d %v", w.Code, w.Header())
	}
}

// TestCloudflare is Cloudflare's TURN service.
func TestCloudflare(t *testing.T) {
	t.Parallel()
	f := newFixture(t, withDialects)
	const at = "/v1/turn/keys/k1/credentials/"
	got := answers[struct {
		ICEServers []ICEServer `json:"iceServers"`
	}](t, f.plain("POST", at+"generate-ice-servers", "application/json", `{"ttl":86400,"customIdentifier":"alice"}`, bearing(cloudToken)), 201)
	if len(got.ICEServers) != 2 || !slices.Equal(got.ICEServers[0].URLs, urls[2:]) || got.ICEServers[0].Username != "" ||
		!slices.Equal(got.ICEServers[1].URLs, urls[:2]) || !strings.HasPrefix(got.ICEServers[1].Username, "1795348800:alice:") {
		t.Errorf("%+v", got)
	}
	one := answers[struct {
		ICEServers ICEServer `json:"iceServers"`
	}](t, f.plain("POST", at+"generate", "application/json", `{"ttl":60}`, bearing(cloudToken)), 201).ICEServers
	if len(one.URLs) != 3 || one.Username == "" {
		t.Errorf("%+v", one)
	}
	username := got.ICEServers[1].Username
	if f.Revocations.Revoked([]byte("alice"), []byte(username), noon, noon.Add(time.Hour)) {
		t.Error("revoked before it was")
	}
	escaped := strings.NewReplacer(":", "%3A", "~", "%7E").Replace(username)
	answers[struct{}](t, f.plain("POST", at+escaped+"/revoke", "", "", bearing(cloudToken)), 204)
	if !f.Revocations.Revoked([]byte("alice"), []byte(username), noon, noon.Add(time.Hour)) || f.Revocations.Revoked([]byte("alice"), []byte(one.Username), noon, noon.Add(time.Hour)) {
		t.Error("not that credential, and no other, is revoked")
	}
	for _, edits := range [][]edit{{bearing("guess")}, {bearing("another token of it")}, {unsigned}, {bearing("")}} {
		refused(t, f.plain("POST", at+"generate-ice-servers", "", "", edits...), 401, "Denied", "")
		refused(t, f.plain("POST", at+escaped+"/revoke", "", "", edits...), 401, "Denied", "")
	}
	refused(t, f.plain("POST", "/v1/turn/keys/k9/credentials/generate", "", "", bearing("")), 401, "Denied", "")
	refused(t, f.plain("POST", at+"generate", "application/json", `{"ttl":0}`, bearing(cloudToken)), 400, "ValidationError", "ttl")
}

// TestTwilio is Twilio's Network Traversal service, with its quirks.
func TestTwilio(t *testing.T) {
	t.Parallel()
	f := newFixture(t, withDialects)
	const at = "/2010-04-01/Accounts/" + sid + "/Tokens.json"
	basic := basicAuth
	got := answers[map[string]any](t, f.plain("POST", at, form, "Ttl=600", basic(sid, twilioWord)), 201)
	servers := got["ice_servers"].([]any)
	first, last := servers[0].(map[string]any), servers[2].(map[string]any)
	if got["ttl"] != "600" || got["account_sid"] != sid || got["date_created"] != "Sat, 21 Nov 2026 12:00:00 +0000" ||
		first["url"] != urls[2] || first["urls"] != urls[2] || first["username"] != nil || last["urls"] != urls[1] || last["username"] != got["username"] || last["credential"] != got["password"] {
		t.Errorf("%v", got)
	}
	for _, e := range []edit{basic(sid, "guess"), basic("AC9", twilioWord), basic("", ""), unsigned} {
		w := f.plain("POST", at, form, "", e)
		fault := answers[struct {
			Code, Status int
			Message      string
		}](t, w, 401)
		if fault.Code != 20003 || fault.Status != 401 || !strings.HasPrefix(w.Header().Get("WWW-Authenticate"), "Basic") {
			t.Errorf("%+v %v", fault, w.Header())
		}
	}
}

// TestMatrix is the client-server API's, by a user's token.
func TestMatrix(t *testing.T) {
	t.Parallel()
	f := newFixture(t, withDialects)
	id, text := f.user()
	for _, version := range []string{"v3", "r0"} {
		at := "/_matrix/client/" + version + "/voip/turnServer"
		got := answers[uriAnswer](t, f.call("GET", at, "", bearing(text)), 200)
		if got.TTL != 86400 || !slices.Equal(got.URIs, urls[:2]) || !strings.Contains(got.Username, id) {
			t.Errorf("%+v", got)
		}
		type fault struct{ Errcode, Error string }
		if e := answers[fault](t, f.call("GET", at, "", unsigned), 401); e.Errcode != "M_MISSING_TOKEN" {
			t.Errorf("%+v", e)
		}
		if e := answers[fault](t, f.call("GET", at, "", bearing("x")), 401); e.Errcode != "M_UNKNOWN_TOKEN" {
			t.Errorf("%+v", e)
		}
		if e := answers[fault](t, f.call("GET", at, ""), 401); e.Errcode != "M_MISSING_TOKEN" {
			t.Errorf("an access key is no user: %+v", e)
		}
	}
}

// TestDialectsOff has nothing at any dialect's path, and nothing of them in the description.
func TestDialectsOff(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for _, target := range []string{"POST /", "POST /v1/turn/keys/k1/credentials/generate", "POST /2010-04-01/Accounts/AC/Tokens.json", "GET /_matrix/client/v3/voip/turnServer"} {
		method, path, _ := strings.Cut(target, " ")
		if w := f.call(method, path, ""); w.Code != 404 && w.Code != 405 {
			t.Errorf("%s: %d", target, w.Code)
		}
	}
	if w := f.call("GET", "/openapi.json", ""); strings.Contains(w.Body.String(), dialectMark) {
		t.Error("the description has dialects that are off")
	}
	if w := f.call("GET", "/?service=turn&key=x", "", unsigned); w.Code != http.StatusOK || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if _, err := New(Config{Dialects: Dialects{REST: []string{""}}}); err == nil || !strings.Contains(err.Error(), "empty key") {
		t.Errorf("an empty key: %v", err)
	}
}
