package auth

import (
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"
)

// An access token is 2 bytes of nonce length, the nonce, and an encrypted block, which in clear is
//
//	2 bytes of key length | mac_key | 8 bytes of timestamp | 4 bytes of lifetime in seconds
//
// and has the AEAD's authenticator behind it. The associated data is the server's name (RFC 7635 §6.2). The timestamp is
// seconds since 1970 in its first 48 bits, and 1/64000 of a second in the last 16.
const (
	tokenNonce    = 12 // bytes: the only length that GCM takes (RFC 5116 §5.1)
	tokenTag      = 16
	tokenFixed    = 2 + 8 + 4
	tokenFraction = 64000 // of a second

	// A mac_key is 20 bytes, for HMAC-SHA-1, or 32, for HMAC-SHA-256 (RFC 7635 §6.2, Appendix B); those between and some
	// shorter ones are admitted, what could be guessed and what no allocation has room for is not.
	minMACKey = 16
	maxMACKey = keySize

	minToken = 2 + tokenNonce + tokenFixed + minMACKey + tokenTag
	maxToken = 2 + tokenNonce + tokenFixed + maxMACKey + tokenTag
)

// ErrToken: an access token that no key of the server opens, that was made for another server, or that has not the form of
// RFC 7635 §6.2. To the client it is 401 like the other errors of [Verifier.Verify].
var ErrToken = errors.New("access token not authentic")

// An AccessToken is what a client gets of an authorization server. Printed or logged it shows its kid only.
type AccessToken struct {
	ID      string // kid, the USERNAME
	MACKey  []byte // what requests are signed with
	Token   []byte // the value of ACCESS-TOKEN
	Expires time.Time
}

// Issue makes a token as an authorization server does, under the key named kid, with a mac_key of size bytes: 20 for clients
// that sign by SHA-1, 32 for those that know SHA-256. The ttl is whole seconds, rounded down.
func (t *ThirdParty) Issue(kid string, size int, ttl time.Duration, now time.Time) (AccessToken, error) {
	aead := t.keys[kid]
	seconds := int64(ttl / time.Second)
	switch {
	case aead == nil:
		return AccessToken{}, fmt.Errorf("no key of an authorization server has kid %q", kid)
	case size < minMACKey || size > maxMACKey:
		return AccessToken{}, fmt.Errorf("mac_key of %d bytes: want %d to %d", size, minMACKey, maxMACKey)
	case seconds < 1 || seconds > math.MaxUint32:
		return AccessToken{}, fmt.Errorf("lifetime %v of a token: want a second to %d seconds", ttl, uint32(math.MaxUint32))
	}
	a := AccessToken{ID: kid, MACKey: make([]byte, size), Expires: now.Add(time.Duration(seconds) * time.Second)}
	var nonce [tokenNonce]byte
	_, _ = rand.Read(a.MACKey) // never fails
	_, _ = rand.Read(nonce[:])
	stamp := uint64(now.Unix())<<16 | uint64(now.Nanosecond())*tokenFraction/uint64(time.Second)
	block := binary.BigEndian.AppendUint16(nil, uint16(size))
	block = append(block, a.MACKey...)
	block = binary.BigEndian.AppendUint64(block, stamp)
	block = binary.BigEndian.AppendUint32(block, uint32(seconds))
	a.Token = append(binary.BigEndian.AppendUint16(nil, tokenNonce), nonce[:]...)
	a.Token = aead.Seal(a.Token, nonce[:], block, t.name)
	return a, nil
}

// An opened token, a view of the state's scratch space.
type openedToken struct {
	macKey   []byte
	issued   time.Time
	lifetime time.Duration
}

