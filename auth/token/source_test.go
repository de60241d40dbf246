package token

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// foreignToken is a good token under a key id, at the present time of the bubble.
func foreignToken(t testing.TB, kid string, now time.Time) string {
	return sign(`{"alg":"ES256","kid":"`+kid+`"}`, foreignClaims(t, func(m map[string]any) {
		m["iat"], m["exp"] = now.Unix(), now.Unix()+3600
	}), with(t, "ES256", testKeys()["p256"]))
}

func testKey(id string) jwk { return publish(id, "ES256", testKeys()["p256"].Public()) }

// TestUnknownKey fetches the set again for a key that is not known, but not for each of many.
func TestUnknownKey(t *testing.T) {
	t.Parallel()
	testKeys()
	synctest.Test(t, func(t *testing.T) {
		p := &provider{keys: []jwk{testKey("k1")}}
		v := verifier(t, VerifierConfig{Issuers: []Issuer{testIssuer()}, Client: client(p), Now: time.Now})
		check := func(kid string, want error, fetches int) {
			t.Helper()
			if _, err := v.Verify(t.Context(), foreignToken(t, kid, time.Now())); !errors.Is(err, want) {
				t.Errorf("%s: %v, want %v", kid, err, want)
			}
			if n := p.count(); n != fetches {
				t.Errorf("%s: %d fetches, want %d", kid, n, fetches)
			}
		}
		check("k1", nil, 1)
		check("k1", nil, 1)
		for range 100 {
			check("made-up", ErrSignature, 1)
		}
		p.set(nil, testKey("k1"), testKey("k2"))
		check("k2", ErrSignature, 1)
		time.Sleep(fetchPause)
		check("k2", nil, 2)
		check("k1", nil, 2)
		// A withdrawn key is gone with the next set.
		p.set(nil, testKey("k2"))
		time.Sleep(fetchPause)
		check("made-up", ErrSignature, 3)
		check("k1", ErrSignature, 3)
	})
}

// TestOneFetchForAll lets many wait for one fetch, and one give up.
func TestOneFetchForAll(t *testing.T) {
	t.Parallel()
	testKeys()
	synctest.Test(t, func(t *testing.T) {
		p := &provider{keys: []jwk{testKey("k1")}}
		slow := roundTrip(func(r *http.Request) (*http.Response, error) {
			time.Sleep(time.Second)
			return p.RoundTrip(r)
		})
		v := verifier(t, VerifierConfig{Issuers: []Issuer{testIssuer()}, Client: client(slow), Now: time.Now})
		token := foreignToken(t, "k1", time.Now())
		impatient, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := v.Verify(impatient, token); !errors.Is(err, ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("who gave up got %v", err)
		}
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				if _, err := v.Verify(t.Context(), token); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if n := p.count(); n != 1 {
			t.Errorf("%d fetches, want 1", n)
		}
	})
}

