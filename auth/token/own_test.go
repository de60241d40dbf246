package token

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"turnout/auth"
)

func TestMintAndVerify(t *testing.T) {
	t.Parallel()
	for _, a := range []Algorithm{ES256, EdDSA} {
		k := keySet(t, a)
		c := testClaims()
		c.Class = "gold"
		token, expires, err := minter(k).Mint(c)
		if err != nil {
			t.Fatal(err)
		}
		got, err := verifier(t, VerifierConfig{Keys: k, Scopes: []string{"voip.join", "voip"}}).Verify(context.Background(), token)
		if err != nil {
			t.Fatal(err)
		}
		if got.ID == "" {
			t.Error("token without a name")
		}
		want := Verified{
			Subject: testSubject, Scopes: []string{"chat", "voip"}, Class: "gold", Issued: testNow, Expires: expires,
			Generation: 1, Own: true, Issuer: ownIssuer, ID: got.ID,
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, want %+v", got, want)
		}
		if g := got.Grant(); g != (auth.Grant{Subject: testSubject, Class: "gold", Issued: testNow, Expires: expires}) {
			t.Errorf("grant %+v", g)
		}
	}
}

// TestTokenClaims reads a token as Azure's SDKs do: part 2, without the signature.
func TestTokenClaims(t *testing.T) {
	t.Parallel()
	token, expires, err := minter(keySet(t, ES256)).Mint(testClaims())
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("%d parts", len(parts))
	}
	b, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{
		"skypeid": strings.TrimPrefix(testSubject, "8:"), "acsScope": "chat,voip", "resourceId": testResource,
		"iat": 1_700_000_000.0, "csi": "1700000000", "exp": 1_700_003_600.0,
		"iss": ownIssuer, "aud": ownAudience, "sub": testSubject, "iat_ms": 1_700_000_000_250.0, "gen": 1.0,
	} {
		if got[name] != want {
			t.Errorf("%s is %v, want %v", name, got[name], want)
		}
	}
	if float64(expires.Unix()) != got["exp"] || expires.Nanosecond() != 0 {
		t.Errorf("expiresOn %v is not exp %v", expires, got["exp"])
	}
}

func TestMintRefuses(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Claims){
		"no subject":      func(c *Claims) { c.Subject = "" },
		"foreign subject": func(c *Claims) { c.Subject = "idp:alice" },
		"bare prefix":     func(c *Claims) { c.Subject = ReservedPrefix },
		"no generation":   func(c *Claims) { c.Generation = 0 },
		"scope comma":     func(c *Claims) { c.Scopes = []string{"chat,voip"} },
		"empty scope":     func(c *Claims) { c.Scopes = []string{""} },
		"class":           func(c *Claims) { c.Class = "Gold" },
		"no issue":        func(c *Claims) { c.Issued = time.Time{} },
		"no end":          func(c *Claims) { c.Expires = time.Time{} },
		"ends at once":    func(c *Claims) { c.Expires = c.Issued.Add(time.Millisecond) },
		"too long":        func(c *Claims) { c.Expires = c.Issued.Add(MaxLifetime + time.Second) },
		"too big":         func(c *Claims) { c.Scopes = []string{strings.Repeat("x", MaxToken)} },
	} {
		c := testClaims()
		change(&c)
		if token, _, err := minter(keySet(t, EdDSA)).Mint(c); err == nil {
			t.Errorf("%s: minted %s", name, token)
		}
	}
}

