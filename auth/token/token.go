// Package token mints and verifies user access tokens: signed JWTs (RFC 7519) in
// the compact serialisation (RFC 7515 §7.1).
//
// A [Minter] makes the service's own tokens with a [KeySet]; a [Verifier]
// recognises these and, by the key sets they publish, those of other issuers
// (OpenID Connect providers such as Keycloak, Auth0 or Entra ID). What it found is
// a [Verified], from which an auth.Grant is made.
//
// The signatures are those of golang-jwt; which key and which algorithm a token
// may name, and what its claims have to be, is decided here: strictly, since
// whoever gets a token past this package gets to use the relay.
package token

import (
	"time"

	"turnout/auth"
)

const (
	// MaxToken is the longest token that is read, in bytes. HTTP servers bound
	// headers in the same order of size.
	MaxToken = 8 << 10
	// MaxLifetime is the longest that an own token lives.
	MaxLifetime = 24 * time.Hour
	// ReservedPrefix begins the subjects of the service's own users, and of
	// nobody else's.
	ReservedPrefix = "8:acs:"
)

// Verified is what a valid token says.
type Verified struct {
	// Subject is the user: "8:acs:…" for an own token, `prefix:subject` for one of
	// another issuer.
	Subject string
	// Scopes are what the token is for, in the token's order.
	Scopes []string
	// Class is the quota class, empty for the default one.
	Class string
	// Bandwidth is what a foreign token grants in bits/s, 0 if it says nothing of it: what
	// the class has.
	Bandwidth int64
	// Issued is the time of issue that revocations are compared with: to the
	// millisecond for an own token, to the second for a foreign one, zero where
	// that does not say.
	Issued time.Time
	// Expires is the end of the token, in whole seconds for an own one.
	Expires time.Time
	// Generation is how many times the user's tokens had been revoked, plus 1,
	// when an own token was minted. 0 for a foreign one.
	Generation uint64
	// Own says that the service minted the token itself.
	Own bool
	// Issuer is the issuer as the token names it.
	Issuer string
	// ID is the token's own name (jti), empty where it has none.
	ID string
}

// Grant is what a relay credential is issued for. It carries the token's time of
// issue, not the present: a credential made of a token that is being revoked must
// not look younger than the revocation.
func (v Verified) Grant() auth.Grant {
	return auth.Grant{Subject: v.Subject, Class: v.Class, Bandwidth: v.Bandwidth, Issued: v.Issued, Expires: v.Expires}
}
