package token

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"turnout/auth"
)

// DefaultMaxAge is how old tokens of other issuers may be.
const DefaultMaxAge = 24 * time.Hour

// An Issuer is another service whose access tokens are taken: an OpenID Connect
// provider, or whoever else signs JWTs and publishes its keys.
type Issuer struct {
	// Issuer is the exact iss of its tokens. Required.
	Issuer string
	// Audience is what must stand in aud, exactly. Required: without it a token
	// made for any other application of that issuer would do.
	Audience string
	// JWKS is the URL of its JWK set: https, or http on loopback. Required.
	JWKS string
	// SubjectClaim names the claim that tells users apart. If empty, "sub".
	SubjectClaim string
	// Prefix and a colon stand before its subjects, so that no two issuers name the
	// same user. It contains no colon. If empty, the host of Issuer.
	Prefix string
	// ScopeClaim holds scopes, separated by spaces or as a list. If empty, "scope",
	// or where a token has none, "scp".
	ScopeClaim string
	// Scopes, of which a token needs one. If empty, any will do.
	Scopes []string
	// ClassClaim holds a string or a list of strings from which the quota class
	// comes; a leading slash makes it a path, as in /realm_access/roles. If empty,
	// or where no value means a class, the default class.
	ClassClaim string
	// Classes are values of ClassClaim and the classes they mean; the first value
	// of the token that stands here counts. If empty, a value is itself the class.
	Classes map[string]string
	// BandwidthClaim holds what the user may relay in bits/s, a whole number that takes
	// the place of the class's bandwidth; a leading slash makes it a path. If empty, or
	// where a token has none or 0, the class's.
	BandwidthClaim string
	// MaxBandwidth bounds BandwidthClaim: of a larger number it is what counts. If zero,
	// [auth.MaxBandwidth].
	MaxBandwidth int64
	// MaxAge is how old a token may be, whatever its exp: revocations must be
	// remembered for that long. If zero, [DefaultMaxAge].
	MaxAge time.Duration
}

// complete fills in what may be left out, or tells all that is wrong.
func (i *Issuer) complete() error {
	var errs []error
	if i.Issuer == "" {
		errs = append(errs, errors.New("has no name"))
	}
	if i.Audience == "" {
		errs = append(errs, errors.New("no audience: tokens made for any other application would be taken"))
	}
	if err := checkKeyURL(i.JWKS); err != nil {
		errs = append(errs, fmt.Errorf("jwks %q: %w", i.JWKS, err))
	}
	if i.SubjectClaim == "" {
		i.SubjectClaim = "sub"
	}
	if i.Prefix == "" {
		if u, err := url.Parse(i.Issuer); err == nil {
			i.Prefix = u.Hostname()
		}
	}
	if err := checkPrefix(i.Prefix); err != nil {
		errs = append(errs, fmt.Errorf("prefix %q: %w", i.Prefix, err))
	}
	for _, class := range slices.Sorted(maps.Values(i.Classes)) {
		if !validClass(class) {
			errs = append(errs, fmt.Errorf("class %q: want 1 to 16 of a-z, 0-9 and -", class))
		}
	}
	if i.MaxBandwidth < 0 || i.MaxBandwidth > auth.MaxBandwidth {
		errs = append(errs, fmt.Errorf("max bandwidth %d: want 0 to %d bits/s", i.MaxBandwidth, int64(auth.MaxBandwidth)))
	}
	if i.MaxBandwidth == 0 {
		i.MaxBandwidth = auth.MaxBandwidth
	}
	if i.MaxAge < 0 {
		errs = append(errs, fmt.Errorf("max age %v is negative", i.MaxAge))
	}
	if i.MaxAge == 0 {
		i.MaxAge = DefaultMaxAge
	}
	return errors.Join(errs...)
}

// checkPrefix keeps other issuers out of each other's names and out of ours.
func checkPrefix(p string) error {
	switch {
	case p == "":
		return errors.New("is empty, and the issuer names no host to take it from")
	case strings.ContainsFunc(p, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == ':' }):
		return errors.New("want printable ASCII without colons, quotes and spaces")
	case p == strings.SplitN(ReservedPrefix, ":", 2)[0]:
		return errors.New("is reserved for this service's own users")
	}
	return nil
}

// checkKeyURL wants keys to come from who they claim to come from. A loopback
// address needs no TLS for that.
func checkKeyURL(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.User != nil {
		return errors.New("want an https URL")
	}
	switch u.Scheme {
	case "https":
		return nil
	case "http":
		if a, err := netip.ParseAddr(u.Hostname()); u.Hostname() == "localhost" || err == nil && a.IsLoopback() {
			return nil
		}
		return errors.New("http is for loopback addresses only: want https")
	}
	return errors.New("want an https URL")
}
