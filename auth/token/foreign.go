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
	if i.BandwidthClaim != "" {
		if r.Bandwidth, err = o.count(i.BandwidthClaim); err != nil {
			return err
		}
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
	name := i.ClassClaim
	if path, ok := strings.CutPrefix(name, "/"); ok {
		steps := strings.Split(path, "/")
		for _, step := range steps[:len(steps)-1] {
			raw, _ := o.present(step)
			inner, err := parseObject(raw)
			if err != nil {
				return "", nil // nothing there
			}
			o = inner
		}
		name = steps[len(steps)-1]
	}
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
