package auth

import (
	"bytes"
	"math"
)

// Weak says that a secret cannot hold 128 bits of chance, what RFC 8489 §9.2
// asks of passwords that no one types. Everyone with a credential, that is every
// user, can try secrets offline until one makes the password from the username:
// a short secret is found that way, and then makes credentials for anyone.
//
// It multiplies the length with the bits of the smallest usual alphabet that
// all bytes come from (digits, hexadecimal, letters, letters and digits, base64,
// printable, any), and wants 8 different bytes. That is an upper bound: a secret
// that is not weak may still be a sentence from a book.
func Weak(secret []byte) bool {
	const wantBits, wantDistinct = 128, 8
	var seen [256]bool
	distinct := 0
	for _, c := range secret {
		if !seen[c] {
			seen[c] = true
			distinct++
		}
	}
	bits := float64(len(secret)) * math.Log2(float64(alphabetSize(secret)))
	return distinct < wantDistinct || bits < wantBits
}

const (
	digits = "0123456789"
	lower  = "abcdefghijklmnopqrstuvwxyz"
	upper  = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
)

// alphabets are those that generators of secrets draw from, smallest first. Two
// spellings of base64 and their padding count as the 64 letters they are.
var alphabets = []struct {
	letters string
	size    int
}{
	{digits, 10},
	{digits + "abcdef", 16},
	{digits + "ABCDEF", 16},
	{lower, 26},
	{upper, 26},
	{lower + digits, 36},
	{upper + digits, 36},
	{lower + upper, 52},
	{lower + upper + digits, 62},
	{lower + upper + digits + "+/=-_", 64},
	{lower + upper + digits + " !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", 95},
}

func alphabetSize(secret []byte) int {
	for _, a := range alphabets {
		if len(bytes.Trim(secret, a.letters)) == 0 {
			return a.size
		}
	}
	return 256
}
