// Package auth makes and checks the credentials of TURN clients.
//
// An [Issuer] makes time-limited credentials out of the secrets of a [Keyring];
// a [Verifier] recognises them without a look-up, since the password can be
// computed from the username and the secret alone. Static users may stand
// beside the keyring, and the holders of access tokens that an authorization
// server made (RFC 7635, [ThirdParty]). [Nonces] are the stateless nonces of the
// long-term credential mechanism (RFC 8489 §9.2), [Tickets] those of mobility
// (RFC 8016).
//
// A username is
//
//	<unix expiry>:<subject>:~1.<key id>.<class>.<issued, unix ms>.<mac>
//
// and its password base64(HMAC-SHA1(secret, username)). The part from ":~1." on
// is the suffix of credentials that this package issued; those that grant a
// bandwidth have it behind the time of issue, and ":~2." in place of ":~1.". Other
// services that hold the secret make usernames without a suffix. See [Issuer] and [Verifier] for
// what each of them admits.
//
// The package imports the standard library only, does no I/O and reads no
// clock: callers pass now. A Keyring, an Issuer, a Verifier and Nonces are safe
// for concurrent use; a [VerifierState] and a [NonceState] belong to one
// goroutine each, and with a warm state nothing is allocated per request.
package auth
