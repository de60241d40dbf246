package api

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"turnout/auth/identity"
	"turnout/auth/token"
)

// A remembered meter is one that remembers what it was told.
type remembered struct {
	mu   sync.Mutex
	told map[string]int
}

func (m *remembered) add(format string, args ...any) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.told == nil {
		m.told = map[string]int{}
	}
	m.told[fmt.Sprintf(format, args...)]++
}

func (m *remembered) Answered(route string, status int, took time.Duration) {
	if took < 0 {
		m.add("negative time")
	}
	m.add("%s %d", route, status)
}

func (m *remembered) Decided(product, dialect, result string) {
	m.add("%s %s %s", product, dialect, result)
}

func (m *remembered) Changed(what string) { m.add("%s", what) }

// take gives what was told since the last time, in order.
func (m *remembered) take() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []string
	for line, n := range m.told {
		if n != 1 {
			line += fmt.Sprint(" ×", n)
		}
		all = append(all, line)
	}
	slices.Sort(all)
	m.told = nil
	return all
}

// metered is a service with every dialect that counts.
func metered(t *testing.T, change ...func(*Config)) (*fixture, *remembered) {
	m := &remembered{}
	f := newFixture(t, append(change, func(c *Config) {
		c.Meter = m
		c.Dialects = Dialects{REST: []string{"rest-key"}, Cloudflare: map[string]string{"cf": "cf-key"}, Twilio: map[string]string{"AC1": "tw-key"}, Matrix: true}
	})...)
	return f, m
}

