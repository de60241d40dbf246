package auth

import (
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// A TokenAlgorithm encrypts access tokens (RFC 7518 §5.1).
type TokenAlgorithm uint8

const (
	A256GCM TokenAlgorithm = 1 // AEAD_AES_256_GCM, which every implementation has (RFC 7635 §4.1.1)
	A128GCM TokenAlgorithm = 2 // AEAD_AES_128_GCM
)

// KeySize is the length of the algorithm's keys in bytes, 0 for an algorithm that is none of those above.
func (a TokenAlgorithm) KeySize() int {
	switch a {
	case A256GCM:
		return 32
	case A128GCM:
		return 16
	}
	return 0
}

// String is the name in the registry of RFC 7518 §5.1.
func (a TokenAlgorithm) String() string {
	switch a {
	case A256GCM:
		return "A256GCM"
	case A128GCM:
		return "A128GCM"
	}
	return "algorithm " + strconv.Itoa(int(a))
}

// A TokenKey is the long-term symmetric key that this server shares with an authorization server (RFC 7635 §4.1). Printed or
// logged it shows its ID only.
type TokenKey struct {
	ID        string // The kid, by which tokens name it: clients send it as USERNAME.
	Key       []byte `json:"-"` // Algorithm.KeySize bytes. Of a longer key the first of them count.
	Algorithm TokenAlgorithm
}

// TokenDelta is how far clocks may differ (RFC 7635 §7): a token is good for that much longer.
const TokenDelta = 5 * time.Second

// maxTokenKeys bounds a configuration, not the work of a request: that is one decryption.
const maxTokenKeys = 1000

// A ThirdParty admits clients by the access tokens of authorization servers (RFC 7635). It is immutable and safe for
// concurrent use.
type ThirdParty struct {
	name []byte // of this server: what tokens are bound to
	keys map[string]cipher.AEAD
}

// NewThirdParty makes one that goes by name, which clients tell the authorization server and which tokens are bound to, with
// one key or more. The error tells all that is wrong at once, and no key.
func NewThirdParty(name string, keys ...TokenKey) (*ThirdParty, error) {
	var errs []error
	if err := checkOpaque(name); err != nil {
		errs = append(errs, fmt.Errorf("server name %q: %w", name, err))
	}
	if len(name) > MaxUsername {
		errs = append(errs, fmt.Errorf("server name of %d bytes: at most %d", len(name), MaxUsername))
	}
	if len(keys) == 0 || len(keys) > maxTokenKeys {
		errs = append(errs, fmt.Errorf("%d keys of authorization servers: want 1 to %d", len(keys), maxTokenKeys))
	}
	t := &ThirdParty{name: []byte(name), keys: make(map[string]cipher.AEAD, len(keys))}
	for i, k := range keys {
		if err := t.add(k); err != nil {
			errs = append(errs, fmt.Errorf("key %d, kid %q: %w", i+1, k.ID, err))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return t, nil
}

func (t *ThirdParty) add(k TokenKey) error {
	size := k.Algorithm.KeySize()
	switch {
	case size == 0:
		return fmt.Errorf("unknown %v", k.Algorithm)
	case len(k.Key) < size:
		return fmt.Errorf("has %d bytes, and %v needs %d", len(k.Key), k.Algorithm, size)
	case len(k.ID) > MaxUsername:
		return fmt.Errorf("kid is longer than %d bytes", MaxUsername)
	case t.keys[k.ID] != nil:
		return errors.New("kid is taken")
	}
	if err := checkOpaque(k.ID); err != nil {
		return fmt.Errorf("kid %w", err)
	}
	block, err := aes.NewCipher(k.Key[:size])
	if err != nil {
		return err
	}
	if t.keys[k.ID], err = cipher.NewGCM(block); err != nil {
		return err
	}
	return nil
}

// ServerName is the value of THIRD-PARTY-AUTHORIZATION (RFC 7635 §6.1); "" where t is nil.
func (t *ThirdParty) ServerName() string {
	if t == nil {
		return ""
	}
	return string(t.name)
}
