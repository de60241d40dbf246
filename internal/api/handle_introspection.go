package api

import (
	"net/http"
	"strings"
)

// An Introspection tells an application of a user's access token what the token says,
// in the words of RFC 7662 §2.2.
type Introspection struct {
	Active bool `json:"active"`
	// Reason says why it is not active.
	Reason  string `json:"reason,omitempty"`
	Subject string `json:"sub,omitempty"`
	Issuer  string `json:"iss,omitempty"`
	Scope   string `json:"scope,omitempty"` // separated by spaces
	Class   string `json:"class,omitempty"`
	// Bandwidth is what the token grants in bits/s, in place of the class's.
	Bandwidth int64  `json:"bandwidth,omitempty"`
	IssuedAt  int64  `json:"iat,omitempty"` // unix seconds
	Expires   int64  `json:"exp,omitempty"` // unix seconds
	ID        string `json:"jti,omitempty"`
}

// introspect verifies a token for an application, revocations included. A token that
// is not valid is an answer, not an error.
func introspect(r *request) (reply, error) {
	text, err := r.object.text("token")
	if err != nil {
		return reply{}, err
	}
	if text == "" {
		return reply{}, invalid("token", "token is required.")
	}
	v, err := r.service.Verifier.Verify(r.Context(), text)
	if err != nil {
		f, known := failed(err)
		if !known || f.status >= http.StatusInternalServerError {
			return reply{}, err
		}
		return reply{status: http.StatusOK, body: Introspection{Reason: err.Error()}}, nil
	}
	answer := Introspection{
		Active: true, Subject: v.Subject, Issuer: v.Issuer, Scope: strings.Join(v.Scopes, " "), Class: v.Class, Bandwidth: v.Bandwidth,
		Expires: v.Expires.Unix(), ID: v.ID,
	}
	if !v.Issued.IsZero() {
		answer.IssuedAt = v.Issued.Unix()
	}
	return reply{status: http.StatusOK, body: answer}, nil
}
