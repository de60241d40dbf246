package auth

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"hash"
)

// A VerifierState is what a worker verifies with: ready HMAC states for every
// key of the keyring, a bounded cache of long-term keys (about 1 MiB when it is
// used), and scratch space. The zero value works. It is not safe for concurrent
// use, and must not be copied after its first use.
//
// A state follows the verifier it is used with and the verifier's keyring: when
// either is another than last time, cache and HMAC states are made anew.
type VerifierState struct {
	verifier *Verifier
	ring     *ring // what keyed and cache belong to; nil: no keyring
	keyed    []keyed
	cache    cache

	username []byte // of the present request
	key      []byte // long-term key of the present request
	text     []byte // username:realm:password
	sum      [sha256.Size]byte
	token    [maxToken]byte // what an access token is decrypted into
}

// A keyed holds the HMAC states of one key of the ring.
type keyed struct {
	password hash.Hash // HMAC-SHA1 with the secret
	suffix   hash.Hash // HMAC-SHA256 with the key derived from it
}

// attach makes the state one of v and of its keyring as it is now.
func (s *VerifierState) attach(v *Verifier) {
	r := v.keyring.load()
	if s.verifier == v && s.ring == r {
		return
	}
	s.verifier, s.ring = v, r
	s.cache.clear()
	s.keyed = s.keyed[:0]
	if r == nil {
		return
	}
	for i := range r.keys {
		k := keyed{
			password: hmac.New(sha1.New, r.keys[i].secret),
			suffix:   hmac.New(sha256.New, r.keys[i].suffix),
		}
		// The first Reset keeps the state after the key's block, the later
		// ones go back to it without allocating.
		k.password.Reset()
		k.suffix.Reset()
		s.keyed = append(s.keyed, k)
	}
}

// search finds the secret that the username's password was made with and leaves
// the long-term key in s.key. authentic says that the suffix is.
func (s *VerifierState) search(m Signed, p *name, a Algorithm) (authentic, ok bool) {
	if i := s.suffixKey(p); i >= 0 {
		// The mac was made with this secret, so the password was.
		return true, s.try(m, i, a)
	}
	for i := range s.keyed {
		if s.try(m, i, a) {
			return false, true
		}
	}
	return false, false
}

// suffixKey is the index of the key that the suffix names and whose mac it has,
// -1 if there is none.
func (s *VerifierState) suffixKey(p *name) int {
	if p.suffix.start == 0 {
		return -1
	}
	i := s.ring.index(p.suffix.id)
	if i < 0 {
		return -1
	}
	signed, mac := p.whole[:p.suffix.mac], p.whole[p.suffix.mac:]
	s.text = appendMAC(s.text[:0], s.keyed[i].suffix, signed, s.sum[:])
	// As text: base64 has several spellings of some bytes, and one is enough.
	if subtle.ConstantTimeCompare(s.text, mac) != 1 {
		return -1
	}
	return i
}

// try derives the long-term key with the i-th secret and checks m against it.
func (s *VerifierState) try(m Signed, i int, a Algorithm) bool {
	h := s.keyed[i].password
	h.Reset()
	h.Write(s.username)
	password := h.Sum(s.sum[:0])
	s.text = append(s.text[:0], s.username...)
	s.text = append(s.text, ':')
	s.text = append(s.text, s.verifier.realm...)
	s.text = append(s.text, ':')
	s.text = base64.StdEncoding.AppendEncode(s.text, password)
	s.key = appendKey(s.key[:0], a, s.text)
	return m.CheckIntegrity(s.key) == nil
}
