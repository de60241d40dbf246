package auth_test

import (
	"crypto/hmac"
	"crypto/md5"
	"errors"
	"fmt"
	"log"
	"net/netip"
	"time"

	"turnout/auth"
)

// request stands in for a STUN message: *stun.Message is an [auth.Signed].
type request struct{ key []byte }

func (r *request) CheckIntegrity(key []byte) error {
	if !hmac.Equal(r.key, key) {
		return errors.New("message integrity does not match")
	}
	return nil
}

// sign is the client's side: the long-term key it signs with.
func sign(username, realm, password string) *request {
	key := md5.Sum([]byte(username + ":" + realm + ":" + password))
	return &request{key[:]}
}

func Example() {
	now := time.Unix(1_700_000_000, 0)
	secrets, err := auth.NewKeyring(auth.Key{ID: "k1", Secret: []byte("an example, not a secret")})
	if err != nil {
		log.Fatal(err)
	}

	// The service makes a credential for a user...
	credential, err := auth.NewIssuer(secrets).Issue(auth.Grant{Subject: "bob", Class: "gold", Expires: now.Add(time.Hour)}, now)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(credential.Username)

	// ...and the relay, which shares only the keyring, recognises it.
	verifier, err := auth.NewVerifier(auth.VerifierConfig{Realm: "turn.example", Keyring: secrets})
	if err != nil {
		log.Fatal(err)
	}
	var state auth.VerifierState // one for each worker
	m := sign(credential.Username, "turn.example", credential.Password)
	verified, err := verifier.Verify(&state, m, []byte(credential.Username), auth.MD5, now)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s of class %s until %d\n", verified.Subject, verified.Class, verified.Expires.Unix())

	_, err = verifier.Verify(&state, m, []byte(credential.Username), auth.MD5, now.Add(time.Hour))
	fmt.Println(err)
	// Output:
	// 1700003600:bob:~1.k1.gold.1700000000000.pKhtKEywAyAg9fbo
	// bob of class gold until 1700003600
	// credential expired
}

// A new secret goes in front; the old one stays until its last credential has expired.
func ExampleKeyring_Replace() {
	now := time.Unix(1_700_000_000, 0)
	before := auth.Key{ID: "2023-10", Secret: []byte("the old secret")}
	after := auth.Key{ID: "2023-11", Secret: []byte("the new secret")}
	secrets, err := auth.NewKeyring(before)
	if err != nil {
		log.Fatal(err)
	}
	verifier, err := auth.NewVerifier(auth.VerifierConfig{Realm: "turn.example", Keyring: secrets})
	if err != nil {
		log.Fatal(err)
	}
	old, err := auth.NewIssuer(secrets).Issue(auth.Grant{Subject: "bob", Expires: now.Add(time.Hour)}, now)
	if err != nil {
		log.Fatal(err)
	}

	var state auth.VerifierState
	for _, keys := range [][]auth.Key{{after, before}, {after}} {
		if err := secrets.Replace(keys...); err != nil {
			log.Fatal(err)
		}
		m := sign(old.Username, "turn.example", old.Password)
		_, err := verifier.Verify(&state, m, []byte(old.Username), auth.MD5, now)
		fmt.Println(secrets, err)
	}
	// Output:
	// keyring[2023-11 2023-10] <nil>
	// keyring[2023-11] integrity does not match
}

func ExampleNonces() {
	var key [32]byte // from crypto/rand, once per process
	nonces := auth.NewNonces(key, time.Hour, false)
	var state auth.NonceState // one for each worker
	now := time.Unix(1_700_000_000, 0)
	bob, eve := netip.MustParseAddrPort("192.0.2.1:5000"), netip.MustParseAddrPort("198.51.100.7:5000")

	nonce := nonces.Append(&state, nil, bob, now)
	fmt.Println(len(nonce), string(nonce[:13]))
	fmt.Println(nonces.Check(&state, nonce, bob, now.Add(time.Minute)))
	fmt.Println(nonces.Check(&state, nonce, eve, now.Add(time.Minute)))
	fmt.Println(nonces.Check(&state, nonce, bob, now.Add(time.Hour)))
	// Output:
	// 37 obMatJos2gAAA
	// <nil>
	// nonce stale
	// nonce stale
}

func ExampleWeak() {
	fmt.Println(auth.Weak([]byte("s3cret")))
	fmt.Println(auth.Weak([]byte("8493fbc53ba582fb4c044c456bdc40eb"))) // openssl rand -hex 16
	// Output:
	// true
	// false
}
