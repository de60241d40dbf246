package auth

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"testing"
	"time"
)

const testRealm = "turnout.example"

// testNow is some time with a fraction of a second.
var testNow = time.Unix(1_700_000_000, 250_000_000)

// A request is signed with key: the only one that CheckIntegrity takes.
type request struct {
	key    []byte
	checks int
}

func (r *request) CheckIntegrity(key []byte) error {
	r.checks++
	if !bytes.Equal(r.key, key) {
		return errors.New("other key")
	}
	return nil
}

// signed is what a client does with a password, written apart from DeriveKey.
func signed(username, realm, password string, a Algorithm) *request {
	text := []byte(username + ":" + realm + ":" + password)
	if a == MD5 {
		sum := md5.Sum(text)
		return &request{key: sum[:]}
	}
	sum := sha256.Sum256(text)
	return &request{key: sum[:]}
}

// thirdParty is what a service does that holds the secret.
func thirdParty(secret, username string) string {
	h := hmac.New(sha1.New, []byte(secret))
	h.Write([]byte(username))
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

func keyring(t testing.TB, keys ...Key) *Keyring {
	t.Helper()
	k, err := NewKeyring(keys...)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func verifier(t testing.TB, c VerifierConfig) *Verifier {
	t.Helper()
	if c.Realm == "" {
		c.Realm = testRealm
	}
	v, err := NewVerifier(c)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func issue(t testing.TB, k *Keyring, g Grant) Credential {
	t.Helper()
	if g.Expires.IsZero() {
		g.Expires = testNow.Add(time.Hour)
	}
	c, err := NewIssuer(k).Issue(g, testNow)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func key(id, secret string) Key { return Key{ID: id, Secret: []byte(secret)} }
