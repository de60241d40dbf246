package api

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"turnout/auth"
	"turnout/auth/identity"
	"turnout/auth/token"
)

const resource = "6f0c3a52-5a1f-4a68-9d5e-3f2f6a0c9a11"

var (
	noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	keys = [][]byte{[]byte("first access key, thirty-two b.."), []byte("second access key, thirty-two b.")}
	urls = []string{"turn:192.0.2.1:3478?transport=udp", "turn:192.0.2.1:3478?transport=tcp", "stun:192.0.2.1:3478"}
)

// A fixture is a service on a store in memory, at noon.
type fixture struct {
	*Service
	t     testing.TB
	store *identity.Memory
	ring  *auth.Keyring
	log   *logged

	mu  sync.Mutex
	now time.Time // guarded by mu
}

type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (f *fixture) clock() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now
}

func (f *fixture) advance(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now = f.now.Add(d)
}

// newFixture makes a service, as change wants it.
func newFixture(t testing.TB, change ...func(*Config)) *fixture {
	t.Helper()
	f := &fixture{t: t, store: identity.NewMemory(), now: noon, log: &logged{}}
	view, err := identity.NewRevocations(identity.RevocationsConfig{Now: f.clock})
	check(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); view.Run(ctx, f.store) }()
	t.Cleanup(func() { cancel(); <-ended })
	<-view.Ready()
	directory, err := identity.NewDirectory(identity.DirectoryConfig{Store: f.store, Revocations: view, Resource: resource, Now: f.clock})
	check(t, err)
	set, err := token.NewKeySet(token.ES256, noon.Add(-time.Hour))
	check(t, err)
	minter := &token.Minter{Keys: set, Issuer: "https://turn.example", Audience: resource}
	f.ring, err = auth.NewKeyring(auth.Key{ID: "k1", Secret: []byte("a secret of the relay's keyring")})
	check(t, err)
	c := Config{
		Directory: directory, Revocations: view, Minter: minter, Issuer: auth.NewIssuer(f.ring),
		Resource: resource, Scopes: []string{"voip", "voip.join"}, AccessKeys: keys, Keys: &keyBox{}, URLs: urls, Now: f.clock,
		Logger: slog.New(slog.NewTextHandler(f.log, nil)),
	}
	c.Verifier, err = token.NewVerifier(token.VerifierConfig{
		Keys: set, Issuer: minter.Issuer, Audience: minter.Audience,
		Revoked: view.TokenRevoked, Now: f.clock,
	})
	check(t, err)
	for _, do := range change {
		do(&c)
	}
	f.Service, err = New(c)
	check(t, err)
	return f
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// An edit changes a request that is about to be sent, after it was signed.
type edit func(*http.Request)

func header(name, value string) edit {
	return func(r *http.Request) {
		if value == "" {
			r.Header.Del(name)
			return
		}
		r.Header.Set(name, value)
	}
}

func bearing(text string) edit { return header("Authorization", "Bearer "+text) }

func unsigned(r *http.Request) { r.Header.Del("Authorization") }

// call sends a request signed with the first access key.
func (f *fixture) call(method, target, body string, edits ...edit) *httptest.ResponseRecorder {
	f.t.Helper()
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	r := httptest.NewRequest(method, target, reader)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	Sign(r, []byte(body), keys[0], f.clock())
	for _, e := range edits {
		e(r)
	}
	w := httptest.NewRecorder()
	f.ServeHTTP(w, r)
	return w
}

// answers reads the JSON of an answer that must have this status.
func answers[T any](t testing.TB, w *httptest.ResponseRecorder, status int) T {
	t.Helper()
	var v T
	if w.Code != status {
		t.Fatalf("status %d, want %d: %s", w.Code, status, w.Body)
	}
	if status == http.StatusNoContent {
		if w.Body.Len() > 0 || w.Header().Get("Content-Type") != "" {
			t.Errorf("204 has a body: %q", w.Body)
		}
		return v
	}
	if kind := w.Header().Get("Content-Type"); kind != jsonType {
		t.Errorf("Content-Type %q", kind)
	}
	d := json.NewDecoder(w.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%v in %s", err, w.Body)
	}
	return v
}

// refused wants an error of this status, code and target in the contract's form.
func refused(t testing.TB, w *httptest.ResponseRecorder, status int, code, target string) errorDetail {
	t.Helper()
	e := answers[errorBody](t, w, status).Error
	if e.Code != code || e.Target != target || e.Message == "" {
		t.Errorf("error %+v, want code %q and target %q", e, code, target)
	}
	if w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("Cache-Control %q", w.Header().Get("Cache-Control"))
	}
	return e
}

type created struct {
	Identity struct {
		ID       string `json:"id"`
		CustomID string `json:"customId"`
	} `json:"identity"`
	AccessToken *accessToken `json:"accessToken"`
}

const (
	identities = "/identities?api-version=2023-10-01"
	relaying   = "/networkTraversal/:issueRelayConfiguration?api-version=2022-03-01-preview"
)

// user makes one with a token of these scopes, voip if there are none.
func (f *fixture) user(scopes ...string) (id, text string) {
	f.t.Helper()
	if len(scopes) == 0 {
		scopes = []string{"voip"}
	}
	list, _ := json.Marshal(scopes)
	c := answers[created](f.t, f.call("POST", identities, `{"createTokenWithScopes":`+string(list)+`}`), 201)
	return c.Identity.ID, c.AccessToken.Token
}

// of is the path of an identity, escaped as the SDKs do.
func of(id, action string) string {
	path := "/identities/" + strings.ReplaceAll(id, ":", "%3A")
	if action != "" {
		path += "/:" + action
	}
	return path + "?api-version=2023-10-01"
}
