package api

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"turnout/auth"
)

// Dialects are other services' ways to ask for credentials, for programs that know
// no other. Each is off until it is given who may ask.
type Dialects struct {
	// REST are the keys of draft-uberti-behave-turn-rest-00.
	REST []string
	// Cloudflare are the tokens of Cloudflare's TURN service by key id.
	Cloudflare map[string]string
	// Twilio are the tokens of Twilio's Network Traversal service by account SID.
	Twilio map[string]string
	// Matrix answers homeservers' clients, which come with a user access token.
	Matrix bool
}

func (d *Dialects) check() error {
	empty := false
	for _, key := range d.REST {
		empty = empty || key == ""
	}
	for _, keys := range []map[string]string{d.Cloudflare, d.Twilio} {
		for id, key := range keys {
			empty = empty || id == "" || key == ""
		}
	}
	if empty {
		return errors.New("a dialect has an empty key")
	}
	return nil
}

func (d *Dialects) routes() []route {
	var all []route
	if len(d.REST) > 0 {
		all = append(all, restRoutes...)
	}
	if len(d.Cloudflare) > 0 {
		all = append(all, cloudflareRoutes...)
	}
	if len(d.Twilio) > 0 {
		all = append(all, twilioRoutes...)
	}
	if d.Matrix {
		all = append(all, matrixRoutes...)
	}
	return all
}

// on says whether a dialect is there, by the name that it has in the configuration.
func (d *Dialects) on(name string) bool {
	return map[string]bool{"rest": len(d.REST) > 0, "cloudflare": len(d.Cloudflare) > 0, "twilio": len(d.Twilio) > 0, "matrix": d.Matrix}[name]
}

// sameSecret compares in a time that tells neither where the two differ nor how
// long the right one is.
func sameSecret(got, want string) bool {
	a, b := sha256.Sum256([]byte(got)), sha256.Sum256([]byte(want))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// credentialFor makes a credential for a name that an application gave, random if
// that is empty.
func (r *request) credentialFor(name string, ttl time.Duration) (auth.Credential, error) {
	grant, err := r.grantOfName(name)
	if err != nil {
		return auth.Credential{}, err
	}
	return r.issue(grant, ttl)
}

// formTTL is [request.ttl] for a parameter of a form or a query.
func (r *request) formTTL(values url.Values, name string) (time.Duration, error) {
	r.object = object{}
	if text := values.Get(name); text != "" {
		r.object[name] = []byte(text)
	}
	return r.ttl(name, 1, r.service.TTL)
}

// uriAnswer is the answer of the REST draft and of Matrix.
type uriAnswer struct {
	Username string   `json:"username"`
	Password string   `json:"password"`
	TTL      int64    `json:"ttl"` // seconds
	URIs     []string `json:"uris"`
}

func (r *request) uriAnswer(c auth.Credential) reply {
	return reply{status: http.StatusOK, body: uriAnswer{c.Username, c.Password, secondsUntil(c.Expires, r.now), r.service.turn}}
}

// bearer is the token of an Authorization header, "" where there is none.
func bearer(r *request) string {
	scheme, parameters, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(parameters)
}
