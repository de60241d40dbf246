package identity

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"turnout/auth"
	"turnout/auth/token"
)

// TestTokens lives the life of a service: keys that are stored and rotated, a user,
// its tokens, a credential, a revocation, all within a millisecond.
func TestTokens(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, open func() Store) {
		ctx, c, s := within(t), newClock(), open()
		stored, err := EnsureDocument(ctx, s, TokenKeysDocument, func() (json.RawMessage, error) {
			k, err := token.NewKeySet(token.EdDSA, c.now())
			if err != nil {
				return nil, err
			}
			return k.Marshal()
		})
		ok(t, err)
		keys, err := token.ParseKeySet(stored)
		ok(t, err)
		d := directory(t, s, c.now)
		minter := token.Minter{Keys: keys, Issuer: "turnout", Audience: testResource}
		verifier, err := token.NewVerifier(token.VerifierConfig{
			Keys: keys, Issuer: "turnout", Audience: testResource, Scopes: []string{"voip"}, Revoked: d.view.TokenRevoked, Now: c.now,
		})
		ok(t, err)
		secrets, err := RelaySecrets(ctx, s)
		ok(t, err)
		ring, err := auth.NewKeyring(secrets.Keys()...)
		ok(t, err)

		u, err := d.Create(ctx, "")
		ok(t, err)
		mint := func() string {
			stamp, err := d.Issue(ctx, u.ID)
			ok(t, err)
			minted, _, err := minter.Mint(token.Claims{
				Subject: u.ID, Scopes: []string{"voip"}, Resource: testResource, Class: "gold",
				Issued: stamp.Issued, Expires: stamp.Issued.Add(time.Hour), Generation: stamp.Generation,
			})
			ok(t, err)
			return minted
		}
		old := mint()
		verified, err := verifier.Verify(ctx, old)
		ok(t, err)
		// An id passes the rules for subjects, and the credential carries the token's time of issue.
		credential, err := auth.NewIssuer(ring).Issue(verified.Grant(), c.now())
		ok(t, err)
		if len(credential.Username) > 200 {
			t.Errorf("username of %d bytes", len(credential.Username))
		}
		_, err = d.Revoke(ctx, u.ID)
		ok(t, err)
		_, err = verifier.Verify(ctx, old)
		is(t, "a revoked token", err, token.ErrRevoked)
		if g := verified.Grant(); !d.view.Revoked([]byte(u.ID), []byte(credential.Username), g.Issued, g.Expires) {
			t.Error("a credential made of a revoked token is admitted")
		}
		young := mint()
		verified, err = verifier.Verify(ctx, young)
		ok(t, err)
		if g := verified.Grant(); d.view.Revoked([]byte(u.ID), []byte("x"), g.Issued, g.Expires) {
			t.Error("a credential made of a token after the revocation is refused")
		}

		stored, _, err = ChangeDocument(ctx, s, TokenKeysDocument, func(m json.RawMessage) (json.RawMessage, error) {
			k, err := token.ParseKeySet(m)
			if err != nil {
				return nil, err
			}
			if k, err = k.Rotated(token.ES256, c.now(), 0); err != nil {
				return nil, err
			}
			return k.Marshal()
		})
		ok(t, err)
		rotated, err := token.ParseKeySet(stored)
		ok(t, err)
		keys.Replace(rotated)
		for _, one := range []string{young, mint()} {
			_, err = verifier.Verify(context.Background(), one)
			ok(t, err)
		}
		ok(t, d.Delete(ctx, u.ID))
		_, err = verifier.Verify(ctx, young)
		is(t, "a deleted user's token", err, token.ErrRevoked)
	})
}