// claimsText is the claims of a good own token, changed.
func claimsText(t testing.TB, change func(map[string]any)) string {
	t.Helper()
	m := map[string]any{
		"iss": ownIssuer, "aud": ownAudience, "sub": testSubject, "acsScope": "voip", "iat": testNow.Unix(),
		"iat_ms": testNow.UnixMilli(), "exp": testNow.Unix() + 3600, "gen": 1,
	}
	if change != nil {
		change(m)
	}
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestBadOwnTokens holds every way to make a bad token against the verifier.
func TestBadOwnTokens(t *testing.T) {
	t.Parallel()
	k := keySet(t, ES256)
	other := keySet(t, ES256)
	ed := keySet(t, EdDSA)
	key := k.load()[0]
	v := verifier(t, VerifierConfig{
		Keys: k, Scopes: []string{"voip"},
		Issuers: []Issuer{testIssuer()},
		Client:  client(&provider{keys: []jwk{publish("idp1", "", testKeys()["p256"].Public())}}),
		Revoked: func(_ string, generation uint64, _, _ time.Time) bool { return generation == 7 },
	})
	header := func(alg, kid string) string { return fmt.Sprintf(`{"alg":%q,"kid":%q,"typ":"JWT"}`, alg, kid) }
	good := header("ES256", key.id)
	own := with(t, "ES256", key.private)
	claims := func(change func(map[string]any)) string { return claimsText(t, change) }
	set := func(name string, value any) string {
		return claims(func(m map[string]any) {
			if m[name] = value; value == nil {
				delete(m, name)
			}
		})
	}
	der, err := x509.MarshalPKIXPublicKey(key.public.key)
	if err != nil {
		t.Fatal(err)
	}
	public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	fine := sign(good, claims(nil), own)
	if _, err := v.Verify(context.Background(), fine); err != nil {
		t.Fatalf("the good token: %v", err)
	}
	edSigned := with(t, "EdDSA", ed.load()[0].private)
	long := claims(func(m map[string]any) { m["x"] = strings.Repeat("x", MaxToken) })
	for _, c := range []struct {
		name, token string
		want        error
	}{
		{"empty", "", ErrMalformed},
		{"opaque", "secret", ErrMalformed},
		{"two parts", "a.b", ErrMalformed},
		{"four parts", fine + ".x", ErrMalformed},
		{"encrypted", "a.b.c.d.e", ErrMalformed},
		{"oversized", sign(good, long, own), ErrMalformed},
		{"not base64", "a$." + strings.SplitN(fine, ".", 2)[1], ErrMalformed},
		{"line end", fine[:10] + "\n" + fine[10:], ErrMalformed},
		{"line end in the signature", fine + "\n", ErrMalformed},
		{"padding", fine + "=", ErrMalformed},
		{"header no JSON", sign("x", claims(nil), own), ErrMalformed},
		{"header no object", sign("[]", claims(nil), own), ErrMalformed},
		{"claims no object", sign(good, `"x"`, own), ErrMalformed},
		{"claims null", sign(good, `null`, own), ErrMalformed},
		{"claims twice", sign(good, claims(nil)+"{}", own), ErrMalformed},
		{"not UTF-8", sign(good, "{\"iss\":\"turnout\xff\"}", own), ErrMalformed},

		{"none", sign(header("none", key.id), claims(nil), func(string) []byte { return nil }), ErrSignature},
		{"None", sign(header("None", key.id), claims(nil), own), ErrSignature},
		{"no algorithm", sign(`{"kid":"`+key.id+`"}`, claims(nil), own), ErrMalformed},
		{"HMAC with the public key, PEM", sign(header("HS256", key.id), claims(nil), hmacWith(public)), ErrSignature},
		{"HMAC with the public key, DER", sign(header("HS256", key.id), claims(nil), hmacWith(der)), ErrSignature},
		{"HMAC with nothing", sign(header("HS256", key.id), claims(nil), hmacWith(nil)), ErrSignature},
		{"another algorithm's name", sign(header("EdDSA", key.id), claims(nil), own), ErrSignature},
		{"another algorithm and key", sign(header("EdDSA", key.id), claims(nil), edSigned), ErrSignature},
		{"no kid", sign(`{"alg":"ES256"}`, claims(nil), own), ErrMalformed},
		{"empty kid", sign(header("ES256", ""), claims(nil), own), ErrMalformed},
		{"kid a number", sign(`{"alg":"ES256","kid":1}`, claims(nil), own), ErrMalformed},
		{"unknown kid", sign(header("ES256", other.load()[0].id), claims(nil), with(t, "ES256", other.load()[0].private)), ErrSignature},
		{"kid of another issuer", sign(header("ES256", "idp1"), claims(nil), with(t, "ES256", testKeys()["p256"])), ErrSignature},
		{"another key under this kid", sign(good, claims(nil), with(t, "ES256", other.load()[0].private)), ErrSignature},
		{"key in the header", sign(fmt.Sprintf(`{"alg":"ES256","kid":%q,"jwk":{"kty":"EC"}}`, key.id), claims(nil), with(t, "ES256", other.load()[0].private)), ErrSignature},
		{"no signature", fine[:strings.LastIndexByte(fine, '.')+1], ErrSignature},
		{"zero signature", sign(good, claims(nil), func(string) []byte { return make([]byte, 64) }), ErrSignature},
		{"short signature", sign(good, claims(nil), func(s string) []byte { return own(s)[:63] }), ErrSignature},
		{"long signature", sign(good, claims(nil), func(s string) []byte { return append(own(s), 0) }), ErrSignature},
		{"changed claims", strings.Replace(fine, base64.RawURLEncoding.EncodeToString([]byte(claims(nil))), base64.RawURLEncoding.EncodeToString([]byte(set("gen", 2))), 1), ErrSignature},
		{"must understand", sign(fmt.Sprintf(`{"alg":"ES256","kid":%q,"crit":["b64"],"b64":true}`, key.id), claims(nil), own), ErrMalformed},
		{"logout token", sign(fmt.Sprintf(`{"alg":"ES256","kid":%q,"typ":"logout+jwt"}`, key.id), claims(nil), own), ErrMalformed},
		{"algorithm twice", sign(fmt.Sprintf(`{"alg":"none","alg":"ES256","kid":%q}`, key.id), claims(nil), own), ErrMalformed},
		{"algorithm twice, escaped", sign(fmt.Sprintf(`{"\u0061lg":"none","alg":"ES256","kid":%q}`, key.id), claims(nil), own), ErrMalformed},

		{"no issuer", sign(good, set("iss", nil), own), ErrIssuer},
		{"other issuer", sign(good, set("iss", "TURNOUT"), own), ErrIssuer},
		{"issuer a number", sign(good, set("iss", 1), own), ErrMalformed},
		{"issuer a list", sign(good, set("iss", []string{ownIssuer}), own), ErrMalformed},
		{"issued as another", sign(good, set("iss", idp), own), ErrSignature},
		{"no audience", sign(good, set("aud", nil), own), ErrAudience},
		{"other audience", sign(good, set("aud", "relay2"), own), ErrAudience},
		{"other audiences", sign(good, set("aud", []string{"a", "b"}), own), ErrAudience},
		{"audience a number", sign(good, set("aud", 1), own), ErrMalformed},
		{"audience of numbers", sign(good, set("aud", []int{1}), own), ErrMalformed},
		{"no exp", sign(good, set("exp", nil), own), ErrMalformed},
		{"exp null", sign(good, strings.Replace(claims(nil), `"exp":1700003600`, `"exp":null`, 1), own), ErrMalformed},
		{"exp text", sign(good, set("exp", "1700003600"), own), ErrMalformed},
		{"exp negative", sign(good, set("exp", -1), own), ErrMalformed},
		{"exp beyond time", sign(good, set("exp", json.RawMessage("1e300")), own), ErrMalformed},
		{"exp overflow", sign(good, set("exp", json.RawMessage("18446744073709551617")), own), ErrMalformed},
		{"expired", sign(good, set("exp", testNow.Unix()-31), own), ErrExpired},
		{"nbf in the future", sign(good, set("nbf", testNow.Unix()+31), own), ErrNotYetValid},
		{"nbf text", sign(good, set("nbf", "1"), own), ErrMalformed},
		{"issued in the future", sign(good, claims(func(m map[string]any) { m["iat"], m["iat_ms"] = testNow.Unix()+31, testNow.UnixMilli()+31000 }), own), ErrNotYetValid},
		{"no iat", sign(good, set("iat", nil), own), ErrMalformed},
		{"no milliseconds", sign(good, set("iat_ms", nil), own), ErrMalformed},
		{"times of issue differ", sign(good, set("iat_ms", testNow.UnixMilli()+1000), own), ErrMalformed},
		{"no generation", sign(good, set("gen", nil), own), ErrMalformed},
		{"generation negative", sign(good, set("gen", -1), own), ErrMalformed},
		{"exp twice", sign(good, strings.Replace(claims(nil), `"exp"`, `"exp":1,"exp"`, 1), own), ErrMalformed},
		{"twice inside", sign(good, set("x", json.RawMessage(`[{"a":1,"b":{"c":1,"c":2}}]`)), own), ErrMalformed},
		{"nested", sign(good, set("x", json.RawMessage(strings.Repeat("[", 40)+strings.Repeat("]", 40))), own), ErrMalformed},
		{"many members", sign(good, manyMembers(300), own), ErrMalformed},
		{"no subject", sign(good, set("sub", nil), own), ErrSubject},
		{"foreign subject", sign(good, set("sub", "idp.example:alice"), own), ErrSubject},
		{"no scope", sign(good, set("acsScope", nil), own), ErrScope},
		{"other scope", sign(good, set("acsScope", "chat,voip.join"), own), ErrScope},
		{"scope a list", sign(good, set("acsScope", []string{"voip"}), own), ErrMalformed},
		{"revoked", sign(good, set("gen", 7), own), ErrRevoked},
	} {
		got, err := v.Verify(context.Background(), c.token)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
		if !reflect.DeepEqual(got, Verified{}) {
			t.Errorf("%s: says %+v beside its error", c.name, got)
		}
	}
}

func manyMembers(n int) string {
	var b strings.Builder
	b.WriteString(`{"iss":"turnout"`)
	for i := range n {
		b.WriteString(`,"m` + strconv.Itoa(i) + `":1`)
	}
	return b.String() + "}"
}

// TestSkew holds the ends of a token's time against the clock.
func TestSkew(t *testing.T) {
	t.Parallel()
	k := keySet(t, EdDSA)
	token := mint(t, k, testClaims())
	end := time.Unix(testNow.Unix()+3600, 0)
	for _, c := range []struct {
		skew time.Duration
		now  time.Time
		want error
	}{
		{0, end.Add(29 * time.Second), nil},
		{0, end.Add(30 * time.Second), ErrExpired},
		{-1, end.Add(-time.Nanosecond), nil},
		{-1, end, ErrExpired},
		{time.Minute, end.Add(59 * time.Second), nil},
		{time.Minute, end.Add(60 * time.Second), ErrExpired},
		{0, testNow.Add(-30 * time.Second), nil},
		{0, testNow.Add(-31 * time.Second), ErrNotYetValid},
		{-1, testNow.Add(-time.Second), ErrNotYetValid},
	} {
		v := verifier(t, VerifierConfig{Keys: k, Skew: c.skew, Now: func() time.Time { return c.now }})
		if _, err := v.Verify(context.Background(), token); !errors.Is(err, c.want) {
			t.Errorf("skew %v, %v after the end: %v, want %v", c.skew, c.now.Sub(end), err, c.want)
		}
	}
	if _, err := NewVerifier(VerifierConfig{Skew: time.Minute + 1}); err == nil {
		t.Error("a skew of more than a minute is taken")
	}
}

func TestRotation(t *testing.T) {
	t.Parallel()
	c := newClock(testNow)
	live := keySet(t, ES256)
	v := verifier(t, VerifierConfig{Keys: live, Now: c.now})
	token := func() string {
		claims := testClaims()
		claims.Issued, claims.Expires = c.now(), c.now().Add(MaxLifetime)
		return mint(t, live, claims)
	}
	kid := func(s string) string {
		p, err := parseCompact(s)
		if err != nil {
			t.Fatal(err)
		}
		return p.key
	}
	fine := func(when, s string, want error) {
		t.Helper()
		if _, err := v.Verify(context.Background(), s); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", when, err, want)
		}
	}
	first := token()
	next, err := live.Rotated(EdDSA, c.now(), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	fine("before the replacement", first, nil)
	live.Replace(next)
	if kid(token()) != kid(first) {
		t.Error("the new key signs before its time")
	}
	if n := strings.Count(string(live.JWKS(c.now())), `"kid"`); n != 2 {
		t.Errorf("%d keys published, want the new one too", n)
	}
	c.advance(time.Minute)
	if token := token(); kid(token) == kid(first) {
		t.Error("the old key still signs")
	} else {
		fine("a token of the new key", token, nil)
	}
	fine("a token of the old key", first, nil)
	c.advance(MaxLifetime - 2*time.Minute)
	fine("a token of the old key at its end", first, nil)
	c.advance(2*time.Minute + grace)
	if live.find(kid(first), c.now()) != nil {
		t.Error("the old key verifies beyond the last of its tokens")
	}
	if n := strings.Count(string(live.JWKS(c.now())), `"kid"`); n != 1 {
		t.Errorf("%d keys published, want the new one only", n)
	}
	last, err := live.Rotated(ES256, c.now(), 0)
	if err != nil {
		t.Fatal(err)
	}
	if len(last.load()) != 2 {
		t.Errorf("%d keys kept, want 2", len(last.load()))
	}
	live.Replace(last)
	fine("a token of the third key", token(), nil)
}

func TestRotationIsBounded(t *testing.T) {
	t.Parallel()
	k := keySet(t, EdDSA)
	for range MaxSigningKeys - 1 {
		next, err := k.Rotated(EdDSA, testNow, 0)
		if err != nil {
			t.Fatal(err)
		}
		k = next
	}
	if _, err := k.Rotated(EdDSA, testNow, 0); err == nil {
		t.Error("the set grows without bounds")
	}
}

func TestMarshalKeySet(t *testing.T) {
	t.Parallel()
	k := keySet(t, ES256)
	k, err := k.Rotated(EdDSA, testNow, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	b, err := k.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	again, err := ParseKeySet(b)
	if err != nil {
		t.Fatal(err)
	}
	if again.String() != k.String() || !again.Newest().Equal(k.Newest()) || !bytes.Equal(again.JWKS(testNow), k.JWKS(testNow)) {
		t.Errorf("read back %v, want %v", again, k)
	}
	if _, err := verifier(t, VerifierConfig{Keys: again}).Verify(context.Background(), mint(t, k, testClaims())); err != nil {
		t.Error(err)
	}
	rsaKey, err := x509.MarshalPKCS8PrivateKey(testKeys()["rsa"])
	if err != nil {
		t.Fatal(err)
	}
	p384, err := x509.MarshalPKCS8PrivateKey(testKeys()["p384"])
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"", "{}", `{"keys":[]}`, `{"keys":[{"private":"AAAA"}]}`, `{"keys":[{"private":"` + base64.StdEncoding.EncodeToString(rsaKey) + `"}]}`, `{"keys":[{"private":"` + base64.StdEncoding.EncodeToString(p384) + `"}]}`} {
		if _, err := ParseKeySet([]byte(bad)); err == nil {
			t.Errorf("%.40s is taken for a key set", bad)
		}
	}
}

// TestKeysAreNotPrinted looks for the private parts in everything that prints.
func TestKeysAreNotPrinted(t *testing.T) {
	t.Parallel()
	for _, a := range []Algorithm{ES256, EdDSA} {
		k := keySet(t, a)
		stored, err := k.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		var s storedKeys
		if err := json.Unmarshal(stored, &s); err != nil {
			t.Fatal(err)
		}
		var logged bytes.Buffer
		log := slog.New(slog.NewJSONHandler(&logged, nil))
		log.Info("key", "set", k, "minter", minter(k))
		slog.New(slog.NewTextHandler(&logged, nil)).Info("key", "set", k, "minter", minter(k))
		plain, err := json.Marshal(struct{ Keys *KeySet }{k})
		if err != nil {
			t.Fatal(err)
		}
		out := logged.String() + string(plain) + string(k.JWKS(testNow))
		v := verifier(t, VerifierConfig{Keys: k})
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			out += fmt.Sprintf(verb, k) + fmt.Sprintf(verb, minter(k)) + fmt.Sprintf(verb, *minter(k)) + fmt.Sprintf(verb, k.load()) + fmt.Sprintf(verb, v)
		}
		secret := privatePart(t, s.Keys[0].Private)
		for _, spelling := range []string{
			string(secret), fmt.Sprintf("%x", secret), fmt.Sprint(secret), strings.Trim(fmt.Sprint(secret), "[]"),
			base64.StdEncoding.EncodeToString(secret), base64.RawURLEncoding.EncodeToString(secret),
			new(big.Int).SetBytes(secret).String(), base64.StdEncoding.EncodeToString(s.Keys[0].Private),
		} {
			if strings.Contains(out, spelling) {
				t.Errorf("%s: a private key is printed as %.20q", a, spelling)
			}
		}
		if !strings.Contains(out, k.load()[0].id) {
			t.Error("the key's name is not printed")
		}
	}
}

// privatePart is the number or seed that is the secret of a key.
func privatePart(t *testing.T, der []byte) []byte {
	t.Helper()
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		t.Fatal(err)
	}
	switch k := key.(type) {
	case *ecdsa.PrivateKey:
		b, err := k.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		return b
	case ed25519.PrivateKey:
		return k.Seed()
	}
	t.Fatalf("%T", key)
	return nil
}
