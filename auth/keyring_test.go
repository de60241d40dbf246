package auth

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
)

func TestKeyringRefuses(t *testing.T) {
	t.Parallel()
	many := make([]Key, MaxKeys+1)
	for i := range many {
		many[i] = key(fmt.Sprint("k", i), "hunter2")
	}
	for name, keys := range map[string][]Key{
		"none":          {},
		"too many":      many,
		"id twice":      {key("k1", "hunter2"), key("k1", "hunter2")},
		"no id":         {key("", "hunter2")},
		"long id":       {key("abcdefghijklmnopq", "hunter2")},
		"upper case id": {key("K1", "hunter2")},
		"point in id":   {key("k.1", "hunter2")},
		"no secret":     {key("k1", "hunter2"), key("k2", "")},
	} {
		k, err := NewKeyring(keys...)
		if err == nil {
			t.Errorf("%s: no error", name)
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the error tells the secret: %v", name, err)
		}
		if k != nil {
			t.Errorf("%s: a keyring in spite of the error", name)
		}
	}
	if _, err := NewKeyring(many[:MaxKeys]...); err != nil {
		t.Errorf("%d keys: %v", MaxKeys, err)
	}
}

func TestReplaceKeepsTheOldOnError(t *testing.T) {
	t.Parallel()
	k := keyring(t, key("k1", "one"))
	if err := k.Replace(key("k2", "two"), key("k2", "three")); err == nil {
		t.Fatal("no error")
	}
	if k.String() != "keyring[k1]" {
		t.Error(k)
	}
}

func TestKeyringCopiesSecrets(t *testing.T) {
	t.Parallel()
	secret := []byte("secret")
	k := keyring(t, Key{"k1", secret})
	before := issue(t, k, Grant{Subject: "bob"})
	clear(secret)
	if after := issue(t, k, Grant{Subject: "bob"}); after != before {
		t.Error("the caller's slice is the keyring's")
	}
}

// Readers see one whole keyring or the other, never a mixture. Run with -race.
func TestKeyringConcurrentReplace(t *testing.T) {
	t.Parallel()
	a, b := key("a", "secret of a"), key("b", "secret of b")
	k := keyring(t, a, b)
	v := verifier(t, VerifierConfig{Keyring: k})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			var st VerifierState
			for range 200 {
				c := issue(t, k, Grant{Subject: "bob"})
				m := signed(c.Username, testRealm, c.Password, MD5)
				if _, err := v.Verify(&st, m, []byte(c.Username), MD5, testNow); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for i := range 200 {
		keys := []Key{a, b}
		if i%2 == 0 {
			keys = []Key{b, a}
		}
		if err := k.Replace(keys...); err != nil {
			t.Error(err)
		}
	}
	wg.Wait()
}

func TestNoSecretIsPrinted(t *testing.T) {
	t.Parallel()
	const secret = "hunter2-hunter2"
	k := keyring(t, key("k1", secret))
	c := issue(t, k, Grant{Subject: "bob"})
	config := VerifierConfig{Realm: testRealm, Keyring: k, Users: map[string]string{"alice": secret}}
	v := verifier(t, config)
	var st VerifierState
	r, err := v.Verify(&st, signed("alice", testRealm, secret, MD5), []byte("alice"), MD5, testNow)
	if err != nil {
		t.Fatal(err)
	}
	n := NewNonces([32]byte([]byte("hunter2-hunter2-hunter2-hunter2-")), 0, false)
	var ns NonceState
	n.Append(&ns, nil, clientA, testNow)
	derived := DeriveKey(nil, MD5, "alice", testRealm, secret)
	hidden := []string{
		secret, c.Password, fmt.Sprint([]byte(secret)), fmt.Sprintf("%x", secret),
		strings.Trim(fmt.Sprint([]byte(secret)[:7]), "[]"), fmt.Sprintf("%x", derived),
		strings.Trim(fmt.Sprint(derived), "[]"), "aHVudGVy", "0x68, 0x75, 0x6e",
	}
	values := []any{key("k1", secret), []Key{key("k1", secret)}, k, struct{ K Key }{key("k1", secret)}, NewIssuer(k), *NewIssuer(k), c, &c, config, v, *v, &st, r, n, *n, &ns}
	for _, value := range values {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%q", "%d"} {
			checkHidden(t, fmt.Sprintf("%T %s", value, verb), fmt.Sprintf(verb, value), hidden)
		}
		var text bytes.Buffer
		slog.New(slog.NewTextHandler(&text, nil)).Info("x", "v", value)
		checkHidden(t, fmt.Sprintf("%T slog text", value), text.String(), hidden)
	}
	for _, value := range []any{key("k1", secret), c, k} {
		var text bytes.Buffer
		slog.New(slog.NewJSONHandler(&text, nil)).Info("x", "v", value)
		checkHidden(t, fmt.Sprintf("%T slog JSON", value), text.String(), hidden)
	}
	b, err := json.Marshal(key("k1", secret))
	if err != nil || string(b) != `{"ID":"k1"}` {
		t.Errorf("%s, %v", b, err)
	}
	if got := fmt.Sprint(key("k1", secret)); got != "{k1 [redacted]}" {
		t.Errorf("a key prints as %s", got)
	}
}

func checkHidden(t *testing.T, what, text string, hidden []string) {
	t.Helper()
	for _, h := range hidden {
		if strings.Contains(text, h) {
			t.Errorf("%s tells %q: %s", what, h, text)
		}
	}
}

func TestWeak(t *testing.T) {
	t.Parallel()
	for secret, want := range map[string]bool{
		"":                                        true,
		"s3cret":                                  true,
		"correct horse":                           true,
		strings.Repeat("a", 100):                  true, // one letter is no chance at all
		"8493fbc53ba582fb4c044c456bdc40e":         true, // 124 bits
		"8493fbc53ba582fb4c044c456bdc40eb":        false,
		"8493FBC53BA582FB4C044C456BDC40EB":        false,
		"12345678901234567890123456789012345678":  true, // 126 bits
		"123456789012345678901234567890123456789": false,
		"hJP7xTulgvtMBExFa9xA6w==":                false, // openssl rand -base64 16
		"hJP7xTulgvtMBExFa9xA":                    true,
		"\x84\x93\xfb\xc5\x3b\xa5\x82\xfb\x4c\x04\x4c\x45\x6b\xdc\x40\xeb": false,
		"\x84\x93\xfb\xc5\x3b\xa5\x82\xfb\x4c\x04\x4c\x45\x6b\xdc\x40":     true,
	} {
		if got := Weak([]byte(secret)); got != want {
			t.Errorf("Weak(%q) = %v", secret, got)
		}
	}
}
