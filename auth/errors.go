package auth

import "errors"

// Errors of [Verifier.Verify], one for each reason a metric may want to count.
// To the client all of them are one answer, 401: which one it was must not
// leave the server.
var (
	// ErrUnknownUser: neither a static user nor of the form of a derived
	// credential, or there is no keyring to check one with.
	ErrUnknownUser = errors.New("user unknown")
	// ErrIntegrity: no key fits, so the password or the secret it came from is wrong.
	ErrIntegrity = errors.New("integrity does not match")
	// ErrExpired: the integrity is right and the time is up. [Issuer.Issue]
	// returns it for a grant that has ended already.
	ErrExpired = errors.New("credential expired")
	// ErrLifetime: the integrity is right, but the credential ends later than
	// VerifierConfig.MaxTTL from now.
	ErrLifetime = errors.New("credential lives longer than allowed")
	// ErrRevoked: everything is right, and VerifierConfig.Revoked said no.
	ErrRevoked = errors.New("credential revoked")
	// ErrUsername: no username at all: empty, longer than 763 bytes, not
	// UTF-8, or with control characters.
	ErrUsername = errors.New("username malformed")
)

// ErrSubject is what [Issuer.Issue] returns for a subject that cannot stand in a
// username. The wrapping error says why.
var ErrSubject = errors.New("subject not usable in a username")

// ErrStaleNonce is the only error of [Nonces.Check]: a nonce that is forged, of
// another client or too old is all the same to a client, which takes the new
// nonce of the 438 answer (RFC 8489 §9.2.4).
var ErrStaleNonce = errors.New("nonce stale")
