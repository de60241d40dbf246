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

// owners of allocations are hashes of what their requests are recognised by: the
// username, or of a client that shares its username with others the mac_key of its
// access token (RFC 7635). The lowest bit tells which, so that neither can be taken
// for the other.
const ownedByToken = 1

func ownerByName(username []byte) (owner [16]byte) {
	sum := sha256.Sum256(auth.TrimNUL(username))
	owner = [16]byte(sum[:16])
	owner[0] &^= ownedByToken
	return owner
}

func ownerByToken(holder [16]byte) [16]byte {
	holder[0] |= ownedByToken
	return holder
}

// thirdParty says whether an owner is the holder of an access token.
func thirdParty(owner [16]byte) bool { return owner[0]&ownedByToken != 0 }

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
	nonceErr := r.checkNonce(nonce)
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

// checkNonce checks that a nonce is of this client. That of a ConnectionBind may
// be of its control connection: RFC 6062 §4.3 wants the same credentials there.
func (r *request) checkNonce(nonce []byte) error {
	err := r.nonces.Check(&r.nonceState, nonce, r.from.tuple.Client, r.wall)
	if err == nil {
		return nil
	}
	if c := r.pending(); c != nil {
		return r.nonces.Check(&r.nonceState, nonce, c.control, r.wall)
	}
	return err
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
	r.owner = ownerByName(r.username)
	return true
}

// verify finds the key that the request is signed with: for the owner of an
// allocation, or of the one whose connection is to be bound, the key it was made
// with, so that a long call survives the end of its credential (auth.expiry:
// allocate), else the verifier's.
func (r *request) verify(algorithm auth.Algorithm) error {
	if token, ok := r.msg.Attribute(stun.AttrAccessToken); ok {
		return r.verifyToken(token)
	}
	owner, key := r.standing()
	if thirdParty(owner) && r.CheckIntegrity(key) == nil {
		// RFC 7635 §9: only Allocate and Refresh carry the token.
		r.owner, r.integrity = owner, r.msg.Integrity()
		r.verified = auth.Verified{Key: append(r.keySpace[:0], key...)}
		return nil
	}
	if owner == r.owner && len(key) == keyLength(algorithm) && !r.strictly() && r.CheckIntegrity(key) == nil {
		// A copy: the answer to a Refresh is signed after the allocation is gone.
		r.verified = auth.Verified{Key: append(r.keySpace[:0], key...)}
		return nil
	}
	v, err := r.verifier.Verify(&r.verifierState, r, r.username, algorithm, r.wall)
	if err != nil {
		r.failure = err
		return errUnauthenticated
	}
	r.verified = v
	return nil
}

// standing is who owns what the request is about, the allocation or a connection
// that waits for its client, and the key it was made with; nothing where there is none.
func (r *request) standing() (owner [16]byte, key []byte) {
	if a := r.allocation; a != nil {
		return a.Owner(), a.Key()
	}
	if c := r.pending(); c != nil {
		return c.owner, c.key
	}
	return owner, nil
}

// verifyToken finds the key in an access token. RFC 7635 §7.
func (r *request) verifyToken(token []byte) error {
	r.integrity = r.msg.Integrity() // there is no password, and no algorithm for one
	v, err := r.verifier.VerifyToken(&r.verifierState, r, r.username, token, r.wall)
	if err != nil {
		r.failure = err
		return errUnauthenticated
	}
	r.verified, r.owner = v, ownerByToken(v.Holder)
	return nil
}

// unexpectedToken refuses an access token that nobody has asked for. RFC 7635 §7.
func (r *request) unexpectedToken() bool {
	return !r.known.Has(stun.AttrAccessToken) && r.msg.Has(stun.AttrAccessToken)
}

// renews says whether a Refresh comes with a new access token, which takes the
// place of the one that the allocation was made with (RFC 7635 §9): on the
// allocation's own 5-tuple only. It has nothing in common with the old one that
// could be compared.
func (r *request) renews() bool {
	return r.msg.Method() == stun.MethodRefresh && r.verified.ThirdParty && thirdParty(r.allocation.Owner()) && !r.moves
}

// strictly says that the credential must still be valid for this request: what
// prolongs an allocation. Who made one may always delete it, as RFC 8656 §8 wants.
func (r *request) strictly() bool {
	if r.expiry != ExpiryRefresh || r.msg.Method() != stun.MethodRefresh {
		return false
	}
	lifetime, err := r.msg.Uint32(stun.AttrLifetime)
	return err != nil || lifetime != 0
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
	case errors.Is(r.failure, auth.ErrToken):
		return AuthenticationWrongToken
	case errors.Is(r.failure, auth.ErrIntegrity):
		return AuthenticationWrongPassword
	case errors.Is(r.failure, auth.ErrExpired):
		return AuthenticationExpired
	case errors.Is(r.failure, auth.ErrRevoked):
		return AuthenticationRevoked
	}
	return AuthenticationUnknownUser
}
