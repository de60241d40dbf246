package auth

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"strings"
	"testing"
	"time"
)

// The users of RFC 5769 §2.4 and RFC 8489 Appendix B.1 are the same.
const (
	vectorUser     = "\u30DE\u30C8\u30EA\u30C3\u30AF\u30B9"
	vectorPassword = "TheMatrIX"
	vectorRealm    = "example.org"
)

// A vector is a published request whose last attribute is its integrity.
type vector struct {
	message []byte
	hash    func() hash.Hash
}

func (v *vector) CheckIntegrity(key []byte) error {
	h := hmac.New(v.hash, key)
	at := len(v.message) - 4 - h.Size()
	h.Write(v.message[:at])
	if !hmac.Equal(h.Sum(nil), v.message[at+4:]) {
		return errors.New("other key")
	}
	return nil
}

func newVector(t *testing.T, text string, h func() hash.Hash) *vector {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(text), ""))
	if err != nil {
		t.Fatal(err)
	}
	return &vector{b, h}
}

const vectorUserhash = `4a3cf38f ef6992bd a952c678 0417da0f 24819415 569e60b2 05c46e41 407f1704`

// RFC 8489 Appendix B.1: USERHASH and MESSAGE-INTEGRITY-SHA256. The key is that of
// SHA-256, although no PASSWORD-ALGORITHM says so, and the length field, which
// counts the header too, is wrong in the RFC; the integrity was computed with
// it, so it stays as printed.
func TestVectorRFC8489B1(t *testing.T) {
	t.Parallel()
	m := newVector(t, `0001009c 2112a442 78ad3433 c6ad72c0 29da412e
		001e0020 `+vectorUserhash+`
		00150029 6f624d61 744a6f73 32414141 43662f2f 3439396b 39353464 364f4c33 346f4c39 46535476 79363473 41000000
		0014000b 6578616d 706c652e 6f726700
		001c0020 e4686c8f 0edeb590 13e07090 010a93ef ccbccc54 4c0a45d9 f830aa6d 6f735a01`, sha256.New)
	v := verifier(t, VerifierConfig{Realm: vectorRealm, Users: map[string]string{
		vectorUser: vectorPassword, "someone": "else", "another": "one",
	}})
	userhash := m.message[24:56]
	if got := Userhash(vectorUser, vectorRealm); string(got[:]) != string(userhash) {
		t.Errorf("Userhash = %x, want %x", got, userhash)
	}
	name, ok := v.Username(userhash)
	if !ok || name != vectorUser {
		t.Fatalf("Username = %q, %v", name, ok)
	}
	got, err := v.Verify(new(VerifierState), m, []byte(name), SHA256, testNow)
	if err != nil {
		t.Fatal(err)
	}
	if string(got.Subject) != vectorUser || got.Charged {
		t.Errorf("Verified = %+v", got)
	}
	if HasPasswordAlgorithms(m.message[60 : 60+41]) {
		t.Error("the vector's nonce has no password-algorithms bit")
	}
}

// RFC 5769 §2.4: USERNAME and MESSAGE-INTEGRITY.
func TestVectorRFC5769(t *testing.T) {
	t.Parallel()
	m := newVector(t, `00010060 2112a442 78ad3433 c6ad72c0 29da412e
		00060012 e3839ee3 8388e383 aae38383 e382afe3 82b90000
		0015001c 662f2f34 39396b39 35346436 4f4c3334 6f4c3946 53547679 36347341
		0014000b 6578616d 706c652e 6f726700
		00080014 f6702465 6dd64a3e 02b8e071 2e85c9a2 8ca89666`, sha1.New)
	v := verifier(t, VerifierConfig{Realm: vectorRealm, Users: map[string]string{vectorUser: vectorPassword}})
	if _, err := v.Verify(new(VerifierState), m, m.message[24:24+18], MD5, testNow); err != nil {
		t.Error(err)
	}
	m.message[len(m.message)-1] ^= 1
	if _, err := v.Verify(new(VerifierState), m, m.message[24:24+18], MD5, testNow); err != ErrIntegrity {
		t.Errorf("changed: %v", err)
	}
}

func TestDeriveKey(t *testing.T) {
	t.Parallel()
	// RFC 8489 §9.2.2 prints the first; the second is sha256sum of the same text.
	for _, test := range []struct {
		a    Algorithm
		want string
	}{
		{MD5, "8493fbc53ba582fb4c044c456bdc40eb"},
		{SHA256, "07e934117abd40836e7c6329b54731b2b2d2a5f9a71f544922d75e0730d8251b"},
	} {
		got := DeriveKey([]byte("x"), test.a, "user", "realm", "pass")
		if hex.EncodeToString(got) != "78"+test.want {
			t.Errorf("%v: %x, want 78%s", test.a, got, test.want)
		}
	}
	long := strings.Repeat("u", 700)
	if got, want := DeriveKey(nil, MD5, long, "realm", "pass"), signed(long, "realm", "pass", MD5).key; string(got) != string(want) {
		t.Errorf("long username: %x, want %x", got, want)
	}
}

func TestDeriveKeyPanicsOnUnknownAlgorithm(t *testing.T) {
	t.Parallel()
	defer func() {
		if recover() == nil {
			t.Error("no panic: an empty key would let everyone in")
		}
	}()
	DeriveKey(nil, 3, "user", "realm", "pass")
}

func TestAlgorithmString(t *testing.T) {
	t.Parallel()
	for a, want := range map[Algorithm]string{MD5: "MD5", SHA256: "SHA-256", 9: "algorithm 9"} {
		if a.String() != want {
			t.Errorf("Algorithm(%d) = %q, want %q", a, a, want)
		}
	}
}

func TestVerifyUnknownAlgorithm(t *testing.T) {
	t.Parallel()
	v := verifier(t, VerifierConfig{Users: map[string]string{"alice": "wonderland"}})
	m := signed("alice", testRealm, "wonderland", MD5)
	if _, err := v.Verify(new(VerifierState), m, []byte("alice"), 3, time.Time{}); !errors.Is(err, ErrIntegrity) || m.checks != 0 {
		t.Errorf("err = %v after %d checks", err, m.checks)
	}
}
