package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"turnout/auth"
	"turnout/auth/identity"
	"turnout/auth/token"
	"turnout/internal/api"
	"turnout/internal/config"
)

// A member is one process of a fleet, as far as keys go: a service, and the credentials' check of a relay.
type member struct {
	keep     *keep
	offer    connection // to its service, signed by the key that the application has
	verifier *auth.Verifier
	state    auth.VerifierState
	stop     context.CancelFunc
}

func (m *member) close() {
	m.stop()
	m.keep.close()
}

// loaded is the configuration of a process of a fleet.
func loaded(t *testing.T) *config.Loaded {
	t.Helper()
	l, err := config.Load(config.Sources{Set: []string{"listen=udp://127.0.0.1:3478", "api.listen=http://127.0.0.1:8080", "api.advertise=turn:192.0.2.1:3478", "store.path=unused"}})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// newMember starts a process on a store.
func newMember(t *testing.T, store identity.Store) *member {
	t.Helper()
	l := loaded(t)
	c := newConsole(t)
	c.parts, c.now = realParts, time.Now
	m := &member{keep: &keep{store: store}}
	if err := c.fill(t.Context(), m.keep, l, end{}); err != nil {
		t.Fatal(err)
	}
	m.keep.begin(slog.New(slog.DiscardHandler))
	trusted, err := c.trust(t.Context(), l, m.keep)
	if err != nil {
		t.Fatal(err)
	}
	tokens, err := tokenVerifier(l, m.keep, nil, c.now)
	if err != nil {
		t.Fatal(err)
	}
	made, err := c.newOffer(l, trusted, l.API.Advertise, tokens, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	trusted.adopt(l, &offer{service: made})
	m.verifier = trusted.verifier
	m.offer = connection{endpoint: "http://localhost", now: time.Now, close: func() {}}
	m.offer.client = &http.Client{Transport: inside{made}}
	var ctx context.Context
	ctx, m.stop = context.WithCancel(t.Context())
	m.keep.care(ctx, time.Now, slog.New(slog.DiscardHandler))
	return m
}

// A claimed is a request that a client signed with a key, as the relay's verifier sees it.
type claimed []byte

func (s claimed) CheckIntegrity(key []byte) error {
	if !bytes.Equal(s, key) {
		return errors.New("another key")
	}
	return nil
}

// admits says whether the relay takes a credential.
func (m *member) admits(s api.ICEServer) error {
	key := auth.DeriveKey(nil, auth.SHA256, s.Username, "turnout", s.Credential)
	_, err := m.verifier.Verify(&m.state, claimed(key), []byte(s.Username), auth.SHA256, time.Now())
	return err
}

// An issued is what the fleet gave out: it has to be good until its end, wherever it is shown.
type issued struct {
	token      string
	tokenEnds  time.Time
	credential api.ICEServer
	ends       time.Time
}

// issue has one service make a token, and another one a credential of that.
func issue(t *testing.T, user string, from, to *member) (i issued) {
	t.Helper()
	var minted struct {
		Token     string
		ExpiresOn time.Time
	}
	if err := from.offer.ask(t.Context(), "POST", identityPath(user, "issueAccessToken"), "", map[string]any{"scopes": []string{"voip"}}, &minted); err != nil {
		t.Fatalf("a token: %v", err)
	}
	i.token, i.tokenEnds = minted.Token, minted.ExpiresOn
	answer, err := to.credential(t.Context(), i.token)
	if err != nil {
		t.Fatalf("a credential: %v", err)
	}
	i.credential = answer.ICEServers[len(answer.ICEServers)-1]
	i.ends = time.Now().Add(time.Duration(answer.TTL) * time.Second)
	return i
}

func (m *member) credential(ctx context.Context, text string) (answer api.ICEAnswer, err error) {
	err = m.offer.ask(ctx, "POST", "/v1/ice-servers", text, map[string]any{}, &answer)
	return answer, err
}

// check shows what was issued to every member.
func (i issued) check(t *testing.T, fleet ...*member) {
	t.Helper()
	const fraction = 2 * time.Second // whole seconds, and a token's last ones are too few for a credential
	for n, m := range fleet {
		if left := time.Until(i.tokenEnds); left > fraction {
			if _, err := m.credential(t.Context(), i.token); err != nil {
				t.Errorf("member %d refuses a token that lives for another %v: %v", n+1, left, err)
			}
		}
		if left := time.Until(i.ends); left > fraction {
			if err := m.admits(i.credential); err != nil {
				t.Errorf("member %d refuses a credential that lives for another %v: %v", n+1, left, err)
			}
		}
	}
}

// TestKeysRotateUnderLoad rotates every key twice while two services give out tokens and credentials all the time, for
// six days: nothing that is given out is refused anywhere before its end, no request fails, and of the old keys nothing
// is left at the end.
func TestKeysRotateUnderLoad(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := identity.NewMemory()
		fleet := []*member{newMember(t, store), newMember(t, store)}
		defer func() {
			for _, m := range fleet {
				m.close()
			}
		}()
		first := fleet[0].keep.access[0].Value
		for _, m := range fleet {
			m.offer.key = first
		}
		var made struct{ Identity struct{ ID string } }
		if err := fleet[0].offer.ask(t.Context(), "POST", "/identities?api-version="+identityVersion, "", map[string]any{}, &made); err != nil {
			t.Fatal(err)
		}
		before := keyNames(t, fleet[0])
		var living []issued
		for minute := range 6 * 24 * 60 {
			hour := minute / 60
			if minute%60 == 30 && (hour == 5 || hour == 53) { // on the first and on the third day
				rotateAll(t, fleet[0])
			}
			from, to := fleet[minute%2], fleet[(minute+1)%2]
			if minute%20 == 0 {
				living = append(living, issue(t, made.Identity.ID, from, to))
			}
			if minute%180 == 179 {
				for _, i := range living {
					i.check(t, fleet...)
				}
				for len(living) > 0 && time.Now().After(living[0].ends) && time.Now().After(living[0].tokenEnds) {
					living = living[1:]
				}
			}
			time.Sleep(time.Minute)
		}
		after := keyNames(t, fleet[1])
		for _, old := range before {
			if strings.HasPrefix(old, "access-keys") {
				continue // their holders have seven days
			}
			for _, now := range after {
				if old == now {
					t.Errorf("%s is still there", old)
				}
			}
		}
		for _, name := range []string{"secrets k3", "access-keys k4"} {
			if !strings.Contains(strings.Join(after, "\n"), name) {
				t.Errorf("there is no %s: %v", name, after)
			}
		}
		if kept, err := identity.ReadDocument[identity.Secrets](t.Context(), store, identity.RelaySecretsDocument); err != nil || len(kept) != 1 {
			t.Errorf("%d secrets in the store (%v), want one", len(kept), err)
		}
	})
}