// open decrypts a token into dst, which must have room. RFC 7635 §7.
func (t *ThirdParty) open(dst, kid, token []byte) (o openedToken, err error) {
	aead := t.keys[string(kid)]
	if aead == nil || len(token) < minToken || len(token) > maxToken || binary.BigEndian.Uint16(token) != tokenNonce {
		return o, ErrToken
	}
	nonce, sealed := token[2:2+tokenNonce], token[2+tokenNonce:]
	block, err := aead.Open(dst[:0], nonce, sealed, t.name)
	if err != nil {
		return o, ErrToken
	}
	n := int(binary.BigEndian.Uint16(block))
	if n != len(block)-tokenFixed || n < minMACKey || n > maxMACKey {
		return o, ErrToken
	}
	o.macKey = block[2 : 2+n]
	stamp := binary.BigEndian.Uint64(block[2+n:])
	fraction := time.Duration(stamp&0xFFFF) * time.Second / tokenFraction
	o.issued = time.Unix(int64(stamp>>16), int64(fraction))
	o.lifetime = time.Duration(binary.BigEndian.Uint32(block[2+n+8:])) * time.Second
	return o, nil
}

// left is how long the token is good for: lifetime + Delta - abs(RDnew - TS), where Delta bears with clocks that differ
// (RFC 7635 §7, §9).
func (o *openedToken) left(now time.Time) time.Duration {
	away := now.Sub(o.issued)
	if away < 0 {
		away = o.issued.Sub(now)
	}
	return o.lifetime + TokenDelta - away
}

// VerifyToken admits a request that carries an access token: kid is its USERNAME, token the value of ACCESS-TOKEN (RFC 7635
// §7). The error is, or matches, one of the sentinels of this package; without [VerifierConfig.ThirdParty] it is ErrToken.
//
// Every client of an authorization server has the same kid, so that the outcome's subject goes by the mac_key:
// "oauth:<kid>:<hash>". A token with less than a second left counts as expired: there is no lifetime to give. Nothing is
// allocated.
func (v *Verifier) VerifyToken(st *VerifierState, m Signed, kid, token []byte, now time.Time) (Verified, error) {
	if v.thirdParty == nil {
		return Verified{}, ErrToken
	}
	kid = TrimNUL(kid)
	o, err := v.thirdParty.open(st.token[:], kid, token)
	if err != nil {
		return Verified{}, err
	}
	if !st.signedByHolder(m, o.macKey) {
		return Verified{}, ErrIntegrity
	}
	left := o.left(now)
	if left < time.Second {
		return Verified{}, ErrExpired
	}
	r := Verified{Key: st.key, Subject: st.tokenSubject(kid, o.macKey), Issued: o.issued, Expires: now.Add(left), Charged: true, ThirdParty: true}
	r.Holder = [16]byte(st.sum[:16])
	if v.revoked != nil && v.revoked(r.Subject, kid, r.Issued, r.Expires) {
		return Verified{}, ErrRevoked
	}
	return r, nil
}

// signedByHolder finds what the holder of a mac_key signs with, and leaves it in s.key: the mac_key; of one for SHA-256
// its SHA-1, where the client signs by SHA-1 (RFC 7635 Appendix B); or the first 16 bytes, which is what coturn takes for
// the key of HMAC-SHA-1, as long as one from MD5.
func (s *VerifierState) signedByHolder(m Signed, macKey []byte) bool {
	if s.key = append(s.key[:0], macKey...); m.CheckIntegrity(s.key) == nil {
		return true
	}
	if len(macKey) == sha256.Size {
		sum := sha1.Sum(macKey)
		if s.key = append(s.key[:0], sum[:]...); m.CheckIntegrity(s.key) == nil {
			return true
		}
	}
	s.key = append(s.key[:0], macKey[:minMACKey]...)
	return len(macKey) > minMACKey && m.CheckIntegrity(s.key) == nil
}

// tokenSubject is whom the holder of a mac_key is logged and counted as. It leaves the key's hash in s.sum.
func (s *VerifierState) tokenSubject(kid, macKey []byte) []byte {
	s.text = append(append(s.text[:0], "turnout mac_key:"...), macKey...)
	s.sum = sha256.Sum256(s.text)
	s.username = append(s.username[:0], "oauth:"...)
	s.username = append(s.username, kid...)
	s.username = append(s.username, ':')
	s.username = base64.RawURLEncoding.AppendEncode(s.username, s.sum[:12])
	return s.username
}
