package api

import (
	"errors"
	"net/http"

	"turnout/auth"
	"turnout/auth/token"
)

// resultIssued is the word for what was given out.
const resultIssued = "issued"

// tokenResults are the words for what is wrong with a token.
var tokenResults = []struct {
	reason error
	word   string
}{
	{token.ErrMalformed, "token_malformed"},
	{token.ErrSignature, "token_signature"},
	{token.ErrIssuer, "token_issuer"},
	{token.ErrAudience, "token_audience"},
	{token.ErrExpired, "token_expired"},
	{auth.ErrExpired, "token_expired"},
	{token.ErrNotYetValid, "token_not_yet_valid"},
	{token.ErrSubject, "token_subject"},
	{token.ErrRevoked, "token_revoked"},
	{token.ErrScope, "token_scope"},
}

// codeResults are the words for the other ways to be refused, by the code of the answer.
var codeResults = map[string]string{
	errDenied.code:      "unauthenticated", // no access key or token, or a wrong signature
	errRESTKey.code:     "forbidden",       // a wrong key of a dialect, or a user that asks for another one
	errScope.code:       "token_scope",
	errNotOwned.code:    "unknown_user",
	errNoIdentity.code:  "unknown_user",
	errUnavailable.code: "unavailable", // the store, or the keys of an issuer
	errTimeout.code:     "timeout",     // the client's part
	errInternal.code:    "internal",
}

// Results are the words for what comes of a request that asks for something.
func Results() []string {
	all := []string{resultIssued, "unauthenticated", "date", "forbidden", "unknown_user", "invalid", "unavailable", "timeout", "internal"}
	for _, r := range tokenResults {
		if r.reason != auth.ErrExpired { // which has the same word as another
			all = append(all, r.word)
		}
	}
	return all
}

// resultOf is the word for a request that ended with err.
func resultOf(err error) string {
	if err == nil {
		return resultIssued
	}
	for _, r := range tokenResults {
		if errors.Is(err, r.reason) {
			return r.word
		}
	}
	f, _ := failed(err)
	if f.code == errDate.code && f.message == errDate.message {
		return "date"
	}
	if word, ok := codeResults[f.code]; ok {
		return word
	}
	if f.status < http.StatusInternalServerError {
		return "invalid"
	}
	return "internal"
}
