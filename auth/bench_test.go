package auth

import (
	"crypto/hmac"
	"crypto/sha1"
	"fmt"
	"testing"
	"time"
)

// A fixedRequest costs next to nothing and does not allocate, so that what is
// measured is this package's own part.
type fixedRequest struct{ want [keySize]byte }

func (r *fixedRequest) CheckIntegrity(key []byte) error {
	if string(r.want[:len(key)]) != string(key) {
		return errFixed
	}
	return nil
}

var errFixed = fmt.Errorf("other key")

func fixed(username, password string, a Algorithm) *fixedRequest {
	r := new(fixedRequest)
	copy(r.want[:], signed(username, testRealm, password, a).key)
	return r
}

type benchUser struct {
	name []byte
	m    *fixedRequest
}

// benchUsers are n users: third parties' with a secret, else issued by k.
func benchUsers(t testing.TB, k *Keyring, secret string, n int) []benchUser {
	us := make([]benchUser, n)
	for i := range us {
		if secret != "" {
			name := fmt.Sprintf("1700003600:8:acs:6f0cb8d2-9c2b-4a3d-8f6e-2b1f0e9d7c5a_user%d", i)
			us[i] = benchUser{[]byte(name), fixed(name, thirdParty(secret, name), MD5)}
			continue
		}
		c := issue(t, k, Grant{Subject: fmt.Sprintf("8:acs:6f0cb8d2-9c2b-4a3d-8f6e-2b1f0e9d7c5a_user%d", i), Class: "gold"})
		us[i] = benchUser{[]byte(c.Username), fixed(c.Username, c.Password, MD5)}
	}
	return us
}

// Each case verifies a user of its own in turn.
func verifyCases(t testing.TB) []struct {
	name  string
	v     *Verifier
	users []benchUser
} {
	const many = 4 * cacheSets * cacheWays // in turn: each is replaced before it comes again
	one := keyring(t, key("k1", "secret one"))
	three := keyring(t, key("k3", "secret three"), key("k2", "secret two"), key("k1", "secret one"))
	v1 := verifier(t, VerifierConfig{Keyring: one, Users: map[string]string{"alice": "wonderland"}})
	v3 := verifier(t, VerifierConfig{Keyring: three})
	return []struct {
		name  string
		v     *Verifier
		users []benchUser
	}{
		{"static", v1, []benchUser{{[]byte("alice"), fixed("alice", "wonderland", MD5)}}},
		{"cached/suffix", v1, benchUsers(t, one, "", 16)},
		{"cached/plain", v1, benchUsers(t, one, "secret one", 16)},
		{"uncached/suffix", v1, benchUsers(t, one, "", many)},
		{"uncached/plain", v1, benchUsers(t, one, "secret one", many)},
		{"uncached/suffix/3keys", v3, benchUsers(t, one, "", many)},
		{"uncached/plain/3keys", v3, benchUsers(t, one, "secret one", many)},
	}
}

func BenchmarkVerify(b *testing.B) {
	for _, c := range verifyCases(b) {
		b.Run(c.name, func(b *testing.B) {
			var st VerifierState
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				u := &c.users[i%len(c.users)]
				if _, err := c.v.Verify(&st, u.m, u.name, MD5, testNow); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func TestVerifyAllocatesNothing(t *testing.T) {
	for _, c := range verifyCases(t) {
		var st VerifierState
		i := 0
		verify := func() {
			u := &c.users[i%len(c.users)]
			i++
			if _, err := c.v.Verify(&st, u.m, u.name, MD5, testNow); err != nil {
				t.Fatal(err)
			}
		}
		for range len(c.users) { // also to see that a full cache replaces without allocating
			verify()
		}
		if n := testing.AllocsPerRun(1000, verify); n != 0 {
			t.Errorf("%s: %v allocations", c.name, n)
		}
		wrong := new(fixedRequest)
		if n := testing.AllocsPerRun(100, func() {
			if _, err := c.v.Verify(&st, wrong, c.users[0].name, MD5, testNow); err != ErrIntegrity {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%s, forged: %v allocations", c.name, n)
		}
	}
}

func BenchmarkIssue(b *testing.B) {
	i := NewIssuer(keyring(b, key("k1", "secret")))
	g := Grant{Subject: "8:acs:6f0cb8d2-9c2b-4a3d-8f6e-2b1f0e9d7c5a_user", Class: "gold", Expires: testNow.Add(time.Hour)}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := i.Issue(g, testNow); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkNonce(b *testing.B) {
	n := testNonces(false)
	var st NonceState
	buf := make([]byte, 0, NonceSize)
	nonce := n.Append(&st, nil, clientA, testNow)
	b.Run("Append", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			buf = n.Append(&st, buf[:0], clientA, testNow)
		}
	})
	b.Run("Check", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := n.Check(&st, nonce, clientA, testNow); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func TestNonceAllocatesNothing(t *testing.T) {
	n := testNonces(false)
	var st NonceState
	buf := make([]byte, 0, NonceSize)
	good := n.Append(&st, nil, clientA, testNow)
	bad := append([]byte(nil), good...)
	bad[20]++
	for name, f := range map[string]func(){
		"Append": func() { buf = n.Append(&st, buf[:0], clientV6, testNow) },
		"Check":  func() { _ = n.Check(&st, good, clientA, testNow) },
		"forged": func() { _ = n.Check(&st, bad, clientA, testNow) },
		"long":   func() { _ = n.Check(&st, append(good, 'A'), clientA, testNow) },
		"bit":    func() { _ = HasPasswordAlgorithms(good) },
	} {
		if a := testing.AllocsPerRun(100, f); name != "long" && a != 0 {
			t.Errorf("%s: %v allocations", name, a)
		}
	}
}

func TestDeriveKeyAllocatesNothing(t *testing.T) {
	var room [keySize]byte
	for _, a := range []Algorithm{MD5, SHA256} {
		if n := testing.AllocsPerRun(100, func() { DeriveKey(room[:0], a, "1700003600:bob", testRealm, "password") }); n != 0 {
			t.Errorf("%v: %v allocations", a, n)
		}
	}
	if n := testing.AllocsPerRun(100, func() { Userhash("bob", testRealm) }); n != 0 {
		t.Errorf("Userhash: %v allocations", n)
	}
}

func BenchmarkUserhashOf100(b *testing.B) {
	users := map[string]string{}
	for i := range 100 {
		users[fmt.Sprint("user", i)] = "password"
	}
	v := verifier(b, VerifierConfig{Users: users})
	h := Userhash("user50", testRealm)
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := v.Username(h[:]); !ok {
			b.Fatal("not found")
		}
	}
}

// What one HMAC-SHA1 with a ready state costs here, to read the others by.
func BenchmarkHMAC(b *testing.B) {
	h := hmac.New(sha1.New, []byte("secret"))
	text, sum := make([]byte, 100), make([]byte, 0, 20)
	b.ReportAllocs()
	for b.Loop() {
		h.Reset()
		h.Write(text)
		sum = h.Sum(sum[:0])
	}
}
