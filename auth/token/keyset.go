package token

import (
	"cmp"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"
)

// A KeySet holds the keys that own tokens are signed with. One signs at a time,
// the latest whose time has come; the ones before it verify until every token
// they signed has expired; one whose time has not come is published already, so
// that others know it before they meet its tokens.
//
// It is safe for concurrent use. Printed or logged it shows the names of its
// keys only; [KeySet.Marshal] alone gives the private parts out.
type KeySet struct {
	keys atomic.Pointer[[]signingKey] // by the time they begin to sign, never empty
}

type signingKey struct {
	id        string
	algorithm Algorithm
	from      time.Time // when it begins to sign
	private   crypto.Signer
	public    publicKey
	published jwk
}

// grace is how long after its successor's time a service that has not heard of
// the successor may still sign with a key.
const grace = time.Hour

// MaxSigningKeys bounds a key set, and with it what verifiers fetch.
const MaxSigningKeys = 32

// NewKeySet makes a set of one new key, which signs at once.
func NewKeySet(a Algorithm, now time.Time) (*KeySet, error) {
	key, err := newSigningKey(a, now)
	if err != nil {
		return nil, err
	}
	return newKeySet([]signingKey{key}), nil
}

func newKeySet(keys []signingKey) *KeySet {
	k := new(KeySet)
	k.keys.Store(&keys)
	return k
}

// Rotated is a set with a new key that signs from now+lead on, and without the
// keys that verify no living token. The receiver stays as it is: store the new
// set first, then [KeySet.Replace] the one in use, so that no token is signed with
// a key that a crash would lose. Where several services share the set, lead is
// the time in which all of them hear of it.
func (k *KeySet) Rotated(a Algorithm, now time.Time, lead time.Duration) (*KeySet, error) {
	next, err := newSigningKey(a, now.Add(max(lead, 0)))
	if err != nil {
		return nil, err
	}
	keys := append(k.living(now), next)
	if len(keys) > MaxSigningKeys {
		return nil, fmt.Errorf("%d signing keys that still verify: wait until the oldest has expired", len(keys)-1)
	}
	sortKeys(keys)
	return newKeySet(keys), nil
}

// Living is a set without the keys that verify no living token, and whether there
// were any. The receiver stays as it is.
func (k *KeySet) Living(now time.Time) (*KeySet, bool) {
	keys := k.living(now)
	return newKeySet(keys), len(keys) < len(k.load())
}

func (k *KeySet) living(now time.Time) (keys []signingKey) {
	all := k.load()
	for i, key := range all {
		if verifies(all, i, now) {
			keys = append(keys, key)
		}
	}
	return keys
}

// Replace puts the keys of another set in place of the present ones, as a whole.
func (k *KeySet) Replace(other *KeySet) { k.keys.Store(other.keys.Load()) }

// Newest is when the last key begins to sign, or began to: from it a caller
// knows whether a rotation is due.
func (k *KeySet) Newest() time.Time {
	keys := k.load()
	return keys[len(keys)-1].from
}

// A SigningKey tells of one key of a set, and nothing of what it consists of.
type SigningKey struct {
	// ID is the kid of tokens signed with it.
	ID string
	// Algorithm is the one it signs with.
	Algorithm Algorithm
	// From is when it begins to sign, or began to.
	From time.Time
	// Until is when it ceases to verify, zero while it has no successor.
	Until time.Time
}

// List tells of the keys that verify, or will, in the order in which they sign.
func (k *KeySet) List(now time.Time) []SigningKey {
	keys := k.load()
	var all []SigningKey
	for i, key := range keys {
		if !verifies(keys, i, now) {
			continue
		}
		one := SigningKey{ID: key.id, Algorithm: key.algorithm, From: key.from}
		if i+1 < len(keys) {
			one.Until = keys[i+1].from.Add(MaxLifetime + grace)
		}
		all = append(all, one)
	}
	return all
}

func (k *KeySet) load() []signingKey { return *k.keys.Load() }

// signer is the key that signs at this time.
func (k *KeySet) signer(now time.Time) *signingKey {
	keys := k.load()
	for i := len(keys) - 1; i > 0; i-- {
		if !keys[i].from.After(now) {
			return &keys[i]
		}
	}
	return &keys[0]
}

// find is the key with this id, nil if there is none or if it has had its time.
func (k *KeySet) find(id string, now time.Time) *signingKey {
	keys := k.load()
	for i := range keys {
		if keys[i].id == id && verifies(keys, i, now) {
			return &keys[i]
		}
	}
	return nil
}

func (k *KeySet) verifies(i int, now time.Time) bool { return verifies(k.load(), i, now) }

// verifies says whether tokens signed with the i-th key can still live.
func verifies(keys []signingKey, i int, now time.Time) bool {
	return i == len(keys)-1 || now.Before(keys[i+1].from.Add(MaxLifetime+grace))
}

