package auth

import (
	"encoding/base64"
	"errors"
	"maps"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestIssueForm(t *testing.T) {
	t.Parallel()
	k := keyring(t, key("k1", "secret"), key("k0", "old"))
	c := issue(t, k, Grant{
		Subject: "8:acs:6f0c_2b", Class: "gold",
		Issued:  time.UnixMilli(1_699_999_999_987),
		Expires: time.Unix(1_700_003_600, 999_999_999),
	})
	form := regexp.MustCompile(`^1700003600:8:acs:6f0c_2b:~1\.k1\.gold\.1699999999987\.[A-Za-z0-9_-]{16}$`)
	if !form.MatchString(c.Username) {
		t.Errorf("username %q", c.Username)
	}
	if c.Password != thirdParty("secret", c.Username) {
		t.Errorf("password %q", c.Password)
	}
	if !c.Expires.Equal(time.Unix(1_700_003_600, 0)) {
		t.Errorf("expires %v", c.Expires)
	}
}

// The suffix, computed here apart from the package: it must stay as it is, for
// relays and services of different versions share it.
func TestIssueKnownAnswer(t *testing.T) {
	t.Parallel()
	c := issue(t, keyring(t, key("k1", "secret")), Grant{Subject: "bob", Expires: time.Unix(1_700_003_600, 0)})
	const want = "1700003600:bob:~1.k1.default.1700000000250.3QLwHjJpGYIuWaZI"
	if c.Username != want || c.Password != "Rngilb3UuwBa4p2sjW2ssRYxLXw=" {
		t.Errorf("%s\n%s\nwant %s", c.Username, c.Password, want)
	}
}

// A credential with a bandwidth of its own has the other suffix, and that must stay too.
func TestIssueKnownBandwidth(t *testing.T) {
	t.Parallel()
	c := issue(t, keyring(t, key("k1", "secret")), Grant{Subject: "bob", Class: "gold", Bandwidth: 2_000_000, Expires: time.Unix(1_700_003_600, 0)})
	const signed = "1700003600:bob:~2.k1.gold.1700000000250.2000000."
	const want = signed + "WVKIw2lHklj-VNYC"
	if c.Username != want || c.Password != thirdParty("secret", want) {
		t.Errorf("%s\nwant %s", c.Username, want)
	}
}

func TestIssueDefaults(t *testing.T) {
	t.Parallel()
	k := keyring(t, key("k1", "secret"))
	random := regexp.MustCompile(`^1700003600:[A-Z2-7]{26}:~1\.k1\.default\.1700000000250\.`)
	a, b := issue(t, k, Grant{}), issue(t, k, Grant{})
	if !random.MatchString(a.Username) || a.Username == b.Username {
		t.Errorf("%s\n%s", a.Username, b.Username)
	}
}

func TestIssueRefuses(t *testing.T) {
	t.Parallel()
	later := testNow.Add(time.Hour)
	long := strings.Repeat("x", MaxUsername)
	for _, test := range []struct {
		grant Grant
		want  error // nil: any
	}{
		{Grant{Subject: "bob"}, ErrExpired},
		{Grant{Subject: "bob", Expires: testNow}, ErrExpired},
		{Grant{Subject: "bob", Expires: testNow.Add(-1)}, ErrExpired},
		{Grant{Subject: "bob", Expires: testNow.Add(time.Second / 2)}, ErrExpired}, // ends within this second: nothing is left
		{Grant{Subject: `b"b`, Expires: later}, ErrSubject},
		{Grant{Subject: "bob\x00", Expires: later}, ErrSubject},
		{Grant{Subject: "bo\nb", Expires: later}, ErrSubject},
		{Grant{Subject: "bo\xffb", Expires: later}, ErrSubject},
		{Grant{Subject: "bo\u00a0b", Expires: later}, ErrSubject},
		{Grant{Subject: "Jose\u0301", Expires: later}, ErrSubject},
		{Grant{Subject: long, Expires: later}, ErrSubject},
		{Grant{Subject: "bob", Class: "Gold", Expires: later}, nil},
		{Grant{Subject: "bob", Class: "a.b", Expires: later}, nil},
		{Grant{Subject: "bob", Bandwidth: -1, Expires: later}, nil},
		{Grant{Subject: "bob", Bandwidth: MaxBandwidth + 1, Expires: later}, nil},
		{Grant{Subject: "bob", Class: "abcdefghijklmnopq", Expires: later}, nil},
		{Grant{Subject: "bob", Expires: time.Unix(1e15, 0)}, nil},
		{Grant{Subject: "bob", Issued: time.Unix(-1, 0), Expires: later}, nil},
	} {
		c, err := NewIssuer(keyring(t, key("k1", "hunter2"))).Issue(test.grant, testNow)
		if err == nil || test.want != nil && !errors.Is(err, test.want) {
			t.Errorf("%+v: %v", test.grant, err)
		}
		if c != (Credential{}) {
			t.Errorf("%+v: a credential in spite of the error", test.grant)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%+v: the error tells the secret", test.grant)
		}
	}
	for _, k := range []*Keyring{nil, {}} {
		if _, err := NewIssuer(k).Issue(Grant{Expires: later}, testNow); err == nil {
			t.Error("issued without a key")
		}
	}
}

// The longest username is 508 bytes, not one more (RFC 8489 §14.3).
func TestIssueLongest(t *testing.T) {
	t.Parallel()
	k := keyring(t, key("k1", "secret"))
	overhead := len(issue(t, k, Grant{Subject: "x"}).Username) - 1
	subject := strings.Repeat("\u00e9", (MaxUsername-overhead)/2) + strings.Repeat("x", (MaxUsername-overhead)%2)
	c := issue(t, k, Grant{Subject: subject})
	if len(c.Username) != MaxUsername {
		t.Errorf("%d bytes", len(c.Username))
	}
	if _, err := NewIssuer(k).Issue(Grant{Subject: subject + "x", Expires: testNow.Add(time.Hour)}, testNow); !errors.Is(err, ErrSubject) {
		t.Errorf("one byte more: %v", err)
	}
}

// randomSubject draws what checkOpaque accepts, colons, points and marks of the suffix often.
func randomSubject(r *rand.Rand) string {
	pieces := []string{
		":", ".", "~1", ":~1.", "8:acs:", "k1", "gold", "1700000000123", "AAAAAAAAAAAAAAAA", " ", "'", "\\", "/", "@",
		"\u00e9", "\u0416", vectorUser, "\uAC00", "a", "Z", "0", "-", "_", "%00", "\U00020000",
	}
	var b strings.Builder
	for range 1 + r.IntN(12) {
		b.WriteString(pieces[r.IntN(len(pieces))])
	}
	return b.String()
}

// Verify finds in a username what Issue put there, for both algorithms, with and
// without the cache.
func TestIssueVerifyIdentity(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4))
	k := keyring(t, key("k1", "secret one"), key("k2", "secret two"))
	v := verifier(t, VerifierConfig{Keyring: k})
	var st VerifierState
	for range 3000 {
		g := Grant{
			Subject:   randomSubject(r),
			Class:     []string{"", "gold", "a-1", "abcdefghijklmnop"}[r.IntN(4)],
			Bandwidth: []int64{0, 0, 1, 64_000, MaxBandwidth}[r.IntN(5)],
			Issued:    time.UnixMilli(r.Int64N(1e13)),
			Expires:   testNow.Add(time.Second + time.Duration(r.Int64N(int64(48*time.Hour)))),
		}
		c := issue(t, k, g)
		for _, a := range []Algorithm{MD5, SHA256} {
			for range 2 {
				m := signed(c.Username, testRealm, c.Password, a)
				got, err := v.Verify(&st, m, []byte(c.Username), a, testNow)
				if err != nil {
					t.Fatalf("%q: %v", c.Username, err)
				}
				if m.checks != 1 {
					t.Errorf("%q: %d checks of integrity", c.Username, m.checks)
				}
				if string(got.Subject) != g.Subject || string(got.Class) != g.Class || (g.Class == "") != (got.Class == nil) ||
					got.Bandwidth != g.Bandwidth || !got.Issued.Equal(g.Issued) || !got.Expires.Equal(c.Expires) || got.Expires.After(g.Expires) || !got.Charged ||
					string(got.Key) != string(m.key) {
					t.Fatalf("%#v became %v", g, got)
				}
			}
		}
	}
}

