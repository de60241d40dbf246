package auth

import (
	"errors"
	"fmt"
	"time"
	"unicode/utf8"
)

// A Signed is a request whose integrity can be checked against a candidate key.
// The relay passes a pointer, so that nothing is allocated. CheckIntegrity must
// compare in constant time and must not keep or change the key; any error
// means that the key does not fit.
type Signed interface{ CheckIntegrity(key []byte) error }

// A VerifierConfig says whom a [Verifier] admits. Printed or logged it shows no
// password.
type VerifierConfig struct {
	// Realm of the long-term credential mechanism, the text of the REALM
	// attribute: required, at most 127 characters (RFC 8489 §14.9).
	Realm string
	// Keyring whose secrets make derived credentials. If nil, there are none.
	// Its replacements take effect at once.
	Keyring *Keyring
	// Users are the static users: name to password. A name may not look like a
	// derived credential, that is begin with a number that ends the name or
	// stands before a colon: "1700000000" and "12:bob" are refused.
	Users map[string]string
	// ThirdParty admits the holders of access tokens (RFC 7635). If nil, there are none.
	ThirdParty *ThirdParty
	// MaxTTL refuses derived credentials that expire later than now+MaxTTL. If
	// zero, no limit.
	MaxTTL time.Duration
	// Revoked is asked last, on every verification that is right otherwise.
	// issued is zero where it is not known; for a static user subject and
	// username are its name, and issued and expires are zero. The slices are
	// only valid during the call. It is called by all workers at once. If nil,
	// nothing is revoked.
	Revoked func(subject []byte, username []byte, issued time.Time, expires time.Time) bool
}

// A Verifier recognises static users and credentials derived from a keyring. It
// is immutable and shared by all workers.
//
// A username that is not exactly a static user's is read as a derived one. Where
// it ends in a suffix with a right mac, the suffix names the secret, the class
// and the time of issue. Otherwise the suffix is a part of the subject, and every
// secret of the keyring is tried, at most [MaxKeys].
type Verifier struct {
	realm      string
	keyring    *Keyring
	users      users
	thirdParty *ThirdParty
	maxTTL     time.Duration
	revoked    func(subject, username []byte, issued, expires time.Time) bool
}

// Verified is the outcome of a verification. Its slices are valid until the next
// call with the same [VerifierState], and are not to be written to.
type Verified struct {
	Key     []byte // long-term key, 16 or 32 bytes: for the integrity of the answer
	Subject []byte // who; for a static user its name, for a bare expiry empty
	Class   []byte // quota class; nil: the default one
	// Bandwidth is the credential's own, in bits/s, in place of the class's; 0: it has none.
	Bandwidth int64
	// Issued and Expires are zero where they are not known: without a suffix,
	// and for static users.
	Issued, Expires time.Time
	// Charged says that the credential counts against the quota per user: it is
	// derived and names a subject, or is an access token's.
	Charged bool
	// ThirdParty says that it is an access token's (RFC 7635): what it is used for
	// may not outlive Expires. Holder then tells clients apart, who share one
	// USERNAME: a hash of the mac_key.
	ThirdParty bool
	Holder     [16]byte
}

// NewVerifier checks c and derives the keys of the static users; passwords are
// not kept. The error tells all that is wrong at once, and no password.
func NewVerifier(c VerifierConfig) (*Verifier, error) {
	var errs []error
	if err := checkRealm(c.Realm); err != nil {
		errs = append(errs, fmt.Errorf("realm %q: %w", c.Realm, err))
	}
	if c.MaxTTL < 0 {
		errs = append(errs, fmt.Errorf("max ttl %v is negative", c.MaxTTL))
	}
	users, err := newUsers(c.Users, c.Realm)
	if err := errors.Join(append(errs, err)...); err != nil {
		return nil, err
	}
	return &Verifier{
		realm:      c.Realm,
		keyring:    c.Keyring,
		users:      users,
		thirdParty: c.ThirdParty,
		maxTTL:     c.MaxTTL,
		revoked:    c.Revoked,
	}, nil
}

// ServerName is the value of THIRD-PARTY-AUTHORIZATION (RFC 7635 §6.1); "" where no
// access tokens are admitted.
func (v *Verifier) ServerName() string { return v.thirdParty.ServerName() }

