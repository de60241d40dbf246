package auth

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// Secrets must not reach logs by way of a careless %v. The types below hide
// theirs from every verb of fmt and from slog; those that are not here
// (Issuer, Verifier, Nonces) keep theirs behind pointers that fmt does not follow.

const redacted = "[redacted]"

// Format prints the id of a key and never its secret, whatever the verb.
func (k Key) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "{"+k.ID+" "+redacted+"}")
}

// LogValue is what slog shows of a key: its id.
func (k Key) LogValue() slog.Value { return slog.StringValue(k.ID) }

// Format prints the ids of the keys and never a secret, whatever the verb.
func (k *Keyring) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.String()) }

// String lists the ids of the keys, the issuing one first.
func (k *Keyring) String() string {
	var ids []string
	if r := k.load(); r != nil {
		for i := range r.keys {
			ids = append(ids, r.keys[i].id)
		}
	}
	return "keyring[" + strings.Join(ids, " ") + "]"
}

// Format prints a credential without its password, whatever the verb.
func (c Credential) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "{"+c.Username+" "+redacted+"}")
}

// LogValue is what slog shows of a credential: its username.
func (c Credential) LogValue() slog.Value { return slog.StringValue(c.Username) }

// Format prints a configuration without the passwords of its users.
func (c VerifierConfig) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "{realm %q, %v, %d users, max ttl %v}", c.Realm, c.Keyring, len(c.Users), c.MaxTTL)
}
