package stun

import (
	"crypto/rand"
	"encoding/hex"
)

// A TransactionID is the 96-bit transaction id of the header (RFC 8489 §5).
type TransactionID [12]byte

// NewTransactionID draws a transaction id from the system's cryptographic
// random numbers, as RFC 8489 §5 requires of a client.
func NewTransactionID() TransactionID {
	var id TransactionID
	rand.Read(id[:]) // It never fails (crypto/rand).
	return id
}

// String is the id in hexadecimal.
func (t TransactionID) String() string { return hex.EncodeToString(t[:]) }
