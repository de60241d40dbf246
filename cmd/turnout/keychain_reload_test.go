package main

import (
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"turnout/auth/identity"
	"turnout/internal/api"
	"turnout/internal/config"
)

// TestKeysReload reloads between rotations: from the store's keys to the store's, to the configuration's, and back.
func TestKeysReload(t *testing.T) {
	t.Parallel()
	store := identity.NewMemory()
	m := newMember(t, store)
	t.Cleanup(m.close)
	c := newConsole(t)
	c.parts, c.now = realParts, time.Now
	rotate := func(p api.Purpose, want error) {
		t.Helper()
		if _, err := m.keep.chain.Rotate(t.Context(), api.Rotation{Purpose: p, Lead: 0, Overlap: 0}, time.Now()); !errors.Is(err, want) {
			t.Errorf("rotate %s: %v, want %v", p, err, want)
		}
	}
	const sets = "listen=udp://127.0.0.1:3478 api.listen=http://127.0.0.1:8080 api.advertise=turn:192.0.2.1:3478 store.path=unused"
	load := func(environ ...string) *config.Loaded {
		t.Helper()
		l, err := config.Load(config.Sources{Set: strings.Fields(sets), Environ: environ})
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	stored, configured := load(), load(`TURNOUT_AUTH_SECRETS=[{"id":"mine","secret":"a-secret-of-some-length"}]`, `TURNOUT_API_ACCESS_KEYS=["`+accessKey+`"]`)
	now := &running{loaded: stored}
	var err error
	if now.trust, err = c.trust(t.Context(), stored, m.keep); err != nil {
		t.Fatal(err)
	}
	reload := func(l *config.Loaded) {
		t.Helper()
		next, err := c.nextTrust(t.Context(), l, now)
		if err != nil {
			t.Fatal(err)
		}
		tokens, err := tokenVerifier(l, m.keep, nil, c.now)
		if err != nil {
			t.Fatal(err)
		}
		made, err := c.newOffer(l, next, l.API.Advertise, tokens, slog.New(slog.DiscardHandler), nil)
		if err != nil {
			t.Fatal(err)
		}
		next.adopt(l, &offer{service: made})
		now = &running{loaded: l, trust: next}
		m.verifier, m.offer.client = next.verifier, &http.Client{Transport: inside{made}}
	}
	// works has an application with this key ask, for itself and for the relay, and wants the credential to be of a secret.
	works := func(key []byte, secret string) {
		t.Helper()
		m.offer.key = key
		var answer api.ICEAnswer
		if err := m.offer.ask(t.Context(), "POST", "/v1/ice-servers", "", map[string]any{}, &answer); err != nil {
			t.Error(err)
			return
		}
		s := answer.ICEServers[len(answer.ICEServers)-1]
		if err := m.admits(s); err != nil || !strings.Contains(s.Username, ":~1."+secret+".") {
			t.Errorf("%s: %v, want it of %s", s.Username, err, secret)
		}
	}
	newest := func() []byte {
		m.keep.chain.mu.Lock()
		defer m.keep.chain.mu.Unlock()
		return m.keep.chain.access.kept[0].Value
	}
	reload(stored)
	works(newest(), "k1")
	rotate(api.RelaySecrets, nil)
	rotate(api.AccessKeys, nil)
	works(newest(), "k2")
	reload(stored)
	works(newest(), "k2")
	rotate(api.RelaySecrets, nil)
	rotate(api.AccessKeys, nil)
	works(newest(), "k3")
	reload(configured)
	own := decoded(t, accessKey)
	works(own, "mine")
	rotate(api.RelaySecrets, api.ErrConfigured)
	rotate(api.AccessKeys, api.ErrConfigured)
	// Another process goes on rotating those of the store.
	other := newMember(t, store)
	t.Cleanup(other.close)
	for _, p := range []api.Purpose{api.RelaySecrets, api.AccessKeys} {
		if _, err := other.keep.chain.Rotate(t.Context(), api.Rotation{Purpose: p}, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{identity.RelaySecretsDocument, identity.AccessKeysDocument} {
		r, err := store.Read(t.Context(), identity.Documents, name)
		if err == nil {
			err = m.keep.chain.take(t.Context(), r) // as its watch does
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	works(own, "mine")
	reload(stored)
	works(newest(), "k4")
}
