package token

import (
	"context"
	"testing"
	"time"

	"turnout/auth"
)

// BenchmarkCredential is what one request for a relay credential costs beside
// HTTP: verify an own token, issue a credential for it.
func BenchmarkCredential(b *testing.B) {
	ring, err := auth.NewKeyring(auth.Key{ID: "k1", Secret: []byte("a secret of the benchmark")})
	if err != nil {
		b.Fatal(err)
	}
	issuer := auth.NewIssuer(ring)
	for _, a := range []Algorithm{ES256, EdDSA} {
		b.Run(string(a), func(b *testing.B) {
			k := keySet(b, a)
			v := verifier(b, VerifierConfig{Keys: k, Scopes: []string{"voip"}, Revoked: func(string, uint64, time.Time, time.Time) bool { return false }})
			token := mint(b, k, testClaims())
			b.ReportAllocs()
			for b.Loop() {
				r, err := v.Verify(context.Background(), token)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := issuer.Issue(r.Grant(), testNow); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkMint(b *testing.B) {
	for _, a := range []Algorithm{ES256, EdDSA} {
		b.Run(string(a), func(b *testing.B) {
			m := minter(keySet(b, a))
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := m.Mint(testClaims()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
