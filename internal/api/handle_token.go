package api

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	"turnout/auth/token"
)

// Scopes are what a token of an own user may be for.
var Scopes = []string{"chat", "voip", "chat.join", "chat.join.limited", "voip.join"}

// An accessToken is a token as the contract shows it.
type accessToken struct {
	Token     string `json:"token"`
	ExpiresOn string `json:"expiresOn"` // what its exp says
}

func issueAccessToken(r *request) (reply, error) {
	scopes, named, err := r.object.texts("scopes")
	if err != nil {
		return reply{}, err
	}
	life, err := r.lifetime()
	switch {
	case err != nil:
		return reply{}, err
	case !named:
		return reply{}, invalid("Scopes", "Scopes: The Scopes field is required.")
	case len(scopes) == 0:
		return reply{}, invalid("scopes", "Invalid scopes - Scopes field is required.")
	}
	if err := checkScopes(scopes); err != nil {
		return reply{}, err
	}
	t, err := r.mint(r.match.places["id"], scopes, life)
	if err != nil {
		return reply{}, err
	}
	return reply{status: http.StatusOK, body: t}, nil
}

func checkScopes(scopes []string) error {
	for _, s := range scopes {
		if !slices.Contains(Scopes, s) {
			return invalid("scopes", fmt.Sprintf("Invalid scopes - %.64q is not a scope.", s))
		}
	}
	return nil
}

// mint makes a token for a user of the directory, which notes that it did.
func (r *request) mint(id string, scopes []string, life time.Duration) (accessToken, error) {
	s := r.service
	stamp, err := s.Directory.Issue(r.Context(), id)
	if err != nil {
		return accessToken{}, err
	}
	scopes = slices.Compact(slices.Sorted(slices.Values(scopes)))
	text, expires, err := s.Minter.Mint(token.Claims{
		Subject: id, Scopes: scopes, Resource: s.Resource,
		Issued: stamp.Issued, Expires: stamp.Issued.Add(life), Generation: stamp.Generation,
	})
	if err != nil {
		return accessToken{}, fmt.Errorf("mint a token: %w", err)
	}
	return accessToken{text, timestamp(expires)}, nil
}

func outOfRange(target string, n, least, most int64) *failure {
	return invalid(target, fmt.Sprintf("%s value %d is invalid. Value must be within the [%d, %d] interval.", target, n, least, most))
}
