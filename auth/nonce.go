package auth

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"hash"
	"net/netip"
	"time"
)

// A nonce is
//
//	obMatJos2 | base64 of 3 feature bytes | base64url of 5 bytes of time, 13 of MAC
//
// The time is seconds since 1970, big-endian. The MAC is HMAC-SHA256, cut to 104
// bits, over the cookie, the time, and the client's address and port. All its
// characters are qdtext, so nothing needs quoting (RFC 8489 §14.10).
const (
	nonceMark     = "obMatJos2"        // RFC 8489 §9.2
	cookieSize    = len(nonceMark) + 4 // the "nonce cookie"
	nonceTime     = 5                  // bytes: enough for 34,000 years
	nonceMAC      = 13                 // bytes: with the time a multiple of 3, so base64 needs no padding
	nonceRaw      = nonceTime + nonceMAC
	nonceAddrSize = 16 + 2

	// NonceSize is the length of every nonce in bytes.
	NonceSize = cookieSize + nonceRaw*4/3
)

// Bits of the first feature byte (RFC 8489 §18.1): bit 0 is the most significant.
const (
	featurePasswordAlgorithms = 0x80
	featureUsernameAnonymity  = 0x40
)

// DefaultNonceLifetime is how long a nonce is accepted unless said otherwise: RFC 8656 §5 wants
// nonces to expire at least once an hour.
const DefaultNonceLifetime = time.Hour

// nonceSkew is how far in the future a nonce may have been made: the clock may
// be set back by a little between two requests.
const nonceSkew = 5 * time.Second

// Nonces makes and checks stateless nonces: nothing is kept for an address that
// has not authenticated. Two clients never get the same nonce (RFC 8489
// §9.2.4); one client gets the same nonce within one second.
//
// Nonces are safe for concurrent use; each worker passes its own [NonceState].
// All workers of a server, and its successor after a reload, share one key, so
// that a client may move between them.
type Nonces struct {
	key      [32]byte
	lifetime time.Duration
	cookie   [cookieSize]byte
}

// A NonceState is what a worker makes and checks nonces with: a ready HMAC and
// scratch space. The zero value works. It is not safe for concurrent use, and
// must not be copied after its first use.
type NonceState struct {
	nonces *Nonces // what mac belongs to
	mac    hash.Hash
	input  [cookieSize + nonceTime + nonceAddrSize]byte
	raw    [nonceRaw]byte
	sum    [sha256.Size]byte
}

// NewNonces makes nonces under key, which must be random. They are accepted for
// lifetime, counted from the whole second they were made in; if it is not
// positive, [DefaultNonceLifetime]. The password-algorithms bit is always set,
// and the username-anonymity bit on request (see [Verifier.Anonymity]).
func NewNonces(key [32]byte, lifetime time.Duration, anonymity bool) *Nonces {
	if lifetime <= 0 {
		lifetime = DefaultNonceLifetime
	}
	n := &Nonces{key: key, lifetime: lifetime}
	features := [3]byte{featurePasswordAlgorithms}
	if anonymity {
		features[0] |= featureUsernameAnonymity
	}
	copy(n.cookie[:], nonceMark)
	base64.StdEncoding.Encode(n.cookie[len(nonceMark):], features[:])
	return n
}

// Append appends the nonce for a client, [NonceSize] bytes.
func (n *Nonces) Append(st *NonceState, dst []byte, client netip.AddrPort, now time.Time) []byte {
	copy(st.input[:], n.cookie[:])
	putTime(st.input[cookieSize:], now.Unix())
	sum := n.sum(st, client)
	copy(st.raw[:nonceTime], st.input[cookieSize:])
	copy(st.raw[nonceTime:nonceRaw], sum)
	dst = append(dst, n.cookie[:]...)
	return base64.RawURLEncoding.AppendEncode(dst, st.raw[:nonceRaw])
}

// Check is nil for a nonce that Append made for this client within the lifetime,
// and else [ErrStaleNonce]. The MAC is compared in constant time.
func (n *Nonces) Check(st *NonceState, nonce []byte, client netip.AddrPort, now time.Time) error {
	if len(nonce) != NonceSize {
		return ErrStaleNonce
	}
	// The decoder skips line breaks, so the count may fall short.
	count, err := base64.RawURLEncoding.Decode(st.raw[:], nonce[cookieSize:])
	if err != nil || count != nonceRaw {
		return ErrStaleNonce
	}
	copy(st.input[:], nonce[:cookieSize])
	copy(st.input[cookieSize:], st.raw[:nonceTime])
	if subtle.ConstantTimeCompare(n.sum(st, client), st.raw[nonceTime:nonceRaw]) != 1 {
		return ErrStaleNonce
	}
	age := now.Sub(readTime(st.raw[:nonceTime]))
	if age < -nonceSkew || age >= n.lifetime {
		return ErrStaleNonce
	}
	return nil
}

// sum is the MAC over cookie and time, which st.input has already, and the client.
// An IPv4 address and the same one inside IPv6 are one client; a zone is none of
// the address.
func (n *Nonces) sum(st *NonceState, client netip.AddrPort) []byte {
	if st.nonces != n {
		st.nonces, st.mac = n, hmac.New(sha256.New, n.key[:])
	}
	addr := client.Addr().As16()
	at := cookieSize + nonceTime
	at += copy(st.input[at:], addr[:])
	binary.BigEndian.PutUint16(st.input[at:], client.Port())
	st.mac.Reset()
	st.mac.Write(st.input[:])
	return st.mac.Sum(st.sum[:0])[:nonceMAC]
}

// putTime writes the low 40 bits of seconds.
func putTime(b []byte, seconds int64) {
	b[0] = byte(seconds >> 32)
	binary.BigEndian.PutUint32(b[1:nonceTime], uint32(seconds))
}

func readTime(b []byte) time.Time {
	return time.Unix(int64(b[0])<<32|int64(binary.BigEndian.Uint32(b[1:])), 0)
}

// HasPasswordAlgorithms says whether a nonce, valid or not, begins with a cookie
// that has the password-algorithms bit (RFC 8489 §9.2.4): whether the rules for
// PASSWORD-ALGORITHMS apply to the request, and to the answer that a client got.
func HasPasswordAlgorithms(nonce []byte) bool {
	if len(nonce) < cookieSize || !bytes.HasPrefix(nonce, []byte(nonceMark)) {
		return false
	}
	var features [3]byte
	n, err := base64.StdEncoding.Decode(features[:], nonce[len(nonceMark):cookieSize])
	return err == nil && n == len(features) && features[0]&featurePasswordAlgorithms != 0
}