// JWKS is the set as others verify with it: a JWK set (RFC 7517 §5) in JSON,
// public parts only.
func (k *KeySet) JWKS(now time.Time) []byte {
	set := jwkSet{Keys: []jwk{}}
	for i, key := range k.load() {
		if k.verifies(i, now) {
			set.Keys = append(set.Keys, key.published)
		}
	}
	b, err := json.Marshal(set)
	if err != nil {
		panic(err) // strings alone
	}
	return b
}

func newSigningKey(a Algorithm, from time.Time) (signingKey, error) {
	var private crypto.Signer
	var err error
	switch a {
	case ES256:
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case EdDSA:
		_, private, err = ed25519.GenerateKey(rand.Reader)
	default:
		err = fmt.Errorf("algorithm %q: want %s or %s", a, ES256, EdDSA)
	}
	if err != nil {
		return signingKey{}, err
	}
	return makeSigningKey(private, from)
}

// makeSigningKey names a private key after its public one.
func makeSigningKey(private crypto.Signer, from time.Time) (signingKey, error) {
	k := signingKey{from: from.Truncate(time.Second), private: private}
	switch p := private.Public().(type) {
	case *ecdsa.PublicKey:
		point, err := p.Bytes()
		if err != nil || p.Curve != elliptic.P256() {
			return k, errKey
		}
		k.algorithm = ES256
		k.published = jwk{Type: "EC", Curve: "P-256", X: strict.EncodeToString(point[1:33]), Y: strict.EncodeToString(point[33:])}
	case ed25519.PublicKey:
		k.algorithm = EdDSA
		k.published = jwk{Type: "OKP", Curve: "Ed25519", X: strict.EncodeToString(p)}
	default:
		return k, errKey
	}
	k.id = k.published.thumbprint()
	k.published.ID, k.published.Use, k.published.Algorithm = k.id, "sig", string(k.algorithm)
	k.public = publicKey{key: private.Public(), algorithms: []string{string(k.algorithm)}}
	return k, nil
}

// thumbprint is the hash of the members that a key consists of (RFC 7638 §3,
// RFC 8037 §2), in alphabetical order.
func (j *jwk) thumbprint() string {
	text := fmt.Sprintf(`{"crv":%q,"kty":%q,"x":%q}`, j.Curve, j.Type, j.X)
	if j.Y != "" {
		text = fmt.Sprintf(`{"crv":%q,"kty":%q,"x":%q,"y":%q}`, j.Curve, j.Type, j.X, j.Y)
	}
	sum := sha256.Sum256([]byte(text))
	return strict.EncodeToString(sum[:])
}

func sortKeys(keys []signingKey) {
	slices.SortStableFunc(keys, func(a, b signingKey) int { return cmp.Compare(a.from.Unix(), b.from.Unix()) })
}

// storedKey is a key in the store. Its form is only ever added to.
type storedKey struct {
	From    int64  `json:"from"` // unix seconds
	Private []byte `json:"private"`
}

type storedKeys struct {
	Keys []storedKey `json:"keys"`
}

// Marshal gives the set with its private keys (PKCS #8) as JSON, for the store
// and for nothing else.
func (k *KeySet) Marshal() ([]byte, error) {
	var s storedKeys
	for _, key := range k.load() {
		der, err := x509.MarshalPKCS8PrivateKey(key.private)
		if err != nil {
			return nil, fmt.Errorf("signing key %s: %w", key.id, err)
		}
		s.Keys = append(s.Keys, storedKey{From: key.from.Unix(), Private: der})
	}
	return json.Marshal(s)
}

// ParseKeySet reads what [KeySet.Marshal] wrote. No error contains a key.
func ParseKeySet(b []byte) (*KeySet, error) {
	var s storedKeys
	if json.Unmarshal(b, &s) != nil {
		return nil, errors.New("signing keys are not readable")
	}
	if len(s.Keys) == 0 || len(s.Keys) > MaxSigningKeys {
		return nil, fmt.Errorf("%d signing keys: want 1 to %d", len(s.Keys), MaxSigningKeys)
	}
	var keys []signingKey
	for i, stored := range s.Keys {
		private, err := x509.ParsePKCS8PrivateKey(stored.Private)
		signer, ok := private.(crypto.Signer)
		if err != nil || !ok {
			return nil, fmt.Errorf("signing key %d is not readable", i+1)
		}
		key, err := makeSigningKey(signer, time.Unix(stored.From, 0))
		if err != nil {
			return nil, fmt.Errorf("signing key %d is neither %s nor %s", i+1, ES256, EdDSA)
		}
		keys = append(keys, key)
	}
	sortKeys(keys)
	return newKeySet(keys), nil
}
