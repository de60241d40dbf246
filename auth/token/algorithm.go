package token

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"slices"

	"github.com/golang-jwt/jwt/v5"
)

// An Algorithm is a signature algorithm of own tokens, by its name in RFC 7518
// and RFC 8037.
type Algorithm string

const (
	// ES256 is ECDSA on P-256 with SHA-256, which every JWT library verifies.
	ES256 Algorithm = "ES256"
	// EdDSA is Ed25519: no randomness in signing.
	EdDSA Algorithm = "EdDSA"
)

// methods are the algorithms that are ever verified. The key decides which of
// them a token may name, never the token: neither "none" nor an HMAC, for which a
// published key would be the secret, is among them.
var methods = map[string]jwt.SigningMethod{
	"RS256": jwt.SigningMethodRS256, "RS384": jwt.SigningMethodRS384, "RS512": jwt.SigningMethodRS512,
	"PS256": jwt.SigningMethodPS256, "PS384": jwt.SigningMethodPS384, "PS512": jwt.SigningMethodPS512,
	"ES256": jwt.SigningMethodES256, "ES384": jwt.SigningMethodES384, "ES512": jwt.SigningMethodES512,
	"EdDSA": jwt.SigningMethodEdDSA,
}

var rsaAlgorithms = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}

// algorithmsOf are those that fit a public key (RFC 7518 §3.3 to §3.5, RFC 8037 §3.1).
func algorithmsOf(public any) []string {
	switch k := public.(type) {
	case *rsa.PublicKey:
		return rsaAlgorithms
	case *ecdsa.PublicKey:
		switch k.Curve {
		case elliptic.P256():
			return []string{"ES256"}
		case elliptic.P384():
			return []string{"ES384"}
		case elliptic.P521():
			return []string{"ES512"}
		}
	case ed25519.PublicKey:
		return []string{"EdDSA"}
	}
	return nil
}

// A publicKey verifies with one algorithm, or with those of its type where its
// publisher named none.
type publicKey struct {
	key        any
	algorithms []string
}

// verify checks the signature of c.
func (k *publicKey) verify(c *compact) error {
	method, ok := methods[c.algorithm]
	if !ok || !slices.Contains(k.algorithms, c.algorithm) {
		return ErrSignature
	}
	if method.Verify(c.signed, c.signature, k.key) != nil {
		return ErrSignature
	}
	return nil
}
