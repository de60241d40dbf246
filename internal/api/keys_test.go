package api

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"turnout/auth/identity"
)

// A keyBox shows one key and notes what is asked of it.
type keyBox struct {
	asked Rotation
	err   error
}

func (b *keyBox) List(context.Context, time.Time) ([]Key, error) {
	return []Key{{Purpose: TokenKeys, ID: "k1", Algorithm: "EdDSA", State: KeyCurrent, From: timestamp(noon)}}, nil
}

func (b *keyBox) Rotate(_ context.Context, r Rotation, _ time.Time) (string, error) {
	b.asked = r
	if r.Purpose == AccessKeys && b.err == nil {
		return "c2VjcmV0", nil
	}
	return "", b.err
}

// TestKeys lists keys and has them rotated, for applications only.
func TestKeys(t *testing.T) {
	t.Parallel()
	box := &keyBox{}
	f := newFixture(t, func(c *Config) { c.Keys = box })
	if got := answers[KeyList](t, f.call("GET", "/v1/keys", ""), 200); len(got.Keys) != 1 || got.AccessKey != "" {
		t.Errorf("%+v", got)
	}
	for body, want := range map[string]Rotation{
		`{"purpose":"secrets"}`:                                        {RelaySecrets, -1, -1, false},
		`{"purpose":"token-keys","lead":60,"atOnce":false}`:            {TokenKeys, time.Minute, -1, false},
		`{"purpose":"access-keys","overlap":0,"lead":null}`:            {AccessKeys, -1, 0, false},
		`{"purpose":"access-keys","overlap":7776000,"atOnce":true}`:    {AccessKeys, -1, longestLead, true},
		`{"purpose":"secrets","lead":0,"overlap":3600,"atOnce":true }`: {RelaySecrets, 0, time.Hour, true},
	} {
		got := answers[KeyList](t, f.call("POST", "/v1/keys/rotation", body), 200)
		if box.asked != want || (got.AccessKey != "") != (want.Purpose == AccessKeys) || len(got.Keys) != 1 {
			t.Errorf("%s: asked for %+v, answered %+v", body, box.asked, got)
		}
	}
	if !strings.Contains(f.log.String(), "keys were rotated") || strings.Contains(f.log.String(), "c2VjcmV0") {
		t.Errorf("log: %s", f.log)
	}
	box.asked = Rotation{}
	for body, target := range map[string]string{
		``: "purpose", `{"purpose":"users"}`: "purpose", `{"purpose":1}`: "purpose", `{"purpose":"secrets","atOnce":"yes"}`: "atOnce",
		`{"purpose":"secrets","atOnce":1}`: "atOnce", `{"purpose":"secrets","lead":-1}`: "lead", `{"purpose":"secrets","lead":1.5}`: "lead",
		`{"purpose":"access-keys","overlap":7776001}`: "overlap",
	} {
		refused(t, f.call("POST", "/v1/keys/rotation", body), 400, "ValidationError", target)
	}
	_, text := f.user()
	refused(t, f.call("GET", "/v1/keys", "", bearing(text)), 401, "Denied", "")
	refused(t, f.call("POST", "/v1/keys/rotation", `{"purpose":"secrets"}`, bearing(text)), 401, "Denied", "")
	refused(t, f.call("POST", "/v1/keys/rotation", `{"purpose":"secrets"}`, unsigned), 401, "Denied", "")
	if box.asked != (Rotation{}) {
		t.Errorf("who may not ask has had %+v done", box.asked)
	}
	for _, c := range []struct {
		err    error
		status int
		code   string
		target string
	}{
		{fmt.Errorf("auth.secrets: %w", ErrConfigured), 409, "KeysConfigured", "purpose"},
		{identity.ErrUnavailable, 503, "ServiceUnavailable", ""},
		{fmt.Errorf("9 %w", ErrTooMany), 409, "TooManyKeys", "purpose"},
	} {
		box.err = c.err
		refused(t, f.call("POST", "/v1/keys/rotation", `{"purpose":"secrets"}`), c.status, c.code, c.target)
	}
}
