package auth

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"maps"
	"slices"
	"unicode"
	"unicode/utf8"
)

// users are the static users of a Verifier: immutable, keys derived, passwords gone.
type users struct {
	byName map[string]*user
	all    []*user // by name, for the look-up by hash
}

type user struct {
	name   string
	hash   [32]byte // USERHASH
	md5    []byte
	sha256 []byte
}

func (u *user) key(a Algorithm) []byte {
	if a == SHA256 {
		return u.sha256
	}
	return u.md5
}

// newUsers derives the keys of all users, or tells all that is wrong with them.
func newUsers(passwords map[string]string, realm string) (users, error) {
	us := users{byName: make(map[string]*user, len(passwords))}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(passwords)) {
		password := passwords[name]
		if err := checkUser(name, password); err != nil {
			errs = append(errs, fmt.Errorf("user %q: %w", name, err))
			continue
		}
		u := &user{
			name:   name,
			hash:   Userhash(name, realm),
			md5:    DeriveKey(nil, MD5, name, realm, password),
			sha256: DeriveKey(nil, SHA256, name, realm, password),
		}
		us.byName[name] = u
		us.all = append(us.all, u)
	}
	return us, errors.Join(errs...)
}

// checkUser is strict about the name, which has to be found by what a client
// sends. A password is taken as it is, already processed as OpaqueString would
// (RFC 8489 §9.2.2), so that any script and sign may stand in it.
func checkUser(name, password string) error {
	if err := checkOpaque(name); err != nil {
		return fmt.Errorf("name %w", err)
	}
	if len(name) > MaxUsername {
		return fmt.Errorf("name is longer than %d bytes", MaxUsername)
	}
	if _, derived := parseName([]byte(name)); derived {
		return errors.New("name looks like a derived credential")
	}
	if password == "" {
		return errors.New("password is empty")
	}
	if !utf8.ValidString(password) {
		return errors.New("password is not UTF-8")
	}
	for _, r := range password {
		if unicode.IsControl(r) {
			return errors.New("password contains a control character")
		}
	}
	return nil
}

// named finds a user by its exact name, nil if there is none.
func (u *users) named(name []byte) *user { return u.byName[string(name)] }

// Anonymity says whether the username-anonymity bit of nonces may be set (RFC
// 8489 §9.2.1): a client that sees it must send USERHASH, so every user has to
// be found by hash, which no derived credential and no kid can.
func (v *Verifier) Anonymity() bool {
	return len(v.users.all) > 0 && v.keyring == nil && v.thirdParty == nil
}

// Username finds the static user with this USERHASH (RFC 8489 §14.4). All users
// are compared, each in constant time, so that the answer's delay tells nothing
// of their hashes; the cost grows with their number.
func (v *Verifier) Username(userhash []byte) (string, bool) {
	found := -1
	for i, u := range v.users.all {
		found = subtle.ConstantTimeSelect(subtle.ConstantTimeCompare(u.hash[:], userhash), i, found)
	}
	if found < 0 {
		return "", false
	}
	return v.users.all[found].name, true
}
