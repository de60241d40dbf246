package api

import (
	"context"
	"errors"
	"net/http"

	"turnout/auth"
	"turnout/auth/identity"
	"turnout/auth/token"
)

// A failure is an error as callers are told it. Handlers return errors of every
// kind; [failed] makes failures of them, and one place writes these.
type failure struct {
	status                int
	code, message, target string
	header                http.Header
}

func (f *failure) Error() string { return f.code + ": " + f.message }

// with adds a header.
func (f failure) with(name, value string) *failure {
	f.header = f.header.Clone()
	if f.header == nil {
		f.header = http.Header{}
	}
	f.header.Add(name, value)
	return &f
}

// An errorBody is the contract's form of an error.
type errorBody struct {
	Error errorDetail `json:"error"`
}

type errorDetail struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Target  string `json:"target,omitempty"`
}

func (f *failure) body() any { return errorBody{errorDetail{f.code, f.message, f.target}} }

func invalid(target, message string) *failure {
	return &failure{status: http.StatusBadRequest, code: "ValidationError", message: message, target: target}
}

var (
	errDenied = &failure{status: http.StatusUnauthorized, code: "Denied", message: "Denied by the resource provider."}
	// The text is that of the live service, whose readers know it.
	errContentHash = &failure{status: http.StatusUnauthorized, code: "Denied",
		message: "Request 'x-ms-content-sha256' differs from generated content hash."}
	errDate = &failure{status: http.StatusUnauthorized, code: "Denied",
		message: "The date of the request is more than 5 minutes from this service's clock."}
	errNotOwned = &failure{status: http.StatusUnauthorized, code: "IdentityNotOwned",
		message: "Provided identity doesn't belong to the resource.", target: "id"}
	errNoIdentity = &failure{status: http.StatusNotFound, code: "IdentityNotFound",
		message: "Provided identity doesn't exist.", target: "id"}
	errAccessToken = &failure{status: http.StatusUnauthorized, code: "InvalidAccessToken",
		message: "Provided access token is not valid."}
	errScope = failure{status: http.StatusForbidden, code: "InsufficientScope",
		message: "Provided access token has none of the scopes that relay credentials need."}.
		with("WWW-Authenticate", `Bearer error="insufficient_scope"`)
	errOthers = &failure{status: http.StatusForbidden, code: "Forbidden",
		message: "A user's access token gives credentials for that user only.", target: "id"}
	errNotFound = &failure{status: http.StatusNotFound, code: "NotFound",
		message: "There is nothing at this path; GET /openapi.json lists what there is."}
	errConfigured = &failure{status: http.StatusConflict, code: "KeysConfigured",
		message: "These keys stand in the configuration: change them there and reload it.", target: "purpose"}
	errTooMany = &failure{status: http.StatusConflict, code: "TooManyKeys",
		message: "Too many keys from earlier rotations still verify: wait until the oldest has ended, or end them all with atOnce.", target: "purpose"}
	errTooLarge = &failure{status: http.StatusRequestEntityTooLarge, code: "RequestTooLarge",
		message: "The body of a request has at most 65536 bytes."}
	errTimeout = &failure{status: http.StatusRequestTimeout, code: "RequestTimeout",
		message: "The body of the request did not arrive in time."}
	errMediaType = &failure{status: http.StatusUnsupportedMediaType, code: "UnsupportedMediaType",
		message: "The Content-Type of the body is not the one that is read here."}
	errHost = &failure{status: http.StatusMisdirectedRequest, code: "MisdirectedRequest",
		message: "This service listens on loopback and answers to localhost and to the names of api.names only."}
	errInternal = &failure{status: http.StatusInternalServerError, code: "InternalError",
		message: "Something went wrong here; the service's log says what."}
	// SDKs send the request again after that time, with the same date and
	// signature: it must stay well below the skew that is allowed.
	errUnavailable = failure{status: http.StatusServiceUnavailable, code: "ServiceUnavailable",
		message: "What this needs cannot be reached just now; try again."}.with("Retry-After", "2")
)

// tokenFaults say why a token is refused. The verifier looks at all of this after
// the signature, so that who makes up a token learns nothing.
var tokenFaults = []error{
	token.ErrMalformed, token.ErrSignature, token.ErrIssuer, token.ErrAudience, token.ErrExpired,
	token.ErrNotYetValid, token.ErrSubject, token.ErrRevoked,
}

// failed is err as a failure; known is false for one that nobody foresaw.
func failed(err error) (f *failure, known bool) {
	if errors.As(err, &f) {
		return f, true
	}
	for _, reason := range tokenFaults {
		if errors.Is(err, reason) {
			return tokenFailure(reason), true
		}
	}
	switch {
	case errors.Is(err, token.ErrScope):
		return errScope, true
	case errors.Is(err, auth.ErrExpired):
		return tokenFailure(token.ErrExpired), true
	case errors.Is(err, auth.ErrSubject), errors.Is(err, identity.ErrInvalid):
		return invalid("", "The name cannot be used: "+err.Error()+"."), true
	case errors.Is(err, ErrConfigured):
		return errConfigured, true
	case errors.Is(err, ErrTooMany):
		return errTooMany, true
	case errors.Is(err, identity.ErrNotOwned):
		return errNotOwned, true
	case errors.Is(err, identity.ErrNotFound):
		return errNoIdentity, true
	case errors.Is(err, identity.ErrUnavailable), errors.Is(err, identity.ErrClosed), errors.Is(err, token.ErrUnavailable):
		return errUnavailable, true
	case errors.Is(err, context.Canceled):
		return errTimeout, true // the client is gone: nobody reads it
	}
	return errInternal, false
}

// tokenFailure says in words, and in the way of RFC 6750 §3, what is wrong with a token.
func tokenFailure(reason error) *failure {
	f := *errAccessToken
	f.message = "Provided access token is not valid: " + reason.Error() + "."
	return f.with("WWW-Authenticate", `Bearer error="invalid_token", error_description="`+reason.Error()+`"`)
}
