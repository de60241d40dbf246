package token

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	defaultSkew = 30 * time.Second
	maxSkew     = time.Minute
)

// A VerifierConfig says whose tokens a [Verifier] takes.
type VerifierConfig struct {
	// Keys verify own tokens. If nil, there are none. Its replacements take effect at once.
	Keys *KeySet
	// Issuer and Audience of own tokens, compared exactly. Required with Keys.
	Issuer, Audience string
	// Scopes, of which an own token needs one. If empty, any will do.
	Scopes []string
	// Issuers are the others whose tokens are taken.
	Issuers []Issuer
	// Revoked is asked last, on every token that is right otherwise. generation is
	// 0 for a token of another issuer, issued is zero where it is not known. It is
	// called concurrently. If nil, nothing is revoked.
	Revoked func(subject string, generation uint64, issued, expires time.Time) bool
	// Skew is how far apart clocks may be: nbf, iat and exp are off by that much
	// at most. At most a minute; if zero, 30 s; below zero, none.
	Skew time.Duration
	// Client fetches the key sets of other issuers. Its redirects are refused, and
	// its timeout is at most 5 s. If nil, one of its own.
	Client *http.Client
	// Now is the clock. If nil, time.Now.
	Now func() time.Time
	// Before is a verifier in whose place this one comes: of an issuer whose keys are to
	// be had where they were, those that it has stay. If nil, all have to be fetched.
	Before *Verifier
}

// A Verifier recognises own tokens and those of other issuers. It is safe for
// concurrent use.
type Verifier struct {
	keys             *KeySet
	issuer, audience string
	scopes           []string
	sources          map[string]source // by issuer, never changed
	revoked          func(subject string, generation uint64, issued, expires time.Time) bool
	skew             time.Duration
	now              func() time.Time
}

