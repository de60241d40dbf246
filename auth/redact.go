package auth

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// Secrets must not reach logs by way of a careless %v. Everything that holds one
// says here what it prints instead, whatever the verb, and to slog the same. (A
// pointer is no hiding place: fmt follows it under verbs that do not fit.)

const redacted = "[redacted]"

// Format prints the id of a key.
func (k Key) Format(f fmt.State, _ rune) { put(f, "{"+k.ID+" "+redacted+"}") }

// LogValue is what slog shows of a key: its id.
func (k Key) LogValue() slog.Value { return slog.StringValue(k.ID) }

// Format prints the ids of the keys.
func (k *Keyring) Format(f fmt.State, _ rune) { put(f, k.String()) }

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

// Format prints the username of a credential.
func (c Credential) Format(f fmt.State, _ rune) { put(f, "{"+c.Username+" "+redacted+"}") }

// LogValue is what slog shows of a credential: its username.
func (c Credential) LogValue() slog.Value { return slog.StringValue(c.Username) }

// Format prints a configuration without the users and their passwords.
func (c VerifierConfig) Format(f fmt.State, _ rune) {
	put(f, fmt.Sprintf("{realm %q, %v, %d users, max ttl %v}", c.Realm, c.Keyring, len(c.Users), c.MaxTTL))
}

// Format prints a verifier without the users and their keys.
func (v Verifier) Format(f fmt.State, _ rune) {
	put(f, fmt.Sprintf("{realm %q, %v, %d users, max ttl %v}", v.realm, v.keyring, len(v.users.all), v.maxTTL))
}

// Format prints nothing of a state: it is full of keys.
func (s *VerifierState) Format(f fmt.State, _ rune) { put(f, "{"+redacted+"}") }

// Format prints an outcome without its key.
func (r Verified) Format(f fmt.State, _ rune) {
	put(f, fmt.Sprintf("{subject %q, class %q, issued %v, expires %v, charged %v}", r.Subject, r.Class, r.Issued, r.Expires, r.Charged))
}

// Format prints nonces without their key.
func (n Nonces) Format(f fmt.State, _ rune) { put(f, fmt.Sprintf("{%s %v}", n.cookie, n.lifetime)) }

// Format prints nothing of a state: it holds the key of the nonces.
func (s *NonceState) Format(f fmt.State, _ rune) { put(f, "{"+redacted+"}") }

// Format prints the id of a key.
func (k TokenKey) Format(f fmt.State, _ rune) { put(f, "{"+k.ID+" "+redacted+"}") }

// LogValue is what slog shows of a key: its id.
func (k TokenKey) LogValue() slog.Value { return slog.StringValue(k.ID) }

// Format prints the kid of a token.
func (a AccessToken) Format(f fmt.State, _ rune) { put(f, "{"+a.ID+" "+redacted+"}") }

// LogValue is what slog shows of a token: its kid.
func (a AccessToken) LogValue() slog.Value { return slog.StringValue(a.ID) }

// Format prints the server's name and how many keys there are.
func (t ThirdParty) Format(f fmt.State, _ rune) {
	put(f, fmt.Sprintf("{%s, %d keys}", t.name, len(t.keys)))
}

// Format prints nothing of tickets but that they are some: all they hold are keys.
func (t Tickets) Format(f fmt.State, _ rune) { put(f, "{"+redacted+"}") }

// Format prints nothing of a state: it holds the key of the tickets.
func (s *TicketState) Format(f fmt.State, _ rune) { put(f, "{"+redacted+"}") }

// put writes to fmt's own buffer, which cannot fail.
func put(w io.Writer, text string) { _, _ = io.WriteString(w, text) }
