package token

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode"
)

// maxSubject is the longest foreign subject with its prefix, in bytes: it has to
// stand in a TURN username with what else belongs there.
const maxSubject = 400

// foreign verifies a token of another issuer.
func (v *Verifier) foreign(ctx context.Context, s source, c *compact) (Verified, error) {
	key, err := s.find(ctx, c)
	if err != nil {
		return Verified{}, err
	}
	if err := key.verify(c); err != nil {
		return Verified{}, err
	}
	var r Verified
	if err := v.times(c.claims, &r); err != nil {
		return Verified{}, err
	}
	if err := v.aged(&r, s.issuer.MaxAge); err != nil {
		return Verified{}, err
	}
	if err := audience(c.claims, s.issuer.Audience); err != nil {
		return Verified{}, err
	}
	if err := s.issuer.read(c.claims, &r); err != nil {
		return Verified{}, err
	}
	return r, scoped(s.issuer.Scopes, r.Scopes)
}

// aged refuses what is older than revocations are remembered. A token that does
// not say how old it is may be as old as its end allows.
func (v *Verifier) aged(r *Verified, most time.Duration) error {
	now := v.now()
	if r.Issued.IsZero() {
		if r.Expires.After(now.Add(most)) {
			return fmt.Errorf("%w: it has no iat and ends later than %v from now", ErrExpired, most)
		}
		return nil
	}
	if now.After(r.Issued.Add(most + v.skew)) {
		return fmt.Errorf("%w: it is older than %v", ErrExpired, most)
	}
	return nil
}

// read takes from the claims what the issuer's configuration says.
func (i *Issuer) read(o object, r *Verified) error {
	subject, err := o.text(i.SubjectClaim)
	if err != nil {
		return err
	}
	r.Subject = i.Prefix + ":" + subject
	if subject == "" || len(r.Subject) > maxSubject || strings.ContainsFunc(subject, unicode.IsControl) {
		return ErrSubject
	}
	if r.Scopes, err = i.scopes(o); err != nil {
		return err
	}
	if r.Class, err = i.class(o); err != nil {
		return err
	}
	if r.Bandwidth, err = i.bandwidth(o); err != nil {
		return err
	}
	r.ID, err = o.text("jti")
	return err
}

// scopes reads "scope" (RFC 8693 §4.2: separated by spaces), or "scp", which some
// issuers have instead, as text or as a list.
func (i *Issuer) scopes(o object) ([]string, error) {
	claim := i.ScopeClaim
	if claim == "" {
		claim = "scope"
		if _, ok := o.present(claim); !ok {
			claim = "scp"
		}
	}
	all, err := o.list(claim)
	if err != nil {
		return nil, err
	}
	var scopes []string
	for _, s := range all {
		scopes = append(scopes, strings.Fields(s)...)
	}
	return scopes, nil
}

// class maps the first value that means a class.
func (i *Issuer) class(o object) (string, error) {
	if i.ClassClaim == "" {
		return "", nil
	}
	o, name := follow(o, i.ClassClaim)
	values, err := o.list(name)
	if err != nil {
		return "", err
	}
	for _, value := range values {
		if class, ok := i.Classes[value]; ok {
			return class, nil
		}
		if len(i.Classes) == 0 && validClass(value) {
			return value, nil
		}
	}
	return "", nil
}

// bandwidth reads bits/s. What is no number refuses the token: to go on without it would
// give the user another bandwidth than the issuer meant.
func (i *Issuer) bandwidth(o object) (int64, error) {
	if i.BandwidthClaim == "" {
		return 0, nil
	}
	o, name := follow(o, i.BandwidthClaim)
	n, err := o.count(name)
	return min(n, i.MaxBandwidth), err
}

// follow finds the object that a claim stands in, and its name there: a name with a
// leading slash is a path. Where that leads nowhere, the object is empty.
func follow(o object, claim string) (object, string) {
	path, ok := strings.CutPrefix(claim, "/")
	if !ok {
		return o, claim
	}
	steps := strings.Split(path, "/")
	last := len(steps) - 1
	for _, step := range steps[:last] {
		raw, _ := o.present(step)
		inner, err := parseObject(raw)
		if err != nil {
			return object{}, steps[last]
		}
		o = inner
	}
	return o, steps[last]
}
