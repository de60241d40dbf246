package auth

import (
	"fmt"
	"strings"
	"testing"
)

func TestNewVerifierRefuses(t *testing.T) {
	t.Parallel()
	users := func(name, password string) VerifierConfig {
		return VerifierConfig{Realm: testRealm, Users: map[string]string{name: password}}
	}
	for what, c := range map[string]VerifierConfig{
		"no realm":                    {},
		"realm with a quote":          {Realm: `a"b`},
		"realm with a backslash":      {Realm: `a\b`},
		"realm with a NUL":            {Realm: "a\x00"},
		"realm of 128 characters":     {Realm: strings.Repeat("a", 128)},
		"negative max ttl":            {Realm: testRealm, MaxTTL: -1},
		"empty name":                  users("", "hunter2"),
		"name with a quote":           users(`al"ice`, "hunter2"),
		"name not in NFC":             users("Jose\u0301", "hunter2"),
		"long name":                   users(strings.Repeat("a", 509), "hunter2"),
		"name like a bare expiry":     users("1700000000", "hunter2"),
		"name like a short expiry":    users("7", "hunter2"),
		"name like a derived one":     users("1700000000:bob", "hunter2"),
		"name like a fractional one":  users("1700000000.25", "hunter2"),
		"empty password":              users("alice", ""),
		"password not UTF-8":          users("alice", "hunter2\xff"),
		"password with a control one": users("alice", "hunter2\n"),
	} {
		v, err := NewVerifier(c)
		if err == nil || v != nil {
			t.Errorf("%s: %v, %v", what, v, err)
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the error tells the password: %v", what, err)
		}
	}
	_, err := NewVerifier(VerifierConfig{Users: map[string]string{"": "x", "1": "x", "bob": ""}})
	if err == nil || strings.Count(err.Error(), "\n") != 3 {
		t.Errorf("want all four problems at once: %v", err)
	}
	for _, c := range []VerifierConfig{
		{Realm: strings.Repeat("\u00e9", 127)},
		users("7bob", "The\u00ADM\u00AAtr\u2168 \U0001F600"),
		users("bob:1700000000", "x"),
		users(vectorUser, "x"),
		users(strings.Repeat("a", 508), "x"),
	} {
		if _, err := NewVerifier(c); err != nil {
			t.Errorf("%v: %v", c, err)
		}
	}
}

func TestStaticUsers(t *testing.T) {
	t.Parallel()
	passwords := map[string]string{}
	for i := range 50 {
		passwords[fmt.Sprint("user", i)] = fmt.Sprint("password ", i)
	}
	for _, k := range []*Keyring{nil, keyring(t, key("k1", "one"))} {
		v := verifier(t, VerifierConfig{Keyring: k, Users: passwords})
		if v.Anonymity() != (k == nil) {
			t.Errorf("anonymity %v with keyring %v", v.Anonymity(), k)
		}
		var st VerifierState
		for name, password := range passwords {
			hash := Userhash(name, testRealm)
			found, ok := v.Username(hash[:])
			if !ok || found != name {
				t.Fatalf("hash of %s finds %q, %v", name, found, ok)
			}
			for _, a := range []Algorithm{MD5, SHA256} {
				m := signed(name, testRealm, password, a)
				got, err := v.Verify(&st, m, []byte(found), a, testNow)
				if err != nil || m.checks != 1 {
					t.Fatalf("%s, %v: %v after %d checks", name, a, err, m.checks)
				}
				if string(got.Subject) != name || got.Class != nil || !got.Issued.IsZero() || !got.Expires.IsZero() || got.Charged ||
					string(got.Key) != string(m.key) {
					t.Errorf("%s, %v: %v", name, a, got)
				}
			}
		}
		hash := Userhash("user1", "other realm")
		for _, bad := range [][]byte{hash[:], hash[:31], nil, make([]byte, 32), append(hash[:], 0)} {
			if name, ok := v.Username(bad); ok || name != "" {
				t.Errorf("%x finds %q", bad, name)
			}
		}
	}
	if verifier(t, VerifierConfig{}).Anonymity() {
		t.Error("anonymity without any user")
	}
}
