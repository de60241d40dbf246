package token

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
)

// FuzzVerify looks for tokens that are taken and were never minted, and for those
// that make the verifier panic.
func FuzzVerify(f *testing.F) {
	k := keySet(f, EdDSA)
	minted := mint(f, k, testClaims())
	f.Add(minted)
	f.Add(minted[:len(minted)-1])
	f.Add(sign(`{"alg":"none","kid":"k"}`, claimsText(f, nil), func(string) []byte { return nil }))
	f.Add(foreignToken(f, "k1", testNow))
	f.Add("a.b.c")
	v, err := NewVerifier(VerifierConfig{
		Keys: k, Issuer: ownIssuer, Audience: ownAudience, Issuers: []Issuer{testIssuer()},
		Client: client(&provider{fault: errDown}), Now: func() time.Time { return testNow },
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, token string) {
		r, err := v.Verify(context.Background(), token)
		if err == nil && token != minted {
			t.Errorf("%q is taken: %+v", token, r)
		}
		known := false
		for _, e := range []error{nil, ErrMalformed, ErrSignature, ErrIssuer, ErrUnavailable} {
			known = known || errors.Is(err, e)
		}
		if !known {
			t.Errorf("%q: %v without a key", token, err)
		}
	})
}

// FuzzObject compares with encoding/json: what is read is what it reads.
func FuzzObject(f *testing.F) {
	f.Add([]byte(`{"a":1,"b":"x\"y","c":{"d":[{"e":null}]}}`))
	f.Add([]byte(` { "a" : [ 1 , true ] , "\u0061b" : 1.5e3 } `))
	f.Add([]byte(`{"a":1,"a":2}`))
	f.Add([]byte(`{"":{}}`))
	f.Add([]byte(claimsText(f, nil)))
	f.Fuzz(func(t *testing.T, b []byte) {
		o, err := parseObject(b)
		var want map[string]json.RawMessage
		wantErr := json.Unmarshal(b, &want)
		if err != nil {
			return // stricter
		}
		if wantErr != nil {
			t.Fatalf("%q is read, and encoding/json says %v", b, wantErr)
		}
		if len(o) != len(want) {
			t.Fatalf("%q: %d members, want %d", b, len(o), len(want))
		}
		for _, m := range o {
			if string(want[m.name]) != string(m.value) {
				t.Errorf("%q: %s is %q, want %q", b, m.name, m.value, want[m.name])
			}
			_, _ = o.text(m.name)
			_, _ = o.time(m.name)
			_, _ = o.count(m.name)
			if all, err := o.list(m.name); err == nil && len(all) > 0 && !strings.Contains(`["`, string(m.value[:1])) {
				t.Errorf("%q is a list of strings", m.value)
			}
		}
	})
}

// FuzzJWKS looks for key sets that panic.
func FuzzJWKS(f *testing.F) {
	var all jwkSet
	for name, k := range testKeys() {
		all.Keys = append(all.Keys, publish(name, "", k.Public()))
	}
	b, err := json.Marshal(all)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(keySet(f, ES256).JWKS(testNow))
	f.Add([]byte(`{"keys":[{}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		keys, err := parseJWKS(b)
		if (err == nil) != (len(keys) > 0) {
			t.Errorf("%d keys and %v", len(keys), err)
		}
	})
}
