package token

import (
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Claims are what an own token is minted for.
type Claims struct {
	// Subject is the id of one of our own users: it begins with [ReservedPrefix].
	Subject string
	// Scopes are what the token is for; none contains a comma or a space.
	Scopes []string
	// Resource is the GUID of the service, as in the subject.
	Resource string
	// Class is the quota class. If empty, the default one.
	Class string
	// Issued is the time of issue to the millisecond, strictly after the last
	// revocation of the user.
	Issued time.Time
	// Expires is the end, at most [MaxLifetime] after Issued. A fraction of a
	// second is cut off.
	Expires time.Time
	// Generation is that of the user, at least 1: a token of an earlier one is revoked.
	Generation uint64
}

// A Minter makes own tokens. Its fields are set once, before its first use; then
// it is safe for concurrent use.
type Minter struct {
	// Keys sign. Required.
	Keys *KeySet
	// Issuer and Audience are the same as VerifierConfig's. Required.
	Issuer, Audience string
}

// Mint makes a token and says when it ends, which is what its exp says, in whole
// seconds.
func (m *Minter) Mint(c Claims) (token string, expiresOn time.Time, err error) {
	if err := c.check(); err != nil {
		return "", time.Time{}, err
	}
	key := m.Keys.signer(c.Issued)
	issued := c.Issued.UnixMilli()
	claims := jwt.MapClaims{
		"iss":        m.Issuer,
		"aud":        m.Audience,
		"sub":        c.Subject,
		"skypeid":    strings.TrimPrefix(c.Subject, "8:"),
		"acsScope":   strings.Join(c.Scopes, ","),
		"resourceId": c.Resource,
		"csi":        strconv.FormatInt(issued/1000, 10),
		"iat":        issued / 1000,
		"exp":        c.Expires.Unix(),
		"jti":        rand.Text(),
		claimIssued:  issued,
		claimGen:     c.Generation,
	}
	if c.Class != "" {
		claims[claimClass] = c.Class
	}
	t := jwt.NewWithClaims(methods[string(key.algorithm)], claims)
	t.Header["kid"] = key.id
	if token, err = t.SignedString(key.private); err != nil {
		return "", time.Time{}, fmt.Errorf("sign token: %w", err)
	}
	if len(token) > MaxToken {
		return "", time.Time{}, fmt.Errorf("token of %d bytes: at most %d", len(token), MaxToken)
	}
	return token, time.Unix(c.Expires.Unix(), 0), nil
}

// Claims of our own, beside the registered ones and those that Azure's SDKs read.
const (
	claimIssued = "iat_ms" // time of issue in milliseconds; iat cannot tell a token from one revoked in the same second
	claimGen    = "gen"    // generation
	claimClass  = "class"
)

func (c *Claims) check() error {
	if !strings.HasPrefix(c.Subject, ReservedPrefix) || len(c.Subject) == len(ReservedPrefix) {
		return fmt.Errorf("%w: %q does not begin with %s", ErrSubject, c.Subject, ReservedPrefix)
	}
	if c.Generation == 0 {
		return errors.New("token without a generation")
	}
	for _, s := range c.Scopes {
		if s == "" || strings.ContainsAny(s, ", \t\r\n") {
			return fmt.Errorf("scope %q: empty, or with a comma or a space", s)
		}
	}
	if c.Class != "" && !validClass(c.Class) {
		return fmt.Errorf("class %q: want 1 to 16 of a-z, 0-9 and -", c.Class)
	}
	life := c.Expires.Sub(c.Issued)
	if c.Issued.Unix() <= 0 || life > MaxLifetime || c.Expires.Unix() <= c.Issued.Unix() {
		return fmt.Errorf("token life of %v: want a second to %v", life, MaxLifetime)
	}
	return nil
}

// validClass says whether s can be a quota class in a username: [a-z0-9-]{1,16}.
func validClass(s string) bool {
	return len(s) >= 1 && len(s) <= 16 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}
