package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"time"

	"github.com/spf13/cobra"

	"turnout/auth"
	"turnout/internal/config"
)

// thirdParty connects the keys of authorization servers with the checks of their tokens; nil without keys.
func thirdParty(l *config.Loaded) (*auth.ThirdParty, error) {
	o := l.Auth.OAuth
	if len(o.Keys) == 0 {
		return nil, nil
	}
	keys := make([]auth.TokenKey, len(o.Keys))
	for i, k := range o.Keys {
		keys[i] = auth.TokenKey{ID: k.ID, Key: k.Reveal(), Algorithm: tokenAlgorithms[k.Algorithm]}
	}
	t, err := auth.NewThirdParty(o.ServerName, keys...)
	if err != nil {
		return nil, unusable("auth.oauth", err)
	}
	return t, nil
}

var tokenAlgorithms = map[string]auth.TokenAlgorithm{"A256GCM": auth.A256GCM, "A128GCM": auth.A128GCM}

// An oauthRequest is what the flags of the command ask for.
type oauthRequest struct {
	source
	kid string
	ttl time.Duration
}

// An oauthAnswer is what an authorization server tells a client (RFC 7635 §3).
type oauthAnswer struct {
	ID          string `json:"kid"`          // for USERNAME
	MACKey      string `json:"mac_key"`      // base64 of what requests are signed with
	AccessToken string `json:"access_token"` // base64 of the value of ACCESS-TOKEN
	ExpiresOn   string `json:"expiresOn"`    // RFC 3339
}

// macKeySize is for HMAC-SHA-1, which every client has (RFC 7635 §6.2).
const macKeySize = 20

func (a *app) oauthCommand() *cobra.Command {
	var r oauthRequest
	c := a.command("oauth [--kid ID] [--ttl 1h] [--config FILE]",
		"Make an access token for third-party authorization (RFC 7635)",
		"Make an access token as an authorization server does, with a key of auth.oauth, and print what a client\n"+
			"needs as JSON: kid is its username, mac_key signs its requests, access_token goes into them.",
		func(context.Context) error { return a.oauth(&r) })
	r.flags(c)
	c.Flags().StringVar(&r.kid, "kid", "", "`ID` of the key to make it with; the first one of auth.oauth.keys if absent")
	c.Flags().DurationVar(&r.ttl, "ttl", time.Hour, "how long it is valid")
	return c
}

func (a *app) oauth(r *oauthRequest) error {
	if r.ttl < time.Second {
		return usage("--ttl %s is too short; give at least 1s", r.ttl)
	}
	l, err := a.load(&r.source)
	if err != nil {
		return err
	}
	a.warn(l)
	t, err := thirdParty(l)
	switch {
	case err != nil:
		return err
	case t == nil:
		return usage("auth.oauth has no keys to make a token with; add server-name and keys")
	case r.kid == "":
		r.kid = l.Auth.OAuth.Keys[0].ID
	}
	token, err := t.Issue(r.kid, macKeySize, r.ttl, a.now())
	if err != nil {
		return usage("%v", err)
	}
	encoder := json.NewEncoder(a.stdout)
	encoder.SetIndent("", "  ")
	return encoder.Encode(oauthAnswer{
		ID:          token.ID,
		MACKey:      base64.StdEncoding.EncodeToString(token.MACKey),
		AccessToken: base64.StdEncoding.EncodeToString(token.Token), // RFC 7635 §6.2
		ExpiresOn:   token.Expires.UTC().Format(time.RFC3339),
	})
}
