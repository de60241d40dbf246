// Package auth makes and checks the credentials of TURN clients: time-limited
// ones derived from a keyring, static users, and the nonces of the long-term
// credential mechanism (RFC 8489 §9.2). Standard library only, no I/O.
package auth

import (
	"errors"
	"net/netip"
	"time"
)

// A Key is one secret of a keyring.
type Key struct {
	ID     string // [a-z0-9-]{1,16}
	Secret []byte
}

// A Keyring holds secrets: the first issues, all verify. Replaced atomically; safe for concurrent use.
type Keyring struct{}

func NewKeyring(keys ...Key) (*Keyring, error) { panic("skeleton") }
func (k *Keyring) Replace(keys ...Key) error   { panic("skeleton") }

// A Grant is what a credential is made for.
type Grant struct {
	Subject, Class  string
	Issued, Expires time.Time
}

// A Credential is what a TURN client takes.
type Credential struct {
	Username, Password string
	Expires            time.Time
}

// An Issuer makes credentials with the first key of its keyring.
type Issuer struct{}

func NewIssuer(k *Keyring) *Issuer                                 { panic("skeleton") }
func (i *Issuer) Issue(g Grant, now time.Time) (Credential, error) { panic("skeleton") }

// An Algorithm derives the long-term key (RFC 8489 §18.5): MD5(username:realm:password) or SHA-256 of the same.
type Algorithm uint8

const (
	MD5    Algorithm = 1
	SHA256 Algorithm = 2
)

// DeriveKey appends the long-term key to dst: 16 bytes for MD5, 32 for SHA-256.
func DeriveKey(dst []byte, a Algorithm, username, realm, password string) []byte { panic("skeleton") }

// Userhash is SHA-256(username ":" realm) (RFC 8489 §14.4).
func Userhash(username, realm string) [32]byte { panic("skeleton") }

var (
	ErrUnknownUser = errors.New("user unknown") // neither static nor derived
	ErrExpired     = errors.New("credential expired")
	ErrIntegrity   = errors.New("integrity does not match") // no key fits: wrong password or secret
	ErrRevoked     = errors.New("credential revoked")
	ErrUsername    = errors.New("username malformed")
)

// A Signed is a request whose integrity can be checked against a candidate key. (A pointer, so that nothing is allocated.)
type Signed interface{ CheckIntegrity(key []byte) error }

// VerifierConfig says whom a Verifier admits.
type VerifierConfig struct {
	Realm   string
	Keyring *Keyring                                                                        // nil: none
	Users   map[string]string                                                               // static users: name to password
	MaxTTL  time.Duration                                                                   // derived credentials that expire later than now+MaxTTL are refused; 0: no limit
	Revoked func(subject []byte, username []byte, issued time.Time, expires time.Time) bool // nil: none
}

// A Verifier is immutable and shared by all workers.
type Verifier struct{}

func NewVerifier(c VerifierConfig) (*Verifier, error) { panic("skeleton") }

// Anonymity says whether the username-anonymity bit may be set: every user can be looked up by hash.
func (v *Verifier) Anonymity() bool { panic("skeleton") }

// Username finds the static user with this USERHASH (all are compared in constant time per entry).
func (v *Verifier) Username(userhash []byte) (string, bool) { panic("skeleton") }

// VerifierState is a worker's own: HMAC states and a bounded cache of keys. The zero value works. Not safe for concurrent use.
type VerifierState struct{}

// Verified is the outcome. Its slices are valid until the next call with the same state.
type Verified struct {
	Key             []byte    // 16 or 32 bytes
	Subject         []byte    // who; for a static user its name
	Class           []byte    // quota class, nil: default
	Issued, Expires time.Time // zero: not known, never
	Charged         bool      // counts against the quota per user: derived credentials that name a subject
}

// Verify finds the key of username that m was signed with. 0 allocations once the user is in the cache.
func (v *Verifier) Verify(st *VerifierState, m Signed, username []byte, a Algorithm, now time.Time) (Verified, error) {
	panic("skeleton")
}

// Nonces makes and checks stateless nonces: cookie and feature bits (RFC 8489 §9.2), a time, and a MAC over both and
// the client's address. Safe for concurrent use; each worker passes its own NonceState.
type Nonces struct{}
type NonceState struct{}

var ErrStaleNonce = errors.New("nonce stale") // forged, of another client, or old: all the same to a client

// NonceSize is the length of every nonce in bytes.
const NonceSize = 13 + 32

func NewNonces(key [32]byte, lifetime time.Duration, anonymity bool) *Nonces { panic("skeleton") }
func (n *Nonces) Append(st *NonceState, dst []byte, client netip.AddrPort, now time.Time) []byte {
	panic("skeleton")
}
func (n *Nonces) Check(st *NonceState, nonce []byte, client netip.AddrPort, now time.Time) error {
	panic("skeleton")
}

// HasPasswordAlgorithms says whether a nonce (valid or not) has the cookie with the password-algorithms bit.
func HasPasswordAlgorithms(nonce []byte) bool { panic("skeleton") }