// No part of a username made by the issuer can be changed without breaking the mac.
func TestForgedSuffix(t *testing.T) {
	t.Parallel()
	const secret = "secret"
	k := keyring(t, key("k1", secret), key("k2", "other secret"))
	v := verifier(t, VerifierConfig{Keyring: k})
	grant := Grant{Subject: "bob", Class: "silver", Issued: time.UnixMilli(1_699_999_999_000)}
	c := issue(t, k, grant)
	checkForged(t, v, secret, c, map[string]string{
		"suffix repeated":    c.Username + c.Username[strings.Index(c.Username, ":~1."):],
		"a bandwidth":        strings.Replace(c.Username, ":~1.k1.silver.1699999999000.", ":~2.k1.silver.1699999999000.8000.", 1),
		"mark of the second": strings.Replace(c.Username, ":~1.", ":~2.", 1),
	})
	grant.Bandwidth = 8000
	c = issue(t, k, grant)
	checkForged(t, v, secret, c, map[string]string{
		"suffix repeated":   c.Username + c.Username[strings.Index(c.Username, ":~2."):],
		"bandwidth":         strings.Replace(c.Username, ".8000.", ".9000.", 1),
		"no bandwidth":      strings.Replace(c.Username, ":~2.k1.silver.1699999999000.8000.", ":~1.k1.silver.1699999999000.", 1),
		"bandwidth of 0":    strings.Replace(c.Username, ".8000.", ".0.", 1),
		"mark of the first": strings.Replace(c.Username, ":~2.", ":~1.", 1),
	})
}

