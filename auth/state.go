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
	sum      []byte
}

// A keyed holds the HMAC states of one key of the ring.
type keyed struct {
	password hash.Hash // HMAC-SHA1 with the secret
	suffix   hash.Hash // HMAC-SHA256 with the key derived from it
}

// attach makes the state one of v and of its keyring as it is now.
func (st *VerifierState) attach(v *Verifier) {
	r := v.keyring.load()
	if st.verifier == v && st.ring == r {
		return
	}
	st.verifier, st.ring = v, r
	st.cache.clear()
	st.keyed = st.keyed[:0]
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
		st.keyed = append(st.keyed, k)
	}
}

// search finds the secret that the username's password was made with and leaves
// the long-term key in st.key. authentic says that the suffix is.
func (st *VerifierState) search(m Signed, p *name, a Algorithm) (authentic, ok bool) {
	if i := st.suffixKey(p); i >= 0 {
		// The mac was made with this secret, so the password was.
		return true, st.try(m, i, a)
	}
	for i := range st.keyed {
		if st.try(m, i, a) {
			return false, true
		}
	}
	return false, false
}

// suffixKey is the index of the key that the suffix names and whose mac it has,
// -1 if there is none.
func (st *VerifierState) suffixKey(p *name) int {
	if p.suffix.start == 0 {
		return -1
	}
	i := st.ring.index(p.suffix.id)
	if i < 0 {
		return -1
	}
	signed, mac := p.whole[:p.suffix.mac], p.whole[p.suffix.mac:]
	st.sum = growSum(st.sum)
	st.text = appendMAC(st.text[:0], st.keyed[i].suffix, signed, st.sum)
	// As text: base64 has several spellings of some bytes, and one is enough.
	if subtle.ConstantTimeCompare(st.text, mac) != 1 {
		return -1
	}
	return i
}

// try derives the long-term key with the i-th secret and checks m against it.
func (st *VerifierState) try(m Signed, i int, a Algorithm) bool {
	h := st.keyed[i].password
	h.Reset()
	h.Write(st.username)
	st.sum = h.Sum(growSum(st.sum)[:0])
	st.text = append(st.text[:0], st.username...)
	st.text = append(st.text, ':')
	st.text = append(st.text, st.verifier.realm...)
	st.text = append(st.text, ':')
	st.text = base64.StdEncoding.AppendEncode(st.text, st.sum)
	st.key = appendKey(st.key[:0], a, st.text)
	return m.CheckIntegrity(st.key) == nil
}

// growSum gives scratch room for the longest MAC.
func growSum(sum []byte) []byte {
	if cap(sum) < sha256.Size {
		return make([]byte, sha256.Size)
	}
	return sum
}