// TestUnreachableIssuer keeps the last good set, says so, and recovers.
func TestUnreachableIssuer(t *testing.T) {
	t.Parallel()
	testKeys()
	synctest.Test(t, func(t *testing.T) {
		p := &provider{fault: errDown}
		v := verifier(t, VerifierConfig{Issuers: []Issuer{testIssuer()}, Client: client(p), Now: time.Now})
		status := func() IssuerStatus { return v.Status()[0] }
		verify := func(want error) {
			t.Helper()
			if _, err := v.Verify(t.Context(), foreignToken(t, "k1", time.Now())); !errors.Is(err, want) {
				t.Errorf("%v, want %v", err, want)
			}
		}
		verify(ErrUnavailable)
		if s := status(); s.Keys != 0 || !errors.Is(s.Failure, errDown) || !s.Fetched.IsZero() || s.Issuer != idp {
			t.Errorf("status %+v", s)
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		done := make(chan struct{})
		go func() { defer close(done); v.Run(ctx) }()
		synctest.Wait()
		p.set(nil, testKey("k1"))
		time.Sleep(retryEvery)
		synctest.Wait()
		verify(nil)
		if s := status(); s.Keys != 1 || s.Failure != nil || s.Fetched.IsZero() {
			t.Errorf("status %+v", s)
		}
		p.set(errDown)
		time.Sleep(refreshEvery)
		synctest.Wait()
		verify(nil) // with the last good set
		if s := status(); s.Keys != 1 || !errors.Is(s.Failure, errDown) {
			t.Errorf("status %+v", s)
		}
		before := p.count()
		time.Sleep(10 * retryEvery)
		synctest.Wait()
		if n := p.count() - before; n != 10 {
			t.Errorf("%d fetches in 10 retries' time", n)
		}
		// An issuer that answers with an empty set does not lock its users out.
		p.set(nil)
		time.Sleep(retryEvery)
		synctest.Wait()
		verify(nil)
		if status().Failure == nil {
			t.Error("an empty set is no failure")
		}
		p.set(nil, testKey("k1"))
		time.Sleep(retryEvery)
		synctest.Wait()
		if s := status(); s.Failure != nil {
			t.Errorf("status %+v", s)
		}
		cancel()
		<-done
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestFetch holds real answers against the limits.
func TestFetch(t *testing.T) {
	t.Parallel()
	set, err := json.Marshal(jwkSet{Keys: []jwk{testKey("k1")}})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/good", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(set) })
	mux.HandleFunc("/error", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500); _, _ = w.Write(set) })
	mux.HandleFunc("/created", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(201); _, _ = w.Write(set) })
	mux.HandleFunc("/elsewhere", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/good", http.StatusFound) })
	mux.HandleFunc("/long", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(append(set[:len(set)-1], []byte(`,"x":"`+strings.Repeat("x", fetchBytes)+`"}`)...))
	})
	mux.HandleFunc("/page", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) })
	server := httptest.NewServer(mux)
	defer server.Close()
	for path, c := range map[string]struct{ want, result string }{
		"good": {"", "ok"}, "error": {"500", "status"}, "created": {"201", "status"}, "elsewhere": {"redirects", "unreachable"},
		"long": {"more than", "malformed"}, "page": {"no JWK set", "malformed"}, "missing": {"404", "status"},
	} {
		want := c.want
		i := testIssuer()
		i.JWKS = server.URL + "/" + path
		v := verifier(t, VerifierConfig{Issuers: []Issuer{i}, Client: server.Client()})
		_, err := v.Verify(t.Context(), foreignToken(t, "k1", testNow))
		failure := v.Status()[0].Failure
		v.Status()[0].EachFetch(func(result string, n uint64) {
			if counted := n == 1; counted != (result == c.result) {
				t.Errorf("%s: counted %d times as %s, want %s", path, n, result, c.result)
			}
		})
		if want == "" {
			if err != nil || failure != nil {
				t.Errorf("%s: %v, %v", path, err, failure)
			}
			continue
		}
		if !errors.Is(err, ErrUnavailable) || failure == nil || !strings.Contains(failure.Error(), want) {
			t.Errorf("%s: %v, %v; want %q", path, err, failure, want)
		}
	}
}