// TestMeter has every route that gives something out, or changes something, tell of it, and of why it does not.
func TestMeter(t *testing.T) {
	t.Parallel()
	f, m := metered(t)
	id, text := f.user()
	_, chat := f.user("chat")
	m.take()
	const native, issue, cloudflare = "/v1/ice-servers", "POST /identities/{id}/:issueAccessToken", "/v1/turn/keys/cf/credentials/"
	const generate = "POST /v1/turn/keys/{key}/credentials/generate-ice-servers"
	for _, c := range []struct {
		name                 string
		method, target, body string
		edits                []edit
		want                 []string
	}{
		{"user", "POST", identities, "", nil, []string{"POST /identities 201", "user_created"}},
		{"user and token", "POST", identities, `{"createTokenWithScopes":["voip"]}`, nil, []string{"POST /identities 201", "token acs issued", "user_created"}},
		{"named user", "POST", identities, `{"customId":"alice"}`, nil, []string{"POST /identities 201", "user_created"}},
		{"token of a bad scope", "POST", identities, `{"createTokenWithScopes":["video"]}`, nil, []string{"POST /identities 400", "token acs invalid"}},
		{"token", "POST", of(id, "issueAccessToken"), `{"scopes":["voip"]}`, nil, []string{issue + " 200", "token acs issued"}},
		{"token without a key", "POST", of(id, "issueAccessToken"), `{"scopes":["voip"]}`, []edit{unsigned}, []string{issue + " 401", "token acs unauthenticated"}},
		{"token at another time", "POST", of(id, "issueAccessToken"), `{"scopes":["voip"]}`, []edit{func(r *http.Request) {
			Sign(r, []byte(`{"scopes":["voip"]}`), keys[0], f.clock().Add(-time.Hour))
		}}, []string{issue + " 401", "token acs date"}},
		{"token of nobody", "POST", of("8:acs:"+resource+"_00000000-0000-4000-8000-000000000000", "issueAccessToken"), `{"scopes":["voip"]}`, nil, []string{issue + " 404", "token acs unknown_user"}},
		{"credential", "POST", native, "", []edit{bearing(text)}, []string{"POST /v1/ice-servers 200", "credential native issued"}},
		{"credential by key", "POST", native, `{"user":"bob"}`, nil, []string{"POST /v1/ice-servers 200", "credential native issued"}},
		{"no token at all", "POST", native, "", []edit{bearing("x")}, []string{"POST /v1/ice-servers 401", "credential native token_malformed"}},
		{"token for something else", "POST", native, "", []edit{bearing(chat)}, []string{"POST /v1/ice-servers 403", "credential native token_scope"}},
		{"for another", "POST", native, `{"user":"bob"}`, []edit{bearing(text)}, []string{"POST /v1/ice-servers 403", "credential native forbidden"}},
		{"for a ttl below zero", "POST", native, `{"ttl":-1}`, nil, []string{"POST /v1/ice-servers 400", "credential native invalid"}},
		{"relay configuration", "POST", relaying, "", []edit{bearing(text)}, []string{"POST /networkTraversal/:issueRelayConfiguration 200", "credential acs issued"}},
		{"page", "GET", "/", "", nil, []string{"GET / 200"}},
		{"REST", "GET", "/?service=turn&key=rest-key", "", nil, []string{"GET / 200", "credential rest issued"}},
		{"REST without a key", "GET", "/?service=turn&key=guess", "", nil, []string{"GET / 403", "credential rest forbidden"}},
		{"Cloudflare", "POST", cloudflare + "generate-ice-servers", "", []edit{bearing("cf-key")}, []string{generate + " 201", "credential cloudflare issued"}},
		{"Cloudflare with a wrong key", "POST", cloudflare + "generate-ice-servers", "", []edit{bearing("guess")}, []string{generate + " 401", "credential cloudflare unauthenticated"}},
		{"Twilio", "POST", "/2010-04-01/Accounts/AC1/Tokens.json", "", []edit{func(r *http.Request) { r.SetBasicAuth("AC1", "tw-key") }},
			[]string{"POST /2010-04-01/Accounts/{sid}/Tokens.json 201", "credential twilio issued"}},
		{"Matrix", "GET", "/_matrix/client/v3/voip/turnServer", "", []edit{bearing(text)}, []string{"GET /_matrix/client/v3/voip/turnServer 200", "credential matrix issued"}},
		{"no path", "GET", "/wp-login.php", "", nil, []string{"other 404"}},
		{"no method", "BREW", native, "", nil, []string{"other 405"}},
		{"HEAD", "HEAD", "/openapi.json", "", nil, []string{"GET /openapi.json 200"}},
		{"one credential", "POST", cloudflare + "1795266000%3Abob/revoke", "", []edit{bearing("cf-key")},
			[]string{"POST /v1/turn/keys/{key}/credentials/{username}/revoke 204", "username_revoked"}},
		{"a subject", "POST", "/v1/revocations", `{"subject":"bob"}`, nil, []string{"POST /v1/revocations 204", "subject_revoked"}},
		{"a user", "POST", "/v1/revocations", `{"subject":"` + id + `"}`, nil, []string{"POST /v1/revocations 204", "user_revoked"}},
		{"nobody", "POST", "/v1/revocations", `{}`, nil, []string{"POST /v1/revocations 400"}},
		{"a revoked token", "POST", native, "", []edit{bearing(text)}, []string{"POST /v1/ice-servers 401", "credential native token_revoked"}},
		{"a user again", "POST", of(id, "revokeAccessTokens"), "", nil, []string{"POST /identities/{id}/:revokeAccessTokens 204", "user_revoked"}},
		{"the end", "DELETE", of(id, ""), "", nil, []string{"DELETE /identities/{id} 204", "user_deleted"}},
	} {
		f.call(c.method, c.target, c.body, c.edits...)
		if got := m.take(); !slices.Equal(got, c.want) {
			t.Errorf("%s: counted %q, want %q", c.name, got, c.want)
		}
	}
	f.advance(time.Second)
	f.call("POST", identities, `{"customId":"alice"}`)
	if got, want := m.take(), []string{"POST /identities 201"}; !slices.Equal(got, want) {
		t.Errorf("a user that there is: counted %q, want %q", got, want)
	}
	f.routes = append(f.routes, divide([]route{{method: "GET", pattern: "/panic", serve: func(*request) (reply, error) { panic("by a test") },
		product: productCredential, dialect: dialectNative}})...)
	f.call("GET", "/panic", "")
	if got, want := m.take(), []string{"GET /panic 500", "credential native internal"}; !slices.Equal(got, want) {
		t.Errorf("a panic: counted %q, want %q", got, want)
	}
	check(t, f.store.Close())
	f.call("POST", identities, `{"createTokenWithScopes":["voip"]}`)
	if got, want := m.take(), []string{"POST /identities 503", "token acs unavailable"}; !slices.Equal(got, want) {
		t.Errorf("without a store: counted %q, want %q", got, want)
	}
}