// checkRealm says what is wrong with a realm (RFC 8489 §14.9). A backslash would
// begin a quoted-pair, which clients unquote or do not.
func checkRealm(realm string) error {
	if err := checkOpaque(realm); err != nil {
		return err
	}
	if utf8.RuneCountInString(realm) > 127 {
		return errors.New("is longer than 127 characters")
	}
	for i := range len(realm) {
		if realm[i] == '\\' {
			return errors.New("contains a backslash")
		}
	}
	return nil
}

// Revoked asks VerifierConfig.Revoked, for what was verified some time ago.
func (v *Verifier) Revoked(subject, username []byte, issued, expires time.Time) bool {
	return v.revoked != nil && v.revoked(subject, username, issued, expires)
}

// Verify finds the key of username that m was signed with. The username is that
// of the USERNAME attribute, or what [Verifier.Username] found for a USERHASH; a
// is the algorithm the request was made with, [MD5] where it names none (RFC
// 8489 §9.2.4). The error is, or matches, one of the sentinels of this package.
//
// Time and revocation are looked at after the integrity, so that who does not
// hold the password learns nothing of them. A state that has seen the user
// before makes this one integrity check; nothing is allocated.
func (v *Verifier) Verify(st *VerifierState, m Signed, username []byte, a Algorithm, now time.Time) (Verified, error) {
	if a != MD5 && a != SHA256 {
		return Verified{}, fmt.Errorf("%w: unknown %v", ErrIntegrity, a)
	}
	username = TrimNUL(username)
	if len(username) == 0 || len(username) > maxParsed {
		return Verified{}, ErrUsername
	}
	st.username = append(st.username[:0], username...)
	if u := v.users.named(st.username); u != nil {
		return v.verifyStatic(st, m, u, a)
	}
	return v.verifyDerived(st, m, a, now)
}

func (v *Verifier) verifyStatic(st *VerifierState, m Signed, u *user, a Algorithm) (Verified, error) {
	st.key = append(st.key[:0], u.key(a)...)
	if m.CheckIntegrity(st.key) != nil {
		return Verified{}, ErrIntegrity
	}
	if v.revoked != nil && v.revoked(st.username, st.username, time.Time{}, time.Time{}) {
		return Verified{}, ErrRevoked
	}
	return Verified{Key: st.key, Subject: st.username}, nil
}

func (v *Verifier) verifyDerived(st *VerifierState, m Signed, a Algorithm, now time.Time) (Verified, error) {
	st.attach(v)
	cached := st.cache.find(st.username, a)
	if cached == nil && !plausible(st.username) {
		return Verified{}, ErrUsername
	}
	p, ok := parseName(st.username)
	if !ok || st.ring == nil {
		return Verified{}, ErrUnknownUser
	}
	authentic, hit := false, false
	if cached != nil {
		st.key = append(st.key[:0], cached.key[:cached.keySize]...)
		authentic = cached.authentic
		hit = m.CheckIntegrity(st.key) == nil
	}
	if !hit {
		if authentic, ok = st.search(m, &p, a); !ok {
			return Verified{}, ErrIntegrity
		}
	}
	r := Verified{Key: st.key, Subject: p.subjectOf(authentic), Expires: p.expires}
	if authentic {
		r.Class, r.Bandwidth, r.Issued = p.suffix.classOf(), p.suffix.bandwidth, p.suffix.issuedAt()
	}
	r.Charged = len(r.Subject) > 0
	if err := v.admit(&r, st.username, now); err != nil {
		return Verified{}, err
	}
	if !hit {
		st.cache.add(st.username, a, st.key, authentic)
	}
	return r, nil
}

// admit decides on a credential whose integrity is right.
func (v *Verifier) admit(r *Verified, username []byte, now time.Time) error {
	if !now.Before(r.Expires) {
		return ErrExpired
	}
	if v.maxTTL > 0 && r.Expires.After(now.Add(v.maxTTL)) {
		return ErrLifetime
	}
	if v.revoked != nil && v.revoked(r.Subject, username, r.Issued, r.Expires) {
		return ErrRevoked
	}
	return nil
}
