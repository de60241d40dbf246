package api

import (
	"bytes"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"turnout/auth/token"
)

// maxBody is the longest body that is read, in bytes. The longest that makes sense
// has a token of 8 KiB in it.
const maxBody = 64 << 10

// A request is one request on its way through its route.
type request struct {
	*http.Request
	service *Service
	match   match
	now     time.Time

	// Who asks, after authentication: an application with an access key, or a user.
	key  bool
	user *token.Verified

	product string // what it asks for, as its route says at first; empty for none

	signedHash string // x-ms-content-sha256, where a signature covers it
	version    string // api-version
	object     object // of a JSON body
	form       url.Values
}

// run takes a request through its route, and counts what came of it.
func (r *request) run() (answer reply, err error) {
	r.product = r.match.product
	err = errInternal // what stays of a handler that panics
	defer func() { r.decided(err) }()
	return r.follow()
}

// follow finds out who asks, then what was sent, then does what is to be done.
func (r *request) follow() (reply, error) {
	if err := r.authenticate(); err != nil {
		return reply{}, err
	}
	if err := r.read(); err != nil {
		return reply{}, err
	}
	if err := r.checkVersion(); err != nil {
		return reply{}, err
	}
	return r.match.serve(r)
}

// authenticate finds out who asks.
func (r *request) authenticate() error {
	admits := r.match.admits
	if admits == 0 {
		return nil
	}
	if admits&bySelf != 0 {
		return r.match.authenticate(r)
	}
	all := r.Header.Values("Authorization")
	if len(all) != 1 {
		return r.challenge()
	}
	scheme, parameters, _ := strings.Cut(all[0], " ")
	switch {
	case admits&byKey != 0 && strings.EqualFold(scheme, signatureScheme):
		r.key = true
		r.signedHash = r.Header.Get(hashHeader)
		return r.service.verifySignature(r.Request, parameters, r.now)
	case admits&byToken != 0 && strings.EqualFold(scheme, "Bearer"):
		return r.authenticateUser(strings.TrimSpace(parameters))
	}
	return r.challenge()
}

// authenticateUser takes a user access token that is for relay credentials: no route
// that takes one gives anything else.
func (r *request) authenticateUser(text string) error {
	v, err := r.service.Verifier.Verify(r.Context(), text)
	if err != nil {
		return err
	}
	scopes := r.service.Scopes
	if v.Own && len(scopes) > 0 && !slices.ContainsFunc(v.Scopes, func(s string) bool { return slices.Contains(scopes, s) }) {
		return errScope
	}
	r.user = &v
	return nil
}

// challenge names the ways in (RFC 9110 §11.6.1).
func (r *request) challenge() *failure {
	f := errDenied
	if r.match.admits&byKey != 0 {
		f = f.with("WWW-Authenticate", signatureScheme)
	}
	if r.match.admits&byToken != 0 {
		f = f.with("WWW-Authenticate", "Bearer")
	}
	return f
}

// read reads the body and takes it apart.
func (r *request) read() error {
	if r.ContentLength > maxBody {
		return errTooLarge
	}
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxBody))
	var long *http.MaxBytesError
	switch {
	case errors.As(err, &long):
		return errTooLarge
	case errors.Is(err, os.ErrDeadlineExceeded):
		return errTimeout
	case err != nil:
		return malformed("did not arrive whole")
	}
	if r.key && subtle.ConstantTimeCompare([]byte(contentHash(body)), []byte(r.signedHash)) != 1 {
		return errContentHash
	}
	if r.match.content == noContent || len(body) == 0 {
		return nil
	}
	want := "application/json"
	if r.match.content == formContent {
		want = "application/x-www-form-urlencoded"
	}
	if err := r.checkType(want); err != nil {
		return err
	}
	if r.match.content == formContent {
		if r.form, err = url.ParseQuery(string(body)); err != nil {
			return malformed("is not a form")
		}
		return nil
	}
	r.object, err = parseObject(bytes.TrimPrefix(body, []byte("\xEF\xBB\xBF")))
	return err
}

// checkType admits a body of unnamed type: that of the contract is JSON.
func (r *request) checkType(want string) error {
	if r.Header.Get("Content-Encoding") != "" {
		return errMediaType
	}
	all := r.Header.Get("Content-Type")
	if all == "" {
		return nil
	}
	got, _, err := mime.ParseMediaType(all)
	if err != nil || got != want && !(want == "application/json" && strings.HasSuffix(got, "+json")) {
		return errMediaType
	}
	return nil
}

// checkVersion wants an api-version that the route knows.
func (r *request) checkVersion() error {
	if r.match.versions == nil {
		return nil
	}
	all := r.URL.Query()["api-version"]
	if len(all) != 1 || all[0] == "" {
		return &failure{status: http.StatusBadRequest, code: "MissingApiVersionParameter",
			message: "The api-version query parameter (?api-version=) is required for all requests."}
	}
	for _, v := range r.match.versions {
		if v == all[0] {
			r.version = v
			return nil
		}
	}
	return &failure{status: http.StatusBadRequest, code: "UnsupportedApiVersion", message: fmt.Sprintf(
		"The HTTP resource that matches the request URI '%s' does not support the API version '%.32s'.", r.address(), all[0])}
}

// address is the request's address without its query, as the caller wrote it.
func (r *request) address() string { return r.base() + r.URL.EscapedPath() }

// base is the service's address, as far as it or the request tells.
func (r *request) base() string {
	if r.service.URL != "" {
		return r.service.URL
	}
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}
