package auth

import (
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync/atomic"
)

// MaxKeys is how many keys a keyring holds at most. A username without our
// suffix may have been made with any of them, and each one costs an attempt: the
// limit bounds what one forged request costs.
const MaxKeys = 16

// A Key is one secret of a keyring. Printed or logged it shows its ID only.
type Key struct {
	ID     string // [a-z0-9-]{1,16}; stands in usernames, so it tells nothing secret
	Secret []byte `json:"-"` // at least 1 byte; see [Weak]
}

// A Keyring holds secrets: the first one issues, all of them verify. To rotate,
// put the new secret in front, and take the old one out when the last
// credential made with it has expired.
//
// It is safe for concurrent use. A replacement is seen by every later Issue and
// Verify, as a whole or not at all.
type Keyring struct {
	ring atomic.Pointer[ring]
}

// A ring is one state of a keyring, immutable. Its address tells it from others.
type ring struct {
	keys []ringKey
}

type ringKey struct {
	id     string
	secret []byte // makes passwords
	suffix []byte // makes the mac of the suffix; derived from secret
}

// suffixInfo tells the key of the suffix from the secret itself: a service that
// signs whatever username it is asked for does not sign a suffix with it.
const suffixInfo = "turnout suffix"

// NewKeyring makes a keyring of 1 to [MaxKeys] keys with ids of their own. It
// copies the secrets. No error contains one.
func NewKeyring(keys ...Key) (*Keyring, error) {
	k := new(Keyring)
	if err := k.Replace(keys...); err != nil {
		return nil, err
	}
	return k, nil
}

// Replace puts keys in place of all that were there. On an error nothing changes.
func (k *Keyring) Replace(keys ...Key) error {
	if len(keys) == 0 {
		return errors.New("keyring without a key")
	}
	if len(keys) > MaxKeys {
		return fmt.Errorf("keyring of %d keys: at most %d", len(keys), MaxKeys)
	}
	r := &ring{keys: make([]ringKey, 0, len(keys))}
	for i, key := range keys {
		if !validWord(key.ID) {
			return fmt.Errorf("key %d: id %q: want 1 to 16 of a-z, 0-9 and -", i+1, key.ID)
		}
		if r.index([]byte(key.ID)) >= 0 {
			return fmt.Errorf("key %d: id %q is taken", i+1, key.ID)
		}
		if len(key.Secret) == 0 {
			return fmt.Errorf("key %q: secret is empty", key.ID)
		}
		suffix, err := hkdf.Key(sha256.New, key.Secret, nil, suffixInfo, sha256.Size)
		if err != nil {
			return fmt.Errorf("key %q: %w", key.ID, err)
		}
		r.keys = append(r.keys, ringKey{
			id:     key.ID,
			secret: append([]byte(nil), key.Secret...),
			suffix: suffix,
		})
	}
	k.ring.Store(r)
	return nil
}

// load is the present ring, nil for no keyring and for one never filled.
func (k *Keyring) load() *ring {
	if k == nil {
		return nil
	}
	return k.ring.Load()
}

// index finds a key by id, -1 if there is none. Ids are no secret.
func (r *ring) index(id []byte) int {
	for i := range r.keys {
		if r.keys[i].id == string(id) {
			return i
		}
	}
	return -1
}

// validWord says whether s can be a key id or a class: [a-z0-9-]{1,16}.
func validWord[T string | []byte](s T) bool {
	if len(s) == 0 || len(s) > maxWord {
		return false
	}
	for i := 0; i < len(s); i++ {
		if !wordByte(s[i]) {
			return false
		}
	}
	return true
}

const maxWord = 16 // bytes of a key id or a class

func wordByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-'
}