// TestJWKS reads keys that are not to be used, beside one that is.
func TestJWKS(t *testing.T) {
	t.Parallel()
	good := testKey("good")
	changed := func(change func(*jwk)) jwk { k := good; change(&k); return k }
	rsaKey := publish("rsa", "", testKeys()["rsa"].Public())
	small := rsaKey
	small.N = small.N[:100]
	even := rsaKey
	even.E = "AAQ"
	one := rsaKey
	one.E = "AQ"
	huge := rsaKey
	huge.N = strings.Repeat("_", 4096)
	for name, k := range map[string]jwk{
		"no name":         changed(func(k *jwk) { k.ID = "" }),
		"for encryption":  changed(func(k *jwk) { k.Use = "enc" }),
		"for signing":     changed(func(k *jwk) { k.Operations = []string{"sign"} }),
		"symmetric":       {ID: "x", Type: "oct"},
		"other algorithm": changed(func(k *jwk) { k.Algorithm = "RS256" }),
		"HMAC":            changed(func(k *jwk) { k.Algorithm = "HS256" }),
		"none":            changed(func(k *jwk) { k.Algorithm = "none" }),
		"not on curve":    changed(func(k *jwk) { k.Y = k.X }),
		"other curve":     changed(func(k *jwk) { k.Curve = "P-384" }),
		"no curve":        changed(func(k *jwk) { k.Curve = "secp256k1" }),
		"not base64":      changed(func(k *jwk) { k.X = "$" }),
		"empty":           changed(func(k *jwk) { k.X, k.Y = "", "" }),
		"short RSA":       small, "even exponent": even, "exponent 1": one, "huge RSA": huge,
		"other Edwards": {ID: "x", Type: "OKP", Curve: "Ed448", X: good.X},
		"short Edwards": {ID: "x", Type: "OKP", Curve: "Ed25519", X: good.X[:40]},
	} {
		b, err := json.Marshal(jwkSet{Keys: []jwk{k}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parseJWKS(b); err == nil {
			t.Errorf("%s: is taken", name)
		}
		b, err = json.Marshal(jwkSet{Keys: []jwk{k, good}})
		if err != nil {
			t.Fatal(err)
		}
		if keys, err := parseJWKS(b); err != nil || len(keys) != 1 || len(keys["good"]) != 1 {
			t.Errorf("%s spoils the set: %v", name, err)
		}
	}
	if keys, err := parseJWKS([]byte(`{"keys":[7,{"kty":"EC","kid":"padded","crv":"P-256","x":"` + good.X + `=","y":"` + good.Y + `="}]}`)); err != nil || len(keys) != 1 {
		t.Errorf("padding: %v", err)
	}
}

// TestKeysOutliveVerifier has a verifier that comes in the place of another one go on with the keys that were fetched, also
// while they cannot be, and of an issuer whose keys are to be had elsewhere with none.
func TestKeysOutliveVerifier(t *testing.T) {
	t.Parallel()
	testKeys()
	synctest.Test(t, func(t *testing.T) {
		p := &provider{keys: []jwk{testKey("k1")}}
		first := verifier(t, VerifierConfig{Issuers: []Issuer{testIssuer()}, Client: client(p), Now: time.Now})
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		defer running.Wait()
		defer stop()
		running.Go(func() { first.Run(ctx) })
		synctest.Wait()
		p.set(errDown)
		changed := testIssuer()
		changed.MaxAge = 2 * time.Hour
		next := verifier(t, VerifierConfig{Issuers: []Issuer{changed}, Client: client(p), Now: time.Now, Before: first})
		running.Go(func() { next.Run(ctx) })
		synctest.Wait()
		if _, err := next.Verify(t.Context(), foreignToken(t, "k1", time.Now())); err != nil {
			t.Errorf("while the issuer is away: %v", err)
		}
		if st := next.Status()[0]; p.count() != 1 || st.Keys != 1 || st.Failure != nil || st.results[fetchOK] != 1 {
			t.Errorf("%d fetches, %+v", p.count(), st)
		}
		time.Sleep(refreshEvery) // one fetch for both
		synctest.Wait()
		if st := next.Status()[0]; p.count() != 2 || st.Keys != 1 || st.Failure == nil || st.results[fetchUnreachable] != 1 {
			t.Errorf("later: %d fetches, %+v", p.count(), st)
		}
		moved := testIssuer()
		moved.JWKS += "/elsewhere"
		other := verifier(t, VerifierConfig{Issuers: []Issuer{moved}, Client: client(p), Now: time.Now, Before: next})
		if _, err := other.Verify(t.Context(), foreignToken(t, "k1", time.Now())); !errors.Is(err, ErrUnavailable) {
			t.Errorf("with keys of another address: %v", err)
		}
	})
}
