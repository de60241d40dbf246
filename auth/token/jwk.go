package token

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
)

// A jwk is one key of a JWK set (RFC 7517 §4): of ours as it is published, of
// others' as it is read. There is no field for a private part.
type jwk struct {
	Type       string   `json:"kty"`
	Use        string   `json:"use,omitempty"`
	Operations []string `json:"key_ops,omitempty"`
	Algorithm  string   `json:"alg,omitempty"`
	ID         string   `json:"kid,omitempty"`
	Curve      string   `json:"crv,omitempty"`
	X          string   `json:"x,omitempty"`
	Y          string   `json:"y,omitempty"`
	N          string   `json:"n,omitempty"`
	E          string   `json:"e,omitempty"`
}

type jwkSet struct {
	Keys []jwk `json:"keys"`
}

const (
	maxSetKeys = 256  // of one issuer; what is more is not read
	minRSABits = 2048 // RFC 7518 §3.3
	maxRSABits = 8192 // verifying costs the square of it
)

// publicKeys are the keys of a set by kid. Two keys of different types may share one.
type publicKeys map[string][]publicKey

// find is the key that c names and whose type fits its algorithm.
func (p publicKeys) find(c *compact) *publicKey {
	keys := p[c.key]
	for i := range keys {
		if slices.Contains(keys[i].algorithms, c.algorithm) {
			return &keys[i]
		}
	}
	return nil
}

// parseJWKS reads a JWK set. Keys of a kind that this package does not verify
// with are left out (RFC 7517 §5); no key at all is an error.
func parseJWKS(b []byte) (publicKeys, error) {
	var raw struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(b, &raw); err != nil {
		return nil, fmt.Errorf("no JWK set: %w", err)
	}
	keys := publicKeys{}
	for _, text := range raw.Keys[:min(len(raw.Keys), maxSetKeys)] {
		var j jwk
		if json.Unmarshal(text, &j) != nil {
			continue
		}
		k, err := j.public()
		if err != nil {
			continue
		}
		keys[j.ID] = append(keys[j.ID], k)
	}
	if len(keys) == 0 {
		return nil, errors.New("no usable key in the JWK set")
	}
	return keys, nil
}

var errKey = errors.New("key not usable")

// public makes the key that tokens are verified with.
func (j *jwk) public() (publicKey, error) {
	if j.ID == "" || j.Use != "" && j.Use != "sig" ||
		len(j.Operations) > 0 && !slices.Contains(j.Operations, "verify") {
		return publicKey{}, errKey
	}
	var key any
	var err error
	switch j.Type {
	case "RSA":
		key, err = j.rsa()
	case "EC":
		key, err = j.ecdsa()
	case "OKP":
		key, err = j.ed25519()
	default:
		err = errKey
	}
	if err != nil {
		return publicKey{}, err
	}
	k := publicKey{key: key, algorithms: algorithmsOf(key)}
	if j.Algorithm != "" {
		if !slices.Contains(k.algorithms, j.Algorithm) {
			return publicKey{}, errKey
		}
		k.algorithms = []string{j.Algorithm}
	}
	return k, nil
}

func (j *jwk) rsa() (any, error) {
	n, err := decodeNumber(j.N)
	if err != nil || n.BitLen() < minRSABits || n.BitLen() > maxRSABits {
		return nil, errKey
	}
	e, err := decodeNumber(j.E)
	if err != nil || e.BitLen() > 31 || e.Bit(0) == 0 || e.Int64() < 3 {
		return nil, errKey
	}
	return &rsa.PublicKey{N: n, E: int(e.Int64())}, nil
}

func (j *jwk) ecdsa() (any, error) {
	curve, ok := map[string]elliptic.Curve{
		"P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521(),
	}[j.Curve]
	if !ok {
		return nil, errKey
	}
	x, err := decodeNumber(j.X)
	if err != nil {
		return nil, err
	}
	y, err := decodeNumber(j.Y)
	if err != nil {
		return nil, err
	}
	size := (curve.Params().BitSize + 7) / 8
	if x.BitLen() > size*8 || y.BitLen() > size*8 {
		return nil, errKey
	}
	point := make([]byte, 1+2*size)
	point[0] = 4 // uncompressed
	x.FillBytes(point[1 : 1+size])
	y.FillBytes(point[1+size:])
	return ecdsa.ParseUncompressedPublicKey(curve, point) // checks that it is on the curve
}

func (j *jwk) ed25519() (any, error) {
	x, err := decodeBase64(j.X)
	if err != nil || j.Curve != "Ed25519" || len(x) != ed25519.PublicKeySize {
		return nil, errKey
	}
	return ed25519.PublicKey(x), nil
}

func decodeNumber(s string) (*big.Int, error) {
	b, err := decodeBase64(s)
	if err != nil || len(b) == 0 {
		return nil, errKey
	}
	return new(big.Int).SetBytes(b), nil
}

// decodeBase64 takes the padding that some publishers add.
func decodeBase64(s string) ([]byte, error) {
	return base64.RawURLEncoding.DecodeString(strings.TrimRight(s, "="))
}