// rotateAll asks a service for new keys of every purpose, and has the application take its new one.
func rotateAll(t *testing.T, m *member) {
	t.Helper()
	for _, p := range api.Purposes {
		var answer api.KeyList
		if err := m.offer.ask(t.Context(), "POST", "/v1/keys/rotation", "", map[string]any{"purpose": p}, &answer); err != nil {
			t.Fatalf("rotate %s: %v", p, err)
		}
		if answer.AccessKey == "" {
			continue
		}
		key, err := base64.StdEncoding.DecodeString(answer.AccessKey)
		if err != nil {
			t.Fatal(err)
		}
		m.offer.key = key // the other's application goes on with the old one
	}
}

// keyNames are the keys that a member knows of.
func keyNames(t *testing.T, m *member) (all []string) {
	t.Helper()
	var answer api.KeyList
	if err := m.offer.ask(t.Context(), "GET", "/v1/keys", "", nil, &answer); err != nil {
		t.Fatal(err)
	}
	for _, k := range answer.Keys {
		all = append(all, fmt.Sprintf("%s %s", k.Purpose, k.ID))
	}
	return all
}

// TestKeysAtOnce ends a leaked key and what was made with it, everywhere.
func TestKeysAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := identity.NewMemory()
		a, b := newMember(t, store), newMember(t, store)
		defer a.close()
		defer b.close()
		a.offer.key = a.keep.access[0].Value
		b.offer.key = a.offer.key
		var made struct{ Identity struct{ ID string } }
		if err := a.offer.ask(t.Context(), "POST", "/identities?api-version="+identityVersion, "", map[string]any{}, &made); err != nil {
			t.Fatal(err)
		}
		leaked := issue(t, made.Identity.ID, a, b)
		leaked.check(t, a, b)
		time.Sleep(time.Second)
		for _, p := range api.Purposes {
			var answer api.KeyList
			if err := a.offer.ask(t.Context(), "POST", "/v1/keys/rotation", "", map[string]any{"purpose": p, "atOnce": true}, &answer); err != nil {
				t.Fatal(err)
			}
			if p == api.AccessKeys {
				a.offer.key, _ = base64.StdEncoding.DecodeString(answer.AccessKey)
			}
		}
		synctest.Wait() // the other process has heard of it
		for n, m := range []*member{a, b} {
			if err := m.admits(leaked.credential); err == nil {
				t.Errorf("member %d admits a credential of the old secret", n+1)
			}
			if _, err := m.credential(t.Context(), leaked.token); err == nil || !strings.Contains(err.Error(), "InvalidAccessToken") {
				t.Errorf("member %d and a token of the old key: %v", n+1, err)
			}
		}
		if err := b.offer.ask(t.Context(), "GET", "/v1/keys", "", nil, nil); err == nil || !strings.Contains(err.Error(), "401 Denied") {
			t.Errorf("the old access key: %v", err)
		}
		b.offer.key = a.offer.key
		issue(t, made.Identity.ID, b, a).check(t, a, b)
	})
}

