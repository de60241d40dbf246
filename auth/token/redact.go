package token

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// Private keys must not reach logs by way of a careless %v, whatever the verb.

// Format prints the names of the keys.
func (k *KeySet) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.String()) }

// LogValue is what slog shows of a set: the names of its keys.
func (k *KeySet) LogValue() slog.Value { return slog.StringValue(k.String()) }

// String lists the names of the keys, the oldest first.
func (k *KeySet) String() string {
	if k == nil || k.keys.Load() == nil {
		return "keyset[]"
	}
	var ids []string
	for _, key := range k.load() {
		ids = append(ids, key.id)
	}
	return "keyset[" + strings.Join(ids, " ") + "]"
}

// Format prints the name of a key.
func (k signingKey) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "{"+k.id+"}") }
