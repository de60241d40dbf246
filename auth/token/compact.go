package token

import (
	"encoding/base64"
	"fmt"
	"strings"
)

// A compact is a token taken apart (RFC 7515 §7.1), of which nothing is proven yet.
type compact struct {
	algorithm string
	key       string // kid
	claims    object
	signed    string // header and claims, as they are signed
	signature []byte
}

// parseCompact reads the form of a token and the members of its header that count.
func parseCompact(token string) (compact, error) {
	if len(token) > MaxToken {
		return compact{}, fmt.Errorf("%w: longer than %d bytes", ErrMalformed, MaxToken)
	}
	first := strings.IndexByte(token, '.')
	last := strings.LastIndexByte(token, '.')
	if first < 0 || first == last || strings.Contains(token[first+1:last], ".") {
		return compact{}, fmt.Errorf("%w: not three parts", ErrMalformed)
	}
	header, err := decodeObject(token[:first])
	if err != nil {
		return compact{}, fmt.Errorf("header: %w", err)
	}
	c := compact{signed: token[:last]}
	if err := c.readHeader(header); err != nil {
		return compact{}, err
	}
	if c.claims, err = decodeObject(token[first+1 : last]); err != nil {
		return compact{}, fmt.Errorf("claims: %w", err)
	}
	c.signature, err = decodePart(token[last+1:])
	return c, err
}

func (c *compact) readHeader(h object) error {
	// An extension that must be understood (RFC 7515 §4.1.11): there is none that is.
	if _, ok := h.raw("crit"); ok {
		return fmt.Errorf("%w: crit names an extension", ErrMalformed)
	}
	typ, err := h.text("typ")
	if err != nil {
		return err
	}
	// Other kinds of token that an issuer signs with the same keys are no access
	// tokens (RFC 8725 §3.11, RFC 9068 §2.1).
	switch strings.TrimPrefix(strings.ToLower(typ), "application/") {
	case "", "jwt", "at+jwt":
	default:
		return fmt.Errorf("%w: its type is no access token", ErrMalformed)
	}
	if c.algorithm, err = h.text("alg"); err != nil {
		return err
	}
	if c.key, err = h.text("kid"); err != nil {
		return err
	}
	if c.algorithm == "" || c.key == "" {
		return fmt.Errorf("%w: the header names no algorithm or no key", ErrMalformed)
	}
	return nil
}

func decodeObject(part string) (object, error) {
	b, err := decodePart(part)
	if err != nil {
		return nil, err
	}
	return parseObject(b)
}

// strict refuses bits that decoding would ignore: a token has one spelling.
var strict = base64.RawURLEncoding.Strict()

func decodePart(part string) ([]byte, error) {
	// Package base64 skips line ends.
	if strings.ContainsAny(part, "\r\n") {
		return nil, fmt.Errorf("%w: not base64url", ErrMalformed)
	}
	b, err := strict.DecodeString(part)
	if err != nil {
		return nil, fmt.Errorf("%w: not base64url", ErrMalformed)
	}
	return b, nil
}