// checkForged verifies what a holder of the secret makes of c: forgeries of every kind of credential, and others by what they are.
func checkForged(t *testing.T, v *Verifier, secret string, c Credential, others map[string]string) {
	t.Helper()
	at := strings.LastIndexByte(c.Username, '.') + 1
	mac := c.Username[at:]
	raw, err := base64.RawURLEncoding.DecodeString(mac)
	if err != nil || len(raw) != 12 {
		t.Fatal(mac, err)
	}
	all := map[string]string{
		"class":           strings.Replace(c.Username, ".silver.", ".gold.", 1),
		"time of issue":   strings.Replace(c.Username, ".1699999999000.", ".1799999999000.", 1),
		"key id":          strings.Replace(c.Username, ".k1.", ".k2.", 1),
		"unknown key id":  strings.Replace(c.Username, ".k1.", ".k3.", 1),
		"subject":         strings.Replace(c.Username, ":bob:", ":eve:", 1),
		"expiry":          strings.Replace(c.Username, "1700003600:", "1700003601:", 1),
		"truncated mac":   c.Username[:len(c.Username)-1],
		"short mac":       c.Username[:at+8],
		"no mac":          c.Username[:at],
		"longer mac":      c.Username + "A",
		"other mac":       c.Username[:at] + strings.Repeat("A", 16),
		"name of another": "1700003600:eve" + c.Username[len("1700003600:bob"):],
	}
	maps.Copy(all, others)
	for what, forged := range all {
		if forged == c.Username {
			t.Fatalf("%s: not forged", what)
		}
		// The third party holds the secret and makes a password for whatever
		// name the user chose: the credential is good, the claims are not.
		m := signed(forged, testRealm, thirdParty(secret, forged), MD5)
		var st VerifierState
		for range 2 {
			got, err := v.Verify(&st, m, []byte(forged), MD5, testNow)
			if err != nil {
				t.Errorf("%s: %v", what, err)
				break
			}
			if got.Class != nil || got.Bandwidth != 0 || !got.Issued.IsZero() {
				t.Errorf("%s: class %q, bandwidth %d, issued %v", what, got.Class, got.Bandwidth, got.Issued)
			}
			if subject := forged[strings.IndexByte(forged, ':')+1:]; string(got.Subject) != subject || !got.Charged {
				t.Errorf("%s: subject %q, want %q", what, got.Subject, subject)
			}
		}
		// And with the password of the credential it was made from it is nothing.
		m = signed(forged, testRealm, c.Password, MD5)
		if _, err := v.Verify(&st, m, []byte(forged), MD5, testNow); err != ErrIntegrity {
			t.Errorf("%s with the old password: %v", what, err)
		}
	}
}

// A right mac names the secret for good: no other one is tried.
func TestSuffixNamesTheSecret(t *testing.T) {
	t.Parallel()
	k := keyring(t, key("k1", "one"), key("k2", "two"))
	v := verifier(t, VerifierConfig{Keyring: k})
	c := issue(t, k, Grant{Subject: "bob", Class: "gold"})
	for _, password := range []string{thirdParty("two", c.Username), "wrong"} {
		m := signed(c.Username, testRealm, password, MD5)
		if _, err := v.Verify(new(VerifierState), m, []byte(c.Username), MD5, testNow); err != ErrIntegrity || m.checks != 1 {
			t.Errorf("%s: %v after %d checks", password, err, m.checks)
		}
	}
}
