package config

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
)

// redacted stands wherever a secret would be shown.
const redacted = "***"

// A Secret is a secret or a password. Whatever prints, logs or encodes it
// shows three stars; only Reveal gives the text.
type Secret struct{ text string }

// NewSecret makes a Secret of text.
func NewSecret(text string) Secret { return Secret{text} }

// Reveal is the secret itself, for the code that derives keys from it.
func (s Secret) Reveal() string { return s.text }

// Format writes three stars, whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) { fmt.Fprint(f, redacted) }

func (s Secret) String() string { return redacted }

// LogValue is three stars.
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText writes three stars.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// UnmarshalText takes the text as it is.
func (s *Secret) UnmarshalText(text []byte) error { s.text = string(text); return nil }

// A SharedSecret is one entry of auth.secrets. In the file it is a string, or a mapping. After Load, Secret and ID are set.
type SharedSecret struct {
	// Names the secret in credentials: [a-z0-9-]{1,16}. If absent, it is made from a hash of the secret, so that it stays
	// the same when secrets are added before it.
	ID string `key:"id"`
	// The secret itself.
	Secret Secret `key:"secret"`
	// File that holds it, in place of secret. A newline at its end is not part of it.
	File string `key:"file"`
}

// UnmarshalText takes the text as the secret.
func (s *SharedSecret) UnmarshalText(text []byte) error { return s.Secret.UnmarshalText(text) }

// SecretID is the id of a secret that was given none: the same for the same secret, wherever it stands in the list.
func SecretID(s Secret) string {
	h := sha256.Sum256([]byte("turnout secret id\x00" + s.text))
	return "k" + hex.EncodeToString(h[:4])
}

// A SecretURL may have a password in it. Shown it has three stars in the place of user and password; only Reveal gives all of it.
// Several URLs may stand in it, separated by commas.
type SecretURL struct{ text string }

// Reveal is the URL itself.
func (u SecretURL) Reveal() string { return u.text }

func (u SecretURL) String() string {
	if u.text == "" {
		return ""
	}
	all, ok := u.parse()
	if !ok {
		return redacted // who knows which part of it is the password
	}
	shown := make([]string, len(all))
	for i, one := range all {
		hidden := one.User != nil
		one.User = nil
		if shown[i] = one.String(); hidden {
			shown[i] = strings.Replace(shown[i], "//", "//"+redacted+"@", 1)
		}
	}
	return strings.Join(shown, ",")
}

// parse reads the URLs, of which those behind the first may lack the scheme. It is false where what should be user and
// password is not: one with a slash, a comma, a question mark or a number sign in it, unless that is written as %2F and so on.
func (u SecretURL) parse() (all []*url.URL, ok bool) {
	for _, text := range strings.Split(u.text, ",") {
		if text = strings.TrimSpace(text); !strings.Contains(text, "://") {
			text = "nats://" + text
		}
		one, err := url.Parse(text)
		if err != nil || one.Hostname() == "" || strings.Contains(one.Path+one.RawQuery+one.Fragment, "@") {
			return nil, false
		}
		all = append(all, one)
	}
	return all, true
}

// Format writes it without user and password, whatever the verb.
func (u SecretURL) Format(f fmt.State, _ rune) { fmt.Fprint(f, u.String()) }

// LogValue is what slog shows.
func (u SecretURL) LogValue() slog.Value { return slog.StringValue(u.String()) }

// MarshalText writes it without user and password.
func (u SecretURL) MarshalText() ([]byte, error) { return []byte(u.String()), nil }

// UnmarshalText takes the text as it is.
func (u *SecretURL) UnmarshalText(text []byte) error { u.text = string(text); return nil }
