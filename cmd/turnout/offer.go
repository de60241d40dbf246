package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
	"time"

	"turnout/auth/token"
	"turnout/internal/api"
	"turnout/internal/config"
)

// tokenVerifier recognises own users' tokens and those of the configured issuers. k may be nil, for a check of the configuration alone; before
// too, where no other comes before it.
func tokenVerifier(l *config.Loaded, k *keep, before *token.Verifier, now func() time.Time) (*token.Verifier, error) {
	c := token.VerifierConfig{Now: now, Before: before}
	if k != nil {
		c.Keys, c.Issuer, c.Audience, c.Revoked = k.tokens, tokenIssuer(l, k), k.resource, k.revocations.TokenRevoked
	}
	for _, i := range l.API.Issuers {
		c.Issuers = append(c.Issuers, token.Issuer{
			Issuer: i.Issuer, Audience: i.Audience, JWKS: i.JWKS, SubjectClaim: i.SubjectClaim, Prefix: i.Prefix,
			Scopes: i.Scopes, ScopeClaim: i.ScopeClaim, ClassClaim: i.ClassClaim, Classes: i.Classes,
			BandwidthClaim: i.BandwidthClaim, MaxBandwidth: int64(i.MaxBandwidth), MaxAge: time.Duration(i.MaxAge),
		})
	}
	v, err := token.NewVerifier(c)
	if err != nil {
		return nil, unusable("api.issuers", err)
	}
	return v, nil
}

// tokenIssuer is the iss of own tokens: the public address where that is known, since others find the keys by it.
func tokenIssuer(l *config.Loaded, k *keep) string {
	if l.API.URL != "" {
		return l.API.URL
	}
	return "urn:turnout:" + k.resource
}

// newOffer makes the service that a configuration describes, over what is kept.
// meter, if not nil, counts what it does.
func (a *app) newOffer(l *config.Loaded, t trust, urls []string, verifier *token.Verifier, log *slog.Logger, meter api.Meter) (*api.Service, error) {
	k, d := t.keep, l.API.Dialects
	c := api.Config{
		Directory: k.directory, Revocations: k.revocations, Verifier: verifier, Issuer: a.parts.newIssuer(t.keyring),
		Minter:   &token.Minter{Keys: k.tokens, Issuer: tokenIssuer(l, k), Audience: k.resource},
		Resource: k.resource, Scopes: l.API.Scopes, AccessKeys: values(t.access), Keys: k.chain, URLs: urls,
		TTL: time.Duration(l.API.Credentials.TTL), MaxTTL: time.Duration(l.API.Credentials.MaxTTL),
		Address: l.API.Listen.Addr.Addr(), Names: l.API.Names, URL: l.API.URL, Origins: l.API.CORS,
		Dialects: api.Dialects{
			REST: reveal(d.REST.Keys), Cloudflare: revealMap(d.Cloudflare.Keys), Twilio: revealMap(d.Twilio.Accounts), Matrix: bool(d.Matrix),
		},
		Meter: meter, Now: a.now, Logger: log,
	}
	if l.API.Credentials.Subject == "pseudonym" {
		c.Pseudonym = k.pseudonym
	}
	s, err := api.New(c)
	if err != nil {
		return nil, unusable("api", err)
	}
	return s, nil
}

// offerOf makes the service of a configuration for a command of its own, which listens nowhere.
func (a *app) offerOf(ctx context.Context, l *config.Loaded, k *keep) (*api.Service, error) {
	t, err := a.trust(ctx, l, k)
	if err != nil {
		return nil, err
	}
	verifier, err := tokenVerifier(l, k, nil, a.now)
	if err != nil {
		return nil, err
	}
	urls := l.API.Advertise
	if len(urls) == 0 {
		if urls, err = a.configuredURLs(l); err != nil {
			return nil, err
		}
	}
	made, err := a.newOffer(l, t, urls, verifier, newLogger(l.Log, levelOf(l.Log), a.stderr), nil)
	if err != nil {
		return nil, err
	}
	t.adopt(l, &offer{service: made})
	return made, nil
}

// configuredURLs are those of the listeners, as far as their ports are known before they listen.
func (a *app) configuredURLs(l *config.Loaded) ([]string, error) {
	host, err := a.host()
	if err != nil {
		return nil, err
	}
	addresses, err := a.relayAddresses(l, host, func(text string) { fmt.Fprintln(a.stderr, "turnout: warning:", text) })
	if err != nil {
		return nil, err
	}
	tr, err := newTransports(l, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	stun, turn := serverURLs(listeners(l, host), addresses, tr.name())
	if len(turn) == 0 {
		return nil, errNoURL
	}
	return append(turn, stun...), nil
}

var errNoURL = usage("no URL can be made of the listeners: give them fixed ports, and an address of the same family in relay.addresses")

func reveal(secrets []config.Secret) (all []string) {
	for _, s := range secrets {
		all = append(all, s.Reveal())
	}
	return all
}

func revealMap(secrets map[string]config.Secret) map[string]string {
	all := make(map[string]string, len(secrets))
	for id, s := range secrets {
		all[id] = s.Reveal()
	}
	return all
}

// relayURLs are what clients are told: the configuration's, or those of the listeners.
func relayURLs(l *config.Loaded, r relaying) []string {
	if len(l.API.Advertise) > 0 {
		return l.API.Advertise
	}
	stun, turn := serverURLs(r.bound, r.config.RelayAddresses, r.name)
	return append(turn, stun...)
}

// endpoint is the address of a service that listens on addr.
func endpoint(l *config.Loaded, addr netip.AddrPort) string {
	if l.API.URL != "" {
		return l.API.URL
	}
	return (&url.URL{Scheme: l.API.Listen.Scheme, Host: addr.String()}).String()
}

// connectionString is what SDKs and commands take.
func connectionString(endpoint string, accessKey []byte) string {
	return fmt.Sprintf("endpoint=%s;accesskey=%s", endpoint, base64.StdEncoding.EncodeToString(accessKey))
}
