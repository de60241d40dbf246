package token

import "errors"

// Errors of [Verifier.Verify], one for each reason a caller may branch on or
// count. To a client most of them are one answer, 401; [ErrScope] is 403 and
// [ErrUnavailable] 503.
var (
	// ErrMalformed: no JWT that this package reads: its form, its header, or a
	// claim of the wrong type.
	ErrMalformed = errors.New("token malformed")
	// ErrSignature: the signature does not match, its algorithm is not that of the
	// key, or there is no such key.
	ErrSignature = errors.New("token signature invalid")
	// ErrIssuer: nobody configured that issuer.
	ErrIssuer = errors.New("token issuer unknown")
	// ErrAudience: the token is meant for others.
	ErrAudience = errors.New("token audience is another")
	// ErrExpired: the token's time is up.
	ErrExpired = errors.New("token expired")
	// ErrNotYetValid: the token's time has not come (nbf, iat).
	ErrNotYetValid = errors.New("token not valid yet")
	// ErrSubject: the token names no usable subject.
	ErrSubject = errors.New("token subject not usable")
	// ErrScope: the token is right, and not for this purpose.
	ErrScope = errors.New("token scope insufficient")
	// ErrRevoked: everything is right, and VerifierConfig.Revoked said no.
	ErrRevoked = errors.New("token revoked")
	// ErrUnavailable: the keys of the issuer could not be had yet, so that
	// nothing can be said about the token.
	ErrUnavailable = errors.New("keys of the token issuer unavailable")
)
