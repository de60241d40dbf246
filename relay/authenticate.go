package relay

import (
	"bytes"
	"crypto/sha256"
	"errors"

	"turnout/auth"
	"turnout/stun"
)

// passwordAlgorithms is the value of PASSWORD-ALGORITHMS that every challenge
// carries, the preferred one first; requests must echo it byte for byte.
var passwordAlgorithms = stun.AppendPasswordAlgorithms(nil, stun.PasswordSHA256, stun.PasswordMD5)

// authenticate checks a request by the long-term credential mechanism, in the
// order of RFC 8489 §9.2.4.
func (r *request) authenticate() error {
	if r.msg.Integrity() == stun.IntegrityNone {
		return errUnauthenticated
	}
	nonce, ok := r.msg.Attribute(stun.AttrNonce)
	if !ok {
		return errBadRequest
	}
	nonceErr := r.nonces.Check(&r.nonceState, nonce, r.from.tuple.Client, r.wall)
	r.nonceValid = nonceErr == nil
	realm, ok := r.msg.Attribute(stun.AttrRealm)
	if !ok || !r.msg.Has(stun.AttrUsername) && !r.msg.Has(stun.AttrUserhash) {
		return errBadRequest
	}
	algorithm, err := r.algorithm(nonce)
	if err != nil {
		return err
	}
	if !r.findUsername() || string(realm) != r.realm {
		return errUnauthenticated
	}
	if err := r.verify(algorithm); err != nil {
		return err
	}
	if nonceErr != nil {
		return errStaleNonce
	}
	r.authenticated = true
	return nil
}

// algorithm is the password algorithm that a request names, and decides how its
// answer is signed. RFC 8489 §9.2.4: neither attribute stands for MD5; else both
// must be there, and PASSWORD-ALGORITHMS be what this server sent, or somebody
// between has bidden it down. That is asked only where the nonce says that it was
// sent; no such nonce is valid here, but its client is to learn that it is stale.
func (r *request) algorithm(nonce []byte) (auth.Algorithm, error) {
	list, hasList := r.msg.Attribute(stun.AttrPasswordAlgorithms)
	chosen, err := r.msg.PasswordAlgorithm()
	if !hasList && err == stun.ErrAbsent {
		r.integrity = stun.IntegritySHA1
		return auth.MD5, nil
	}
	r.integrity = stun.IntegritySHA256
	if auth.HasPasswordAlgorithms(nonce) && (err != nil || !bytes.Equal(list, passwordAlgorithms)) {
		return 0, errBadRequest
	}
	switch {
	case err == nil && chosen == stun.PasswordSHA256:
		return auth.SHA256, nil
	case err == stun.ErrAbsent, err == nil && chosen == stun.PasswordMD5:
		return auth.MD5, nil
	}
	return 0, errBadRequest
}

// findUsername sets the username of USERNAME or, of a static user, of USERHASH.
func (r *request) findUsername() bool {
	if name, ok := r.msg.Attribute(stun.AttrUsername); ok {
		r.username = name
	} else {
		hash, _ := r.msg.Attribute(stun.AttrUserhash)
		name, ok := r.verifier.Username(hash)
		if !ok {
			return false
		}
		r.username = append(r.usernameSpace[:0], name...)
	}
	r.owner = ownerOf(r.username)
	return true
}

// verify finds the key that the request is signed with: for the owner of an
// allocation the key it was made with, so that a long call survives the end of
// its credential (auth.expiry: allocate), else the verifier's.
func (r *request) verify(algorithm auth.Algorithm) error {
	if a := r.allocation; a != nil && a.Owner() == r.owner && !r.strictly() {
		if len(a.Key()) == keyLength(algorithm) && r.CheckIntegrity(a.Key()) == nil {
			// A copy: the answer to a Refresh is signed after the allocation is gone.
			r.verified = auth.Verified{Key: append(r.keySpace[:0], a.Key()...)}
			return nil
		}
	}
	v, err := r.verifier.Verify(&r.verifierState, r, r.username, algorithm, r.wall)
	if err != nil {
		r.failure = err
		return errUnauthenticated
	}
	r.verified = v
	return nil
}

// strictly says that the credential must still be valid for this request.
func (r *request) strictly() bool {
	return r.expiry == ExpiryRefresh && r.msg.Method() == stun.MethodRefresh
}

// CheckIntegrity checks the request against a candidate key. For [auth.Verifier].
func (r *request) CheckIntegrity(key []byte) error { return r.msg.CheckIntegrity(key) }

func keyLength(a auth.Algorithm) int {
	if a == auth.SHA256 {
		return sha256.Size
	}
	return 16 // MD5
}

// outcome names the outcome of authenticate for the counters.
func (r *request) outcome(err error) Authentication {
	switch {
	case err == nil:
		return AuthenticationOK
	case err == errBadRequest:
		return AuthenticationMalformed
	case err == errStaleNonce:
		return AuthenticationStaleNonce
	case r.msg.Integrity() == stun.IntegrityNone:
		return AuthenticationChallenged
	case errors.Is(r.failure, auth.ErrIntegrity):
		return AuthenticationWrongPassword
	case errors.Is(r.failure, auth.ErrExpired):
		return AuthenticationExpired
	case errors.Is(r.failure, auth.ErrRevoked):
		return AuthenticationRevoked
	}
	return AuthenticationUnknownUser
}
