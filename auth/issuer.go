package auth

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// A Grant is what a credential is made for: usually the contents of a user
// access token, with a shorter life.
type Grant struct {
	// Subject is who may use the credential: quotas, revocation and logs go by
	// it. It may contain colons. If empty, a random one is made, and the
	// credential is no one's.
	Subject string
	// Class names a quota class, [a-z0-9-]{1,16}. If empty, [DefaultClass].
	Class string
	// Bandwidth is what the subject's allocations may relay together, both ways, in bits
	// of payload a second, at most [MaxBandwidth]. If zero, what the class has.
	Bandwidth int64
	// Issued is the time of issue that a revocation is compared with, to the
	// millisecond. If zero, now.
	Issued time.Time
	// Expires is when the grant ends: no credential outlives it. Required.
	Expires time.Time
}

// MaxBandwidth is the most that a grant can carry, in bits/s: more than any relay has.
const MaxBandwidth = 1e12

// A Credential is what a TURN client takes. Printed or logged it shows its
// username only.
type Credential struct {
	Username string
	Password string    // base64(HMAC-SHA1(secret, username)), 28 bytes
	Expires  time.Time // whole seconds
}

// An Issuer makes credentials with the first key of its keyring. It is safe for
// concurrent use.
type Issuer struct {
	keyring *Keyring
}

// NewIssuer makes an issuer. It follows the keyring's replacements.
func NewIssuer(k *Keyring) *Issuer { return &Issuer{keyring: k} }

// Issue makes a credential that ends at the last whole second not after
// g.Expires. The error matches [ErrExpired] where that is not after now, and
// [ErrSubject] where g.Subject cannot stand in a username: too long (the username
// would exceed [MaxUsername] bytes), not UTF-8, with control characters or
// double quotes, or with a code point that the OpaqueString profile of RFC 8265
// might change.
func (i *Issuer) Issue(g Grant, now time.Time) (Credential, error) {
	r := i.keyring.load()
	if r == nil {
		return Credential{}, errors.New("no key to issue with")
	}
	if err := g.complete(now); err != nil {
		return Credential{}, err
	}
	key := &r.keys[0]
	username := make([]byte, 0, MaxUsername)
	username = strconv.AppendInt(username, g.Expires.Unix(), 10)
	username = append(username, ':')
	username = append(username, g.Subject...)
	username = appendSuffix(username, key.id, &g)
	if over := len(username) + macSize - MaxUsername; over > 0 {
		return Credential{}, fmt.Errorf("%w: is %d bytes too long", ErrSubject, over)
	}
	var scratch [sha256.Size]byte
	username = appendMAC(username, hmac.New(sha256.New, key.suffix), username, scratch[:])
	return Credential{
		Username: string(username),
		Password: password(key.secret, username),
		Expires:  time.Unix(g.Expires.Unix(), 0),
	}, nil
}

// complete fills in what may be left out of a grant and says what is wrong with it.
func (g *Grant) complete(now time.Time) error {
	if g.Issued.IsZero() {
		g.Issued = now
	}
	if g.Class != "" && !validWord(g.Class) {
		return fmt.Errorf("class %q: want 1 to 16 of a-z, 0-9 and -", g.Class)
	}
	if g.Bandwidth < 0 || g.Bandwidth > MaxBandwidth {
		return fmt.Errorf("bandwidth of %d bits/s: want 0 to %d", g.Bandwidth, int64(MaxBandwidth))
	}
	if g.Subject == "" {
		g.Subject = rand.Text()
	}
	if err := checkOpaque(g.Subject); err != nil {
		return fmt.Errorf("%w: %w", ErrSubject, err)
	}
	if !time.Unix(g.Expires.Unix(), 0).After(now) {
		return ErrExpired
	}
	if !inRange(g.Expires.Unix()) || !inRange(g.Issued.UnixMilli()) {
		return errors.New("time of a grant out of range")
	}
	return nil
}

// inRange says whether t is written with at most maxDigits digits and no sign.
func inRange(t int64) bool { return t >= 0 && t < 1e15 }

// password is what proves a username: base64(HMAC-SHA1(secret, username)), the
// rule of draft-uberti-behave-turn-rest-00.
func password(secret, username []byte) string {
	h := hmac.New(sha1.New, secret)
	h.Write(username)
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}