// NewVerifier checks c, and tells all that is wrong at once. It fetches nothing:
// [Verifier.Run] does, or else the first token of an issuer.
func NewVerifier(c VerifierConfig) (*Verifier, error) {
	v := &Verifier{
		keys: c.Keys, issuer: c.Issuer, audience: c.Audience, scopes: slices.Clone(c.Scopes),
		sources: map[string]source{}, revoked: c.Revoked, skew: c.Skew, now: c.Now,
	}
	if v.now == nil {
		v.now = time.Now
	}
	switch {
	case v.skew == 0:
		v.skew = defaultSkew
	case v.skew < 0:
		v.skew = 0
	}
	var errs []error
	if v.skew > maxSkew {
		errs = append(errs, fmt.Errorf("skew %v: at most %v", v.skew, maxSkew))
	}
	if v.keys != nil && (v.issuer == "" || v.audience == "") {
		errs = append(errs, errors.New("own tokens need an issuer and an audience"))
	}
	client := fetcher(c.Client)
	prefixes := map[string]bool{}
	for _, i := range c.Issuers {
		if err := i.complete(); err != nil {
			errs = append(errs, fmt.Errorf("issuer %q: %w", i.Issuer, err))
			continue
		}
		if _, twice := v.sources[i.Issuer]; twice || v.keys != nil && i.Issuer == v.issuer {
			errs = append(errs, fmt.Errorf("issuer %q stands twice", i.Issuer))
		}
		// Two issuers with one prefix could name each other's users.
		if prefixes[i.Prefix] {
			errs = append(errs, fmt.Errorf("issuer %q: prefix %q is taken", i.Issuer, i.Prefix))
		}
		prefixes[i.Prefix] = true
		keys := &fetched{url: i.JWKS, client: client, now: v.now}
		if c.Before != nil {
			if known, ok := c.Before.sources[i.Issuer]; ok && known.url == i.JWKS {
				keys = known.fetched
			}
		}
		v.sources[i.Issuer] = source{i, keys}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return v, nil
}

// Verify says what a token says, if all of it is right. The error matches one of
// the sentinels of this package. It waits, for 5 s at most, only where the keys of
// another issuer have to be fetched first; ctx can end that.
//
// Expiry, audience, scope and revocation are looked at after the signature: who
// makes up a token learns nothing of them.
func (v *Verifier) Verify(ctx context.Context, token string) (Verified, error) {
	c, err := parseCompact(token)
	if err != nil {
		return Verified{}, err
	}
	issuer, err := c.claims.text("iss")
	if err != nil {
		return Verified{}, err
	}
	var r Verified
	if v.keys != nil && issuer == v.issuer {
		r, err = v.own(&c)
	} else if s, ok := v.sources[issuer]; ok {
		r, err = v.foreign(ctx, s, &c)
	} else {
		return Verified{}, ErrIssuer
	}
	if err != nil {
		return Verified{}, err
	}
	r.Issuer = issuer
	if v.revoked != nil && v.revoked(r.Subject, r.Generation, r.Issued, r.Expires) {
		return Verified{}, ErrRevoked
	}
	return r, nil
}

// own verifies a token that the service minted.
func (v *Verifier) own(c *compact) (Verified, error) {
	key := v.keys.find(c.key, v.now())
	if key == nil {
		return Verified{}, ErrSignature
	}
	if err := key.public.verify(c); err != nil {
		return Verified{}, err
	}
	r := Verified{Own: true}
	if err := v.times(c.claims, &r); err != nil {
		return Verified{}, err
	}
	if err := audience(c.claims, v.audience); err != nil {
		return Verified{}, err
	}
	if err := readOwn(c.claims, &r); err != nil {
		return Verified{}, err
	}
	return r, scoped(v.scopes, r.Scopes)
}

// readOwn reads what a minter wrote: the signature was right, so what does not fit
// was signed by another version, or for another purpose.
func readOwn(o object, r *Verified) error {
	var err error
	if r.Subject, err = o.text("sub"); err != nil {
		return err
	}
	if !strings.HasPrefix(r.Subject, ReservedPrefix) {
		return ErrSubject
	}
	scopes, err := o.text("acsScope")
	if err != nil {
		return err
	}
	if scopes != "" {
		r.Scopes = strings.Split(scopes, ",")
	}
	generation, err := o.count(claimGen)
	if err != nil {
		return err
	}
	issued, err := o.count(claimIssued)
	if err != nil {
		return err
	}
	if generation == 0 || r.Issued.IsZero() || issued/1000 != r.Issued.Unix() {
		return fmt.Errorf("%w: no generation, or no time of issue", ErrMalformed)
	}
	r.Generation, r.Issued = uint64(generation), time.UnixMilli(issued)
	if r.Class, err = o.text(claimClass); err != nil {
		return err
	}
	r.ID, err = o.text("jti")
	return err
}

// times reads exp, nbf and iat and holds them against the clock (RFC 7519 §4.1.4 to §4.1.6).
func (v *Verifier) times(o object, r *Verified) error {
	var err error
	if r.Expires, err = o.time("exp"); err != nil {
		return err
	}
	if r.Issued, err = o.time("iat"); err != nil {
		return err
	}
	notBefore, err := o.time("nbf")
	if err != nil {
		return err
	}
	now := v.now()
	switch {
	case r.Expires.IsZero():
		return fmt.Errorf("%w: no exp", ErrMalformed)
	case !now.Before(r.Expires.Add(v.skew)):
		return ErrExpired
	case notBefore.After(now.Add(v.skew)), r.Issued.After(now.Add(v.skew)):
		return ErrNotYetValid
	}
	return nil
}

// audience wants this exact name among those the token is meant for (RFC 7519 §4.1.3).
func audience(o object, want string) error {
	all, err := o.list("aud")
	if err != nil {
		return err
	}
	if !slices.Contains(all, want) {
		return ErrAudience
	}
	return nil
}

func scoped(want, have []string) error {
	if len(want) == 0 || slices.ContainsFunc(want, func(s string) bool { return slices.Contains(have, s) }) {
		return nil
	}
	return ErrScope
}

// Run keeps the key sets of the other issuers fresh until ctx ends.
func (v *Verifier) Run(ctx context.Context) {
	var wait sync.WaitGroup
	for _, s := range v.sources {
		wait.Go(func() { s.run(ctx) })
	}
	wait.Wait()
}

// Status tells of every other issuer, sorted by name, whether its keys are at hand.
func (v *Verifier) Status() []IssuerStatus {
	var all []IssuerStatus
	for _, s := range v.sources {
		all = append(all, s.status())
	}
	slices.SortFunc(all, func(a, b IssuerStatus) int { return strings.Compare(a.Issuer, b.Issuer) })
	return all
}
