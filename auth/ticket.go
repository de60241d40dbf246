package auth

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"hash"
)

// A ticket is base64url of
//
//	16 bytes of synthetic IV | 8 bytes encrypted
//
// The IV is HMAC-SHA256, cut to 128 bits, over the 8 bytes in clear; the 8 bytes are XORed with the AES-256 encryption of
// the IV. So the IV is the authenticator too: it is computed again from what was decrypted (the construction of SIV, RFC
// 5297). Two values never have the same ticket, and without the keys a ticket is 24 bytes of noise.
const (
	ticketIV  = 16
	ticketRaw = ticketIV + 8

	// TicketSize is the length of every ticket in bytes, all of them letters, digits, "-" and "_": clients that keep
	// tickets as short texts can do so.
	TicketSize = ticketRaw * 4 / 3
)

// ErrTicket is the only error of [Tickets.Open]: a ticket that was not made with these keys, or was changed.
var ErrTicket = errors.New("ticket not authentic")

// Tickets seal what a server needs to know its client again by (RFC 8016 §3.1.2): 64 bits that only it can read, and that
// nobody can forge. They are safe for concurrent use; each worker passes its own [TicketState].
type Tickets struct {
	mac   []byte
	block cipher.Block
}

// A TicketState is what a worker seals and opens tickets with: a ready HMAC and scratch space. The zero value works. It
// is not safe for concurrent use, and must not be copied after its first use.
type TicketState struct {
	tickets *Tickets // what mac belongs to
	mac     hash.Hash
	raw     [ticketRaw]byte
	stream  [aes.BlockSize]byte
	sum     [sha256.Size]byte
}

// NewTickets makes tickets under key, which must be random.
func NewTickets(key [32]byte) *Tickets {
	derive := func(info string) []byte {
		k, err := hkdf.Key(sha256.New, key[:], nil, info, 32)
		if err != nil {
			panic("auth: " + err.Error()) // only for a length that HKDF cannot give
		}
		return k
	}
	block, err := aes.NewCipher(derive("turnout ticket encryption"))
	if err != nil {
		panic("auth: " + err.Error()) // only for a key of another length
	}
	return &Tickets{mac: derive("turnout ticket IV"), block: block}
}

// Append appends the ticket of value, [TicketSize] bytes. The same value always has the same ticket.
func (t *Tickets) Append(st *TicketState, dst []byte, value uint64) []byte {
	binary.BigEndian.PutUint64(st.raw[ticketIV:], value)
	copy(st.raw[:], t.sum(st))
	t.crypt(st)
	return base64.RawURLEncoding.AppendEncode(dst, st.raw[:])
}

// Open is the value of a ticket, or [ErrTicket]. The authenticator is compared in constant time.
func (t *Tickets) Open(st *TicketState, ticket []byte) (uint64, error) {
	if len(ticket) != TicketSize {
		return 0, ErrTicket
	}
	// The decoder skips line breaks, so the count may fall short.
	n, err := base64.RawURLEncoding.Decode(st.raw[:], ticket)
	if err != nil || n != ticketRaw {
		return 0, ErrTicket
	}
	t.crypt(st)
	if subtle.ConstantTimeCompare(t.sum(st), st.raw[:ticketIV]) != 1 {
		return 0, ErrTicket
	}
	return binary.BigEndian.Uint64(st.raw[ticketIV:]), nil
}

// sum is the IV of the 8 bytes that st.raw has in clear.
func (t *Tickets) sum(st *TicketState) []byte {
	if st.tickets != t {
		st.tickets, st.mac = t, hmac.New(sha256.New, t.mac)
	}
	st.mac.Reset()
	st.mac.Write(st.raw[ticketIV:])
	return st.mac.Sum(st.sum[:0])[:ticketIV]
}

// crypt encrypts or decrypts the 8 bytes under the IV before them.
func (t *Tickets) crypt(st *TicketState) {
	t.block.Encrypt(st.stream[:], st.raw[:ticketIV])
	subtle.XORBytes(st.raw[ticketIV:], st.raw[ticketIV:], st.stream[:8])
}