// TestKeysConfigured leaves keys of the configuration alone, whoever asks.
func TestKeysConfigured(t *testing.T) {
	t.Parallel()
	c := newConsole(t)
	l, err := config.Load(config.Sources{Environ: []string{`TURNOUT_AUTH_SECRETS=[{"id":"mine","secret":"a-secret-of-some-length"}]`, `TURNOUT_API_ACCESS_KEYS=["` + accessKey + `"]`}, Set: []string{
		"listen=udp://127.0.0.1:3478", "api.listen=http://127.0.0.1:8080", "api.advertise=turn:192.0.2.1:3478", "api.token-algorithm=ES256", "store.path=unused"}})
	if err != nil {
		t.Fatal(err)
	}
	store := identity.NewMemory()
	k := &keep{store: store}
	if err := c.fill(t.Context(), k, l, end{}); err != nil {
		t.Fatal(err)
	}
	defer k.close()
	trusted, err := c.trust(t.Context(), l, k)
	if err != nil {
		t.Fatal(err)
	}
	trusted.adopt(l, &offer{service: new(api.Service)})
	for _, p := range []api.Purpose{api.RelaySecrets, api.AccessKeys} {
		if _, err := k.chain.Rotate(t.Context(), api.Rotation{Purpose: p, Lead: -1, Overlap: -1}, noon); !errors.Is(err, api.ErrConfigured) {
			t.Errorf("%s: %v", p, err)
		}
	}
	// Another process may have put some into the store.
	if _, err := identity.RelaySecrets(t.Context(), store); err != nil {
		t.Fatal(err)
	}
	r, err := store.Read(t.Context(), identity.Documents, identity.RelaySecretsDocument)
	if err != nil {
		t.Fatal(err)
	}
	if err := k.chain.take(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	list, err := k.chain.List(t.Context(), noon)
	if err != nil || len(list) != 3 || list[0].ID != "mine" || !list[0].Configured || !list[1].Configured || list[2].Configured || list[2].Algorithm != string(token.ES256) {
		t.Errorf("%+v, %v", list, err)
	}
}

// TestOtherStore does not take over the keys of a store that was put in the place of the process's own.
func TestOtherStore(t *testing.T) {
	t.Parallel()
	c := newConsole(t)
	l, err := config.Load(config.Sources{Set: []string{"listen=udp://127.0.0.1:3478", "api.listen=http://127.0.0.1:8080", "api.advertise=turn:192.0.2.1:3478", "store.path=unused"}})
	if err != nil {
		t.Fatal(err)
	}
	k := &keep{store: identity.NewMemory()}
	if err := c.fill(t.Context(), k, l, end{}); err != nil {
		t.Fatal(err)
	}
	defer k.close()
	before := k.chain.access.kept
	other := identity.NewMemory()
	k.chain.store = other
	if _, err := identity.AccessKeys(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	r, err := other.Read(t.Context(), identity.Documents, identity.AccessKeysDocument)
	if err != nil {
		t.Fatal(err)
	}
	if err := k.chain.take(t.Context(), r); !errors.Is(err, identity.ErrNotFound) {
		t.Errorf("of a store without a mark: %v", err)
	}
	if _, err := identity.Mark(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	if err := k.chain.take(t.Context(), r); !errors.Is(err, errOtherStore) {
		t.Errorf("of another store: %v", err)
	}
	var told bool
	for _, trouble := range k.probe() {
		told = told || trouble.fault == faultKeys
	}
	if !told {
		t.Errorf("troubles: %v", k.probe())
	}
	if after := k.chain.access.kept; !bytes.Equal(before[0].Value, after[0].Value) {
		t.Error("its keys were taken over")
	}
}
