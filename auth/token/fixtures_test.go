package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const (
	ownIssuer    = "turnout"
	ownAudience  = "relay"
	testResource = "6f0c7b1e-30c5-4b0a-9d7e-1a2b3c4d5e6f"
	testSubject  = "8:acs:" + testResource + "_0d5e7c61-93a0-4f2e-8a44-7f1c2b3a4d5e"
	idp          = "https://idp.example/realms/main"
	idpAudience  = "turn"
)

// testNow is some time with a fraction of a second.
var testNow = time.Unix(1_700_000_000, 250_000_000)

// A clock is set by tests.
type clock struct{ nanoseconds atomic.Int64 }

func newClock(t time.Time) *clock {
	c := new(clock)
	c.nanoseconds.Store(t.UnixNano())
	return c
}

func (c *clock) now() time.Time          { return time.Unix(0, c.nanoseconds.Load()) }
func (c *clock) advance(d time.Duration) { c.nanoseconds.Add(int64(d)) }

func keySet(t testing.TB, a Algorithm) *KeySet {
	t.Helper()
	k, err := NewKeySet(a, testNow)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func minter(k *KeySet) *Minter { return &Minter{Keys: k, Issuer: ownIssuer, Audience: ownAudience} }

func testClaims() Claims {
	return Claims{
		Subject: testSubject, Scopes: []string{"chat", "voip"}, Resource: testResource,
		Issued: testNow, Expires: testNow.Add(time.Hour), Generation: 1,
	}
}

func mint(t testing.TB, k *KeySet, c Claims) string {
	t.Helper()
	token, _, err := minter(k).Mint(c)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func verifier(t testing.TB, c VerifierConfig) *Verifier {
	t.Helper()
	if c.Now == nil {
		c.Now = func() time.Time { return testNow }
	}
	if c.Keys != nil && c.Issuer == "" {
		c.Issuer, c.Audience = ownIssuer, ownAudience
	}
	v, err := NewVerifier(c)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// sign makes a token by hand: whatever the header and the claims say, signed by sign.
func sign(header, claims string, signature func(signed string) []byte) string {
	e := base64.RawURLEncoding
	signed := e.EncodeToString([]byte(header)) + "." + e.EncodeToString([]byte(claims))
	return signed + "." + e.EncodeToString(signature(signed))
}

// with signs with a key by the algorithm that fits it.
func with(t testing.TB, algorithm string, private crypto.Signer) func(string) []byte {
	return func(signed string) []byte {
		t.Helper()
		b, err := jwt.GetSigningMethod(algorithm).Sign(signed, private)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
}

func hmacWith(secret []byte) func(string) []byte {
	return func(signed string) []byte {
		h := hmac.New(sha256.New, secret)
		h.Write([]byte(signed))
		return h.Sum(nil)
	}
}

// testKeys are made once: an RSA key takes a while.
var testKeys = sync.OnceValue(func() map[string]crypto.Signer {
	must := func(k crypto.Signer, err error) crypto.Signer {
		if err != nil {
			panic(err)
		}
		return k
	}
	ec := func(c elliptic.Curve) crypto.Signer { k, err := ecdsa.GenerateKey(c, rand.Reader); return must(k, err) }
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	_, ed, err2 := ed25519.GenerateKey(rand.Reader)
	return map[string]crypto.Signer{
		"rsa": must(r, err), "p256": ec(elliptic.P256()), "p384": ec(elliptic.P384()), "p521": ec(elliptic.P521()), "ed": must(ed, err2),
	}
})

// publish is the JWK of a public key, as an issuer would write it.
func publish(id, algorithm string, public crypto.PublicKey) jwk {
	e := base64.RawURLEncoding
	j := jwk{ID: id, Use: "sig", Algorithm: algorithm}
	switch k := public.(type) {
	case *rsa.PublicKey:
		j.Type, j.N, j.E = "RSA", e.EncodeToString(k.N.Bytes()), "AQAB"
	case *ecdsa.PublicKey:
		point, err := k.Bytes()
		if err != nil {
			panic(err)
		}
		half := len(point) / 2
		j.Type, j.Curve = "EC", k.Curve.Params().Name
		j.X, j.Y = e.EncodeToString(point[1:1+half]), e.EncodeToString(point[1+half:])
	case ed25519.PublicKey:
		j.Type, j.Curve, j.X = "OKP", "Ed25519", e.EncodeToString(k)
	}
	return j
}

// A provider answers for the URL of an issuer's keys.
type provider struct {
	mu      sync.Mutex
	keys    []jwk
	fault   error
	fetches int
}

func (p *provider) RoundTrip(*http.Request) (*http.Response, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fetches++
	if p.fault != nil {
		return nil, p.fault
	}
	w := newRecorder()
	if err := json.NewEncoder(w).Encode(jwkSet{Keys: p.keys}); err != nil {
		return nil, err
	}
	return w.response(), nil
}

func (p *provider) set(fault error, keys ...jwk) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault, p.keys = fault, keys
}

func (p *provider) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fetches
}

var errDown = errors.New("provider is down")

// A recorder is the body of an answer.
type recorder struct{ strings.Builder }

func newRecorder() *recorder { return new(recorder) }

func (r *recorder) response() *http.Response {
	return &http.Response{StatusCode: http.StatusOK, Status: "200 OK", Body: body{strings.NewReader(r.String())}, Header: http.Header{}}
}

type body struct{ *strings.Reader }

func (body) Close() error { return nil }

func testIssuer() Issuer {
	return Issuer{Issuer: idp, Audience: idpAudience, JWKS: "https://idp.example/jwks"}
}
