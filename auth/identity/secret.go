package identity

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"

	"turnout/auth"
)

// Names of documents.
const (
	// ResourceDocument is the GUID of the resource, a string.
	ResourceDocument = "resource"
	// AccessKeysDocument is the [Secrets] that requests to the service are signed with.
	AccessKeysDocument = "access-keys"
	// RelaySecretsDocument is the [Secrets] of the relay's keyring.
	RelaySecretsDocument = "relay-secrets"
	// MarkDocument tells a store from every other, a string; see [Mark].
	MarkDocument = "mark"
	// TokenKeysDocument is what token.KeySet.Marshal gives, a json.RawMessage.
	TokenKeysDocument = "token-keys"
)

// A Secret is a key with a name. Printed or logged it shows the name only; as
// JSON it is whole, for the store. Its form is only ever added to.
type Secret struct {
	ID    string `json:"id"`
	Value []byte `json:"value"`
	// From is when it begins to issue, in unix seconds; until then it only verifies.
	From int64 `json:"from,omitempty"`
	// Until is when it ceases to verify, in unix seconds, 0 while it has no successor.
	Until int64 `json:"until,omitempty"`
}

// Secrets are keys of one purpose, the youngest first. [Secrets.Valid] says which of
// them issues and which verify; [Secrets.Rotated] adds one.
type Secrets []Secret

// Format prints the name.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "{"+s.ID+" [redacted]}") }

// LogValue is what slog shows: the name.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.ID) }

// LogValue is what slog shows: the names.
func (s Secrets) LogValue() slog.Value { return slog.StringValue(fmt.Sprint([]Secret(s))) }

// Keys are the secrets as those of a keyring.
func (s Secrets) Keys() []auth.Key {
	var keys []auth.Key
	for _, one := range s {
		keys = append(keys, auth.Key{ID: one.ID, Secret: one.Value})
	}
	return keys
}

// Texts are the secrets in base64, as they stand in connection strings.
func (s Secrets) Texts() []string {
	var texts []string
	for _, one := range s {
		texts = append(texts, base64.StdEncoding.EncodeToString(one.Value))
	}
	return texts
}

// Resource gives the GUID of the resource, made on first use.
func Resource(ctx context.Context, s Store) (string, error) {
	guid, err := EnsureDocument(ctx, s, ResourceDocument, func() (string, error) { return newGUID(), nil })
	if err != nil {
		return "", err
	}
	return guid, CheckGUID(guid)
}

// Mark gives what tells a store from every other, made on first use: where another
// one is found later, the store was emptied or replaced.
func Mark(ctx context.Context, s Store) (string, error) {
	return EnsureDocument(ctx, s, MarkDocument, func() (string, error) { return newGUID(), nil })
}

// AccessKeys gives the access keys, made on first use: two, so that applications
// can move from one to the other.
func AccessKeys(ctx context.Context, s Store) (Secrets, error) {
	return EnsureDocument(ctx, s, AccessKeysDocument, func() (Secrets, error) {
		keys := make(Secrets, 2)
		for i := range keys {
			keys[i] = Secret{ID: fmt.Sprintf("k%d", i+1), Value: NewAccessKey()}
		}
		return keys, nil
	})
}

// NewAccessKey is 32 random bytes.
func NewAccessKey() []byte {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	return key
}

// RelaySecrets gives the secrets of the relay's keyring, made on first use: one, of
// letters and digits, since other services are given it as text.
func RelaySecrets(ctx context.Context, s Store) (Secrets, error) {
	return EnsureDocument(ctx, s, RelaySecretsDocument, func() (Secrets, error) {
		return Secrets{{ID: "k1", Value: NewRelaySecret()}}, nil
	})
}

// NewRelaySecret is 52 random letters and digits, 260 bits.
func NewRelaySecret() []byte { return []byte(rand.Text() + rand.Text()) }
