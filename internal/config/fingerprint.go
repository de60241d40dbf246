package config

import (
	"cmp"
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"reflect"
	"slices"
)

// fingerprintRounds make a guess at a secret behind a fingerprint cost tens of milliseconds: whoever may read metrics is not
// meant to try a dictionary on it.
const fingerprintRounds = 100_000

// Fingerprint tells configurations in use apart: 64 hexadecimal digits, a SHA-256 of every key with its default filled in. A
// changed secret changes it, and none can be read out of it. Two hosts with the same configuration have the same one.
// It takes tens of milliseconds.
func (c *Config) Fingerprint() (string, error) {
	text, err := c.YAML()
	if err != nil {
		return "", fmt.Errorf("fingerprint of the configuration: %w", err)
	}
	sum := sha256.New()
	sum.Write(text)
	if secrets := secretsIn(nil, reflect.ValueOf(*c)); len(secrets) > 0 {
		salt := sum.Sum(nil)
		key, err := pbkdf2.Key(sha256.New, string(secrets), salt, fingerprintRounds, sha256.Size)
		if err != nil {
			return "", fmt.Errorf("fingerprint of the configuration: %w", err)
		}
		sum.Write(key)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// secretsIn appends every secret below v, each behind its length, in one order.
func secretsIn(b []byte, v reflect.Value) []byte {
	switch s := v.Interface().(type) {
	case Secret:
		return appendSecret(b, s.text)
	case SecretURL:
		return appendSecret(b, s.text)
	}
	switch v.Kind() {
	case reflect.Struct:
		for _, f := range fieldsOf(v.Type()) {
			b = secretsIn(b, v.FieldByIndex(f.index))
		}
	case reflect.Slice:
		for i := range v.Len() {
			b = secretsIn(b, v.Index(i))
		}
	case reflect.Map:
		keys := v.MapKeys()
		slices.SortFunc(keys, func(x, y reflect.Value) int { return cmp.Compare(x.String(), y.String()) })
		for _, k := range keys {
			b = secretsIn(b, v.MapIndex(k))
		}
	}
	return b
}

func appendSecret(b []byte, text string) []byte {
	if text == "" {
		return b
	}
	return append(binary.BigEndian.AppendUint32(b, uint32(len(text))), text...)
}
