package auth

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha1"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"
)

// The input and the tokens of RFC 7635 Appendix A.
const (
	sampleName = "blackdow.carleon.gov"
	sampleKey  = "48476b6a33324b4a47697579303938736466617162" +
		"4e6a4f69617a3731393233"
	sampleMACKey = "5a6b736a7077656f6978586d766e36373533346d"
	sample256    = "000c68346a336b326c326e346235617ef134a3d5e44e9a19cc7dc104b0c03d03b2a551d8fdf5cd3b6dca6f10cfb77e5b2ddec84d293a5c50499359f0c2e26f76"
	sample128    = "000c68346a336b326c326e3462357fb9e99f0827be3df1e1bd651493d3031d36df57079784aee5eacb65fad4f27fab1a3f97974b69f851b24bf5af09eda357e0"
	sampleStamp  = 92470300704768
	sampleLife   = 3600 * time.Second
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func newThirdParty(t testing.TB, name string, keys ...TokenKey) *ThirdParty {
	t.Helper()
	p, err := NewThirdParty(name, keys...)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// samples is the server of Appendix A, under a kid for each algorithm.
func samples(t testing.TB) *ThirdParty {
	key := unhex(t, sampleKey)
	return newThirdParty(t, sampleName, TokenKey{"256", key, A256GCM}, TokenKey{"128", key, A128GCM})
}

func TestTokenSamples(t *testing.T) {
	t.Parallel()
	p := samples(t)
	var dst [maxToken]byte
	for kid, token := range map[string]string{"256": sample256, "128": sample128} {
		o, err := p.open(dst[:], []byte(kid), unhex(t, token))
		if err != nil {
			t.Errorf("%s: %v", kid, err)
			continue
		}
		want := time.Unix(sampleStamp>>16, int64(sampleStamp&0xFFFF)*int64(time.Second)/64000)
		if !bytes.Equal(o.macKey, unhex(t, sampleMACKey)) || o.lifetime != sampleLife || !o.issued.Equal(want) {
			t.Errorf("%s: mac_key %x, issued %v, lifetime %v", kid, o.macKey, o.issued, o.lifetime)
		}
	}
	if _, err := p.open(dst[:], []byte("256"), unhex(t, sample128)); err != ErrToken {
		t.Errorf("opened with another algorithm: %v", err)
	}
}

// tokenVerifier admits tokens beside static and derived users.
func tokenVerifier(t testing.TB, p *ThirdParty, revoked func(subject, username []byte, issued, expires time.Time) bool) *Verifier {
	t.Helper()
	v, err := NewVerifier(VerifierConfig{Realm: "r", Users: map[string]string{"north": "static"}, ThirdParty: p, Revoked: revoked})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// signedWith is a request that was signed with a key.
type signedWith []byte

func (s signedWith) CheckIntegrity(key []byte) error {
	if !bytes.Equal(key, s) {
		return ErrIntegrity
	}
	return nil
}

func key32(first byte) []byte { return append([]byte{first}, make([]byte, 31)...) }

var tokenNow = time.Unix(1800000000, 500e6)

func TestVerifyToken(t *testing.T) {
	t.Parallel()
	p := newThirdParty(t, "turn.example", TokenKey{"north", key32(1), A256GCM}, TokenKey{"south", key32(1), A128GCM})
	v := tokenVerifier(t, p, nil)
	var st VerifierState
	subjects := map[string]bool{}
	for _, kid := range []string{"north", "south", "north"} {
		for _, size := range []int{16, 20, 32} {
			a, err := p.Issue(kid, size, time.Hour, tokenNow)
			if err != nil {
				t.Fatal(err)
			}
			r, err := v.VerifyToken(&st, signedWith(a.MACKey), []byte(kid), a.Token, tokenNow.Add(time.Minute))
			if err != nil || !bytes.Equal(r.Key, a.MACKey) || !r.ThirdParty || !r.Charged || r.Holder == [16]byte{} {
				t.Fatalf("%+v, %v", r, err)
			}
			if away := r.Issued.Sub(tokenNow).Abs(); away > time.Second/tokenFraction {
				t.Errorf("issued %v off", away)
			}
			if want := tokenNow.Add(time.Hour + TokenDelta); r.Expires.Sub(want).Abs() > time.Second/tokenFraction {
				t.Errorf("expires %v, want %v", r.Expires, want)
			}
			if !strings.HasPrefix(string(r.Subject), "oauth:"+kid+":") || subjects[string(r.Subject)] {
				t.Errorf("subject %q", r.Subject)
			}
			subjects[string(r.Subject)] = true
			// What coturn takes for the key of HMAC-SHA-1.
			r, err = v.VerifyToken(&st, signedWith(a.MACKey[:16]), []byte(kid), a.Token, tokenNow)
			if err != nil || !bytes.Equal(r.Key, a.MACKey[:16]) {
				t.Errorf("signed with the first 16 bytes of %d: %v", size, err)
			}
			if _, err := v.VerifyToken(&st, signedWith(a.MACKey[:15]), []byte(kid), a.Token, tokenNow); err != ErrIntegrity {
				t.Errorf("signed with the first 15 bytes: %v", err)
			}
			// RFC 7635 Appendix B.
			sum := sha1.Sum(a.MACKey)
			r, err = v.VerifyToken(&st, signedWith(sum[:]), []byte(kid), a.Token, tokenNow)
			if ok := err == nil && bytes.Equal(r.Key, sum[:]); ok != (size == 32) {
				t.Errorf("signed with the SHA-1 of a mac_key of %d bytes: %v", size, err)
			}
		}
	}
}

// RFC 7635 §7: a token is good while lifetime + Delta > abs(RDnew - TS).
func TestTokenTime(t *testing.T) {
	t.Parallel()
	p := newThirdParty(t, "turn.example", TokenKey{"north", key32(1), A256GCM})
	v := tokenVerifier(t, p, nil)
	a, err := p.Issue("north", 20, time.Minute, tokenNow)
	if err != nil {
		t.Fatal(err)
	}
	var st VerifierState
	for _, tt := range []struct {
		away time.Duration
		want error
	}{
		{0, nil}, {59 * time.Second, nil}, {63900 * time.Millisecond, nil}, {-63900 * time.Millisecond, nil},
		{64100 * time.Millisecond, ErrExpired}, {66 * time.Second, ErrExpired}, {-66 * time.Second, ErrExpired},
		{200 * 365 * 24 * time.Hour, ErrExpired}, {-50 * 365 * 24 * time.Hour, ErrExpired},
	} {
		now := tokenNow.Add(tt.away)
		r, err := v.VerifyToken(&st, signedWith(a.MACKey), []byte("north"), a.Token, now)
		if err != tt.want {
			t.Errorf("%v from its time: %v, want %v", tt.away, err, tt.want)
		}
		// RFC 7635 §9: what is left is lifetime + Delta - abs(RDnew - TS).
		if left := time.Minute + TokenDelta - tt.away.Abs(); err == nil && (r.Expires.Sub(now)-left).Abs() > time.Second/tokenFraction {
			t.Errorf("%v from its time: %v are left, want %v", tt.away, r.Expires.Sub(now), left)
		}
	}
}

func TestTokenRefused(t *testing.T) {
	t.Parallel()
	north := TokenKey{"north", key32(1), A256GCM}
	p := newThirdParty(t, "turn.example", north, TokenKey{"south", key32(2), A256GCM})
	revoked := false
	v := tokenVerifier(t, p, func(subject, username []byte, issued, expires time.Time) bool {
		if string(username) != "north" || !strings.HasPrefix(string(subject), "oauth:north:") || issued.IsZero() || expires.IsZero() {
			t.Errorf("asked for %q %q %v %v", subject, username, issued, expires)
		}
		return revoked
	})
	issue := func(p *ThirdParty) AccessToken {
		a, err := p.Issue("north", 20, time.Hour, tokenNow)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	good, other := issue(p), issue(newThirdParty(t, "turn2.example", north))
	var st VerifierState
	check := func(what string, want error, v *Verifier, kid string, token []byte, key []byte) {
		t.Helper()
		if r, err := v.VerifyToken(&st, signedWith(key), []byte(kid), token, tokenNow); err != want {
			t.Errorf("%s: %+v, %v; want %v", what, r, err, want)
		}
	}
	check("good", nil, v, "north", good.Token, good.MACKey)
	check("kid with NULs behind it", nil, v, "north\x00\x00", good.Token, good.MACKey)
	check("another kid", ErrToken, v, "south", good.Token, good.MACKey)
	check("no such kid", ErrToken, v, "west", good.Token, good.MACKey)
	check("made for another server", ErrToken, v, "north", other.Token, other.MACKey)
	check("another mac_key", ErrIntegrity, v, "north", good.Token, other.MACKey)
	check("an empty key", ErrIntegrity, v, "north", good.Token, nil)
	check("no third party", ErrToken, tokenVerifier(t, nil, nil), "north", good.Token, good.MACKey)
	check("empty", ErrToken, v, "north", nil, good.MACKey)
	for i := range good.Token {
		bad := bytes.Clone(good.Token)
		bad[i] ^= 0x40
		check(fmt.Sprintf("byte %d changed", i), ErrToken, v, "north", bad, good.MACKey)
		check(fmt.Sprintf("cut to %d bytes", i), ErrToken, v, "north", good.Token[:i], good.MACKey)
	}
	check("longer", ErrToken, v, "north", append(bytes.Clone(good.Token), 0), good.MACKey)
	revoked = true
	check("revoked", ErrRevoked, v, "north", good.Token, good.MACKey)
}

// A block that is authentic and has not the form of RFC 7635 §6.2 opens nothing.
func TestTokenForm(t *testing.T) {
	t.Parallel()
	p := newThirdParty(t, "turn.example", TokenKey{"north", key32(1), A256GCM})
	v := tokenVerifier(t, p, nil)
	for _, tt := range []struct {
		length, size int
		ok           bool
	}{{20, 20, true}, {32, 32, true}, {16, 16, true}, {15, 15, false}, {0, 0, false}, {33, 33, false}, {20, 21, false}, {21, 20, false}, {0xFFFF, 20, false}} {
		block := binary.BigEndian.AppendUint16(nil, uint16(tt.length))
		mac := bytes.Repeat([]byte{7}, tt.size)
		block = append(block, mac...)
		block = binary.BigEndian.AppendUint64(block, uint64(tokenNow.Unix())<<16)
		block = binary.BigEndian.AppendUint32(block, 60)
		var st VerifierState
		_, err := v.VerifyToken(&st, signedWith(mac[:min(tt.length, tt.size)]), []byte("north"), sealed(t, block), tokenNow)
		if (err == nil) != tt.ok || !tt.ok && err != ErrToken {
			t.Errorf("key_length %d of %d bytes: %v", tt.length, tt.size, err)
		}
	}
}

// sealed makes a token of any block, with the key of TestTokenForm.
func sealed(t testing.TB, block []byte) []byte {
	t.Helper()
	c, err := aes.NewCipher(key32(1))
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCM(c)
	if err != nil {
		t.Fatal(err)
	}
	nonce := bytes.Repeat([]byte{byte(len(block))}, 12) // of its own for each length
	return aead.Seal(append([]byte{0, 12}, nonce...), nonce, block, []byte("turn.example"))
}

func TestThirdPartyConfig(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		keys []TokenKey
		want string
	}{
		{"", []TokenKey{{"a", key32(1), A256GCM}}, "server name"},
		{"a\nb", []TokenKey{{"a", key32(1), A256GCM}}, "server name"},
		{strings.Repeat("a", 509), []TokenKey{{"a", key32(1), A256GCM}}, "509 bytes"},
		{"a", nil, "0 keys"},
		{"a", []TokenKey{{"a", key32(1)[:31], A256GCM}}, "31 bytes, and A256GCM needs 32"},
		{"a", []TokenKey{{"a", key32(1)[:15], A128GCM}}, "15 bytes, and A128GCM needs 16"},
		{"a", []TokenKey{{"a", key32(1), 0}}, "algorithm 0"},
		{"a", []TokenKey{{"", key32(1), A256GCM}}, "kid"},
		{"a", []TokenKey{{"a", key32(1), A256GCM}, {"a", key32(2), A256GCM}}, "kid is taken"},
		{"", []TokenKey{{"a\x00", nil, 9}}, "algorithm 9"},
	} {
		_, err := NewThirdParty(tt.name, tt.keys...)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: %v, want %q", tt.name, err, tt.want)
		}
	}
	p := newThirdParty(t, "turn.example", TokenKey{"a", key32(1), A256GCM})
	for _, tt := range []struct {
		kid  string
		size int
		ttl  time.Duration
	}{{"b", 20, time.Hour}, {"a", 15, time.Hour}, {"a", 33, time.Hour}, {"a", 20, 0}, {"a", 20, time.Second - 1}, {"a", 20, 1 << 62}} {
		if _, err := p.Issue(tt.kid, tt.size, tt.ttl, tokenNow); err == nil {
			t.Errorf("issued: %+v", tt)
		}
	}
	if p.ServerName() != "turn.example" || (*ThirdParty)(nil).ServerName() != "" || tokenVerifier(t, p, nil).ServerName() != "turn.example" {
		t.Error("server name")
	}
	if tokenVerifier(t, p, nil).Anonymity() || !tokenVerifier(t, nil, nil).Anonymity() {
		t.Error("a kid cannot be found by its hash, so no client may be asked for USERHASH")
	}
	text := fmt.Sprintf("%v %+v %#v %s", TokenKey{"a", key32(0x41), A256GCM}, p, *p, AccessToken{ID: "a", MACKey: []byte("secretsecret")})
	if strings.Contains(text, "A\x00") || strings.Contains(text, "secret") || strings.Contains(text, "65 0") {
		t.Errorf("printed: %s", text)
	}
}

func TestTokenAllocations(t *testing.T) {
	p := newThirdParty(t, "turn.example", TokenKey{"north", key32(1), A256GCM})
	v := tokenVerifier(t, p, nil)
	a, err := p.Issue("north", 20, time.Hour, tokenNow)
	if err != nil {
		t.Fatal(err)
	}
	var st VerifierState
	kid, request := []byte("north"), Signed(signedWith(a.MACKey))
	verify := func() {
		if _, err := v.VerifyToken(&st, request, kid, a.Token, tokenNow); err != nil {
			t.Fatal(err)
		}
	}
	verify()
	if n := testing.AllocsPerRun(100, verify); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// No token opens but those that were made, whoever says what is in it.
func FuzzToken(f *testing.F) {
	p := newThirdParty(f, "turn.example", TokenKey{"north", key32(1), A256GCM}, TokenKey{"south", key32(2), A128GCM})
	v := tokenVerifier(f, p, nil)
	made := map[string]string{} // the same in every process that fuzzes
	for _, size := range []int{16, 20, 32} {
		block := binary.BigEndian.AppendUint16(nil, uint16(size))
		block = append(block, make([]byte, size)...)
		block = binary.BigEndian.AppendUint64(block, uint64(tokenNow.Unix())<<16)
		token := sealed(f, binary.BigEndian.AppendUint32(block, 60))
		made[string(token)] = "north"
		f.Add(token, []byte("north"))
		f.Add(token, []byte("south"))
	}
	f.Add(unhex(f, sample256), []byte("north"))
	f.Fuzz(func(t *testing.T, token, kid []byte) {
		var st VerifierState
		_, err := v.VerifyToken(&st, anyKey{}, kid, token, tokenNow)
		if want, ok := made[string(token)]; (err == nil) != (ok && want == string(bytes.TrimRight(kid, "\x00"))) {
			t.Errorf("token %x of %q: %v", token, kid, err)
		}
	})
}

// anyKey is a request that is right with every key.
type anyKey struct{}

func (anyKey) CheckIntegrity([]byte) error { return nil }