// TestMeterHostile throws names of every kind at the service: no word that is counted is any client's.
func TestMeterHostile(t *testing.T) {
	t.Parallel()
	f, m := metered(t)
	_, text := f.user()
	routes := map[string]bool{}
	for _, r := range f.Routes() {
		routes[r] = true
	}
	names := []string{"evil", "%00", "..%2F..%2Fetc", "{id}", "a%0Ab", strings.Repeat("x", 2000), "%F0%9F%92%A9", "8:acs:x_y", "'%3B--", "%22%7D%20999"}
	for _, name := range names {
		for _, target := range []string{"/" + name, "/identities/" + name, of(name, "issueAccessToken"), "/v1/" + name, "/v1/turn/keys/" + name + "/credentials/generate", "/?service=" + name + "&key=" + name,
			"/2010-04-01/Accounts/" + name + "/Tokens.json", "/v1/turn/keys/cf/credentials/" + name + "/revoke", "/turn/" + name + "/:issueCredentials"} {
			for _, method := range []string{"GET", "POST", "DELETE", "OPTIONS", "PUT", "EVIL"} {
				f.call(method, target, "")
				f.call(method, target, `{"scopes":["`+name+`"],"user":"`+name+`","subject":"`+name+`"}`, bearing(name))
				f.call(method, target, "", bearing(text), header("Origin", name))
			}
		}
	}
	if len(m.told) < 20 {
		t.Fatalf("only %d words: %v", len(m.told), m.told)
	}
	for line := range m.told {
		words := strings.Fields(line)
		ok := false
		switch {
		case slices.Contains(Products(), words[0]):
			ok = len(words) == 3 && slices.Contains(DialectNames(), words[1]) && slices.Contains(Results(), words[2])
		case len(words) == 1:
			ok = slices.Contains(Changes(), words[0])
		default:
			ok = routes[strings.Join(words[:len(words)-1], " ")]
		}
		if !ok {
			t.Errorf("counted %q, which is in no closed set", line)
		}
	}
}

// TestResults wants a word of the closed set for every error there is, and all the words to be different.
func TestResults(t *testing.T) {
	t.Parallel()
	all := Results()
	for i, word := range all {
		if slices.Contains(all[:i], word) {
			t.Errorf("%s stands twice", word)
		}
	}
	for err, want := range map[error]string{
		nil: "issued", errDenied: "unauthenticated", errContentHash: "unauthenticated", errDate: "date", errRESTKey: "forbidden", errOthers: "forbidden",
		errNotOwned: "unknown_user", errNoIdentity: "unknown_user", errTooLarge: "invalid", errMediaType: "invalid", errTimeout: "timeout",
		context.Canceled: "timeout", errUnavailable: "unavailable", identity.ErrUnavailable: "unavailable", token.ErrUnavailable: "unavailable",
		http.ErrBodyNotAllowed: "internal", errScope: "token_scope", token.ErrRevoked: "token_revoked", identity.ErrInvalid: "invalid",
	} {
		if got := resultOf(err); got != want || !slices.Contains(all, got) {
			t.Errorf("%v: %s, want %s", err, got, want)
		}
	}
}
