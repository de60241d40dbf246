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
func (rq *request) authenticate() error {
	if rq.msg.Integrity() == stun.IntegrityNone {
		return errUnauthenticated
	}
	nonce, ok := rq.msg.Attribute(stun.AttrNonce)
	if !ok {
		return errBadRequest
	}
	nonceErr := rq.nonces.Check(&rq.nonceState, nonce, rq.from.tuple.Client, rq.wall)
	rq.nonceValid = nonceErr == nil
	realm, ok := rq.msg.Attribute(stun.AttrRealm)
	if !ok || !rq.msg.Has(stun.AttrUsername) && !rq.msg.Has(stun.AttrUserhash) {
		return errBadRequest
	}
	algorithm, err := rq.algorithm()
	if err != nil {
		return err
	}
	if !rq.findUsername() || string(realm) != rq.realm {
		return errUnauthenticated
	}
	if err := rq.verify(algorithm); err != nil {
		return err
	}
	if nonceErr != nil {
		return errStaleNonce
	}
	rq.authenticated = true
	return nil
}

// algorithm is the password algorithm that a request names, and decides how its
// answer is signed. RFC 8489 §9.2.4: neither attribute stands for MD5; else both
// must be there, and PASSWORD-ALGORITHMS be what this server sent, or somebody
// between has bidden it down.
func (rq *request) algorithm() (auth.Algorithm, error) {
	list, hasList := rq.msg.Attribute(stun.AttrPasswordAlgorithms)
	chosen, err := rq.msg.PasswordAlgorithm()
	if !hasList && err == stun.ErrAbsent {
		rq.integrity = stun.IntegritySHA1
		return auth.MD5, nil
	}
	rq.integrity = stun.IntegritySHA256
	if err != nil || !bytes.Equal(list, passwordAlgorithms) {
		return 0, errBadRequest
	}
	switch chosen {
	case stun.PasswordMD5:
		return auth.MD5, nil
	case stun.PasswordSHA256:
		return auth.SHA256, nil
	}
	return 0, errBadRequest
}

// findUsername sets the username of USERNAME or, of a static user, of USERHASH.
func (rq *request) findUsername() bool {
	if name, ok := rq.msg.Attribute(stun.AttrUsername); ok {
		rq.username = name
	} else {
		hash, _ := rq.msg.Attribute(stun.AttrUserhash)
		name, ok := rq.verifier.Username(hash)
		if !ok {
			return false
		}
		rq.username = append(rq.usernameSpace[:0], name...)
	}
	sum := sha256.Sum256(rq.username)
	rq.owner = [16]byte(sum[:16])
	return true
}

// verify finds the key that the request is signed with: for the owner of an
// allocation the key it was made with, so that a long call survives the end of
// its credential (auth.expiry: allocate), else the verifier's.
func (rq *request) verify(algorithm auth.Algorithm) error {
	if a := rq.allocation; a != nil && a.Owner() == rq.owner && !rq.strictly() {
		if len(a.Key()) == keyLength(algorithm) && rq.CheckIntegrity(a.Key()) == nil {
			// A copy: the answer to a Refresh is signed after the allocation is gone.
			rq.verified = auth.Verified{Key: append(rq.keySpace[:0], a.Key()...)}
			return nil
		}
	}
	v, err := rq.verifier.Verify(&rq.verifierState, rq, rq.username, algorithm, rq.wall)
	if err != nil {
		rq.failure = err
		return errUnauthenticated
	}
	rq.verified = v
	return nil
}

// strictly says that the credential must still be valid for this request.
func (rq *request) strictly() bool {
	return rq.expiry == ExpiryRefresh && rq.msg.Method() == stun.MethodRefresh
}

// CheckIntegrity checks the request against a candidate key. For [auth.Verifier].
func (rq *request) CheckIntegrity(key []byte) error { return rq.msg.CheckIntegrity(key) }

func keyLength(a auth.Algorithm) int {
	if a == auth.SHA256 {
		return sha256.Size
	}
	return 16 // MD5
}

// outcome names the outcome of authenticate for the counters.
func (rq *request) outcome(err error) Authentication {
	switch {
	case err == nil:
		return AuthenticationOK
	case err == errBadRequest:
		return AuthenticationMalformed
	case err == errStaleNonce:
		return AuthenticationStaleNonce
	case rq.msg.Integrity() == stun.IntegrityNone:
		return AuthenticationChallenged
	case errors.Is(rq.failure, auth.ErrIntegrity):
		return AuthenticationWrongPassword
	case errors.Is(rq.failure, auth.ErrExpired):
		return AuthenticationExpired
	case errors.Is(rq.failure, auth.ErrRevoked):
		return AuthenticationRevoked
	}
	return AuthenticationUnknownUser
}
