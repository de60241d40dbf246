package api

import (
	"errors"
	"net/http"
	"time"

	"turnout/auth/identity"
)

// Versions of the contract for identities and tokens. What was added in a later one
// is understood in all: a client of an earlier one does not send it.
var identityVersions = []string{
	"2021-03-07", "2021-10-31-preview", "2022-06-01", "2022-10-01", "2023-10-01", "2025-06-30",
}

var identityRoutes = []route{
	{method: http.MethodPost, pattern: "/identities", admits: byKey, versions: identityVersions, content: jsonContent, serve: createIdentity, dialect: dialectContract},
	{method: http.MethodGet, pattern: "/identities/{id}", admits: byKey, versions: []string{"2025-06-30"}, serve: readIdentity},
	{method: http.MethodDelete, pattern: "/identities/{id}", admits: byKey, versions: identityVersions, serve: deleteIdentity},
	{method: http.MethodPost, pattern: "/identities/{id}/:issueAccessToken", admits: byKey, versions: identityVersions, content: jsonContent, serve: issueAccessToken, product: productToken, dialect: dialectContract},
	{method: http.MethodPost, pattern: "/identities/{id}/:revokeAccessTokens", admits: byKey, versions: identityVersions, serve: revokeAccessTokens},
}

// A communicationIdentity is a user as the contract shows it.
type communicationIdentity struct {
	ID              string `json:"id"`
	CustomID        string `json:"customId,omitempty"`
	LastTokenIssued string `json:"lastTokenIssuedAt,omitempty"`
}

func showIdentity(u identity.User) communicationIdentity {
	c := communicationIdentity{ID: u.ID, CustomID: u.CustomID}
	if !u.Issued.IsZero() {
		c.LastTokenIssued = timestamp(u.Issued)
	}
	return c
}

// createIdentity makes a user, and a token for it where scopes are named.
func createIdentity(r *request) (reply, error) {
	scopes, named, err := r.object.texts("createTokenWithScopes")
	if err != nil {
		return reply{}, err
	}
	// An empty list is what some SDKs send for a user without a token.
	withToken := named && len(scopes) > 0
	if withToken {
		r.product = productToken
	}
	life, err := r.lifetime()
	if err != nil {
		return reply{}, err
	}
	if err := checkScopes(scopes); err != nil {
		return reply{}, err
	}
	customID, err := r.object.text("customId")
	if err != nil {
		return reply{}, err
	}
	user, err := r.service.Directory.Create(r.Context(), customID)
	if errors.Is(err, identity.ErrInvalid) {
		return reply{}, invalid("customId", "The customId cannot be used: "+err.Error()+".")
	}
	if err != nil {
		return reply{}, err
	}
	if !user.Created.Before(r.now.Truncate(time.Millisecond)) { // not one that had the custom id before
		r.changed(userCreated, nil)
	}
	answer := struct {
		Identity    communicationIdentity `json:"identity"`
		AccessToken *accessToken          `json:"accessToken,omitempty"`
	}{Identity: showIdentity(user)}
	if withToken {
		t, err := r.mint(user.ID, scopes, life)
		if err != nil {
			return reply{}, err
		}
		answer.AccessToken = &t
	}
	return reply{status: http.StatusCreated, body: answer}, nil
}

func readIdentity(r *request) (reply, error) {
	user, err := r.service.Directory.User(r.Context(), r.match.places["id"])
	if err != nil {
		return reply{}, err
	}
	return reply{status: http.StatusOK, body: showIdentity(user)}, nil
}

// deleteIdentity revokes all that was issued for a user, and removes it.
func deleteIdentity(r *request) (reply, error) {
	err := r.service.Directory.Delete(r.Context(), r.match.places["id"])
	r.changed(userDeleted, err)
	return reply{status: http.StatusNoContent}, err
}

// revokeAccessTokens makes invalid what was issued for a user so far. What is issued
// right after it, in the same second too, is valid.
func revokeAccessTokens(r *request) (reply, error) {
	id := r.match.places["id"]
	if !isOwn(id) {
		return reply{}, errNotOwned // the directory would take it for another issuer's subject
	}
	_, err := r.service.Directory.Revoke(r.Context(), id)
	r.changed(userRevoked, err)
	return reply{status: http.StatusNoContent}, err
}

// lifetime reads expiresInMinutes.
func (r *request) lifetime() (time.Duration, error) {
	const least, most = 60, 1440
	n, ok, err := r.object.integer("expiresInMinutes")
	switch {
	case err != nil:
		return 0, err
	case !ok:
		return most * time.Minute, nil
	case n < least || n > most:
		return 0, outOfRange("ExpiresInMinutes", n, least, most)
	}
	return time.Duration(n) * time.Minute, nil
}
