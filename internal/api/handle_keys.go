package api

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"
)

// A Purpose is what a key is for.
type Purpose string

// The purposes, in the words of the configuration where that has a key for it.
const (
	RelaySecrets Purpose = "secrets"     // auth.secrets: credentials are derived from them
	AccessKeys   Purpose = "access-keys" // api.access-keys: applications sign requests with them
	TokenKeys    Purpose = "token-keys"  // user access tokens are signed with them
)

// Purposes are all of them.
var Purposes = []Purpose{RelaySecrets, AccessKeys, TokenKeys}

// ErrConfigured is the error of a rotation of keys that stand in the configuration.
var ErrConfigured = errors.New("these keys stand in the configuration")

// ErrTooMany is the error of a rotation that comes before enough earlier ones are over.
var ErrTooMany = errors.New("too many keys still verify")

// Keys are what a service lives on. A [Service] shows their names and has new ones made.
type Keys interface {
	// List tells of every key, those of a purpose together. It gives no secret.
	List(ctx context.Context, now time.Time) ([]Key, error)
	// Rotate makes a new key and gives its secret where callers have to know it. The
	// error matches [ErrConfigured] where the keys are not the store's to change,
	// [ErrTooMany], or an error of package identity.
	Rotate(ctx context.Context, r Rotation, now time.Time) (secret string, err error)
}

// A Key tells of a key, and nothing of what it consists of.
type Key struct {
	Purpose   Purpose `json:"purpose"`
	ID        string  `json:"id"`
	Algorithm string  `json:"algorithm,omitempty"` // of one that signs tokens
	// Configured says that it stands in the configuration, and is rotated there.
	Configured bool `json:"configured,omitempty"`
	// State is coming for one that will issue or sign from From on, current for the one
	// that does, verifying for one whose time is over.
	State string `json:"state"`
	From  string `json:"from,omitempty"`  // RFC 3339
	Until string `json:"until,omitempty"` // RFC 3339; when it ceases to verify
}

// States of a key.
const (
	KeyComing    = "coming"
	KeyCurrent   = "current"
	KeyVerifying = "verifying"
)

// A Rotation asks for a new key in the place of the present ones.
type Rotation struct {
	Purpose Purpose
	// Lead is how long the new key waits before it issues or signs, so that everybody has
	// heard of it. If negative, as long as is usual for the purpose.
	Lead time.Duration
	// Overlap is how long the old ones go on to verify: of access keys, whose users are
	// known to nobody here. The other purposes' follow from how long what was made
	// with them lives. If negative, the usual one.
	Overlap time.Duration
	// AtOnce ends the old ones now.
	AtOnce bool
}

// A KeyList is the answer to a question for keys, and to a rotation.
type KeyList struct {
	Keys []Key `json:"keys"`
	// AccessKey is a new access key, in base64: of a rotation of those only.
	AccessKey string `json:"accessKey,omitempty"`
}

var keyRoutes = []route{
	{method: http.MethodGet, pattern: "/v1/keys", admits: byKey, serve: listKeys},
	{method: http.MethodPost, pattern: "/v1/keys/rotation", admits: byKey, content: jsonContent, serve: rotateKeys},
}

func listKeys(r *request) (reply, error) {
	all, err := r.service.Keys.List(r.Context(), r.now)
	return reply{status: http.StatusOK, body: KeyList{Keys: all}}, err
}

// longestLead bounds what a rotation may be put off by, and keys may overlap.
const longestLead = 90 * 24 * time.Hour

func rotateKeys(r *request) (reply, error) {
	asked, err := r.rotation()
	if err != nil {
		return reply{}, err
	}
	var answer KeyList
	if answer.AccessKey, err = r.service.Keys.Rotate(r.Context(), asked, r.now); err != nil {
		return reply{}, err
	}
	r.service.Logger.Info("keys were rotated", "purpose", string(asked.Purpose), "at_once", asked.AtOnce)
	answer.Keys, err = r.service.Keys.List(r.Context(), r.now)
	return reply{status: http.StatusOK, body: answer}, err
}

// rotation reads what is asked for.
func (r *request) rotation() (asked Rotation, err error) {
	purpose, err := r.object.text("purpose")
	if err != nil {
		return asked, err
	}
	if asked.Purpose = Purpose(purpose); !slices.Contains(Purposes, asked.Purpose) {
		return asked, invalid("purpose", "purpose must be secrets, access-keys or token-keys.")
	}
	if asked.AtOnce, err = r.object.boolean("atOnce"); err != nil {
		return asked, err
	}
	for _, d := range []struct {
		name string
		into *time.Duration
	}{{"lead", &asked.Lead}, {"overlap", &asked.Overlap}} {
		seconds, given, err := r.object.integer(d.name)
		switch {
		case err != nil:
			return asked, err
		case !given:
			*d.into = -1
		case seconds < 0 || seconds > int64(longestLead/time.Second):
			return asked, outOfRange(d.name, seconds, 0, int64(longestLead/time.Second))
		default:
			*d.into = time.Duration(seconds) * time.Second
		}
	}
	return asked, nil
}
