// Package api is the service over HTTP: it turns access keys and user access
// tokens into identities, tokens and relay credentials.
//
// It speaks the contract of Azure Communication Services' identity and network
// traversal SDKs, so that programs written for these work against it unchanged; a
// native endpoint whose answer a browser takes as it is; and, where switched on,
// the dialects of other credential services. GET /openapi.json describes all of it.
//
// A [Service] is an http.Handler. Every answer,
// of an unknown path and of a panic too, is JSON in the contract's form: the SDKs
// understand no other. Nothing is ever redirected.
package api

import (
	"cmp"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"turnout/auth"
	"turnout/auth/identity"
	"turnout/auth/token"
	"turnout/internal/web"
)

// A Config describes a Service. Zero fields are defaults; Directory, Revocations,
// Minter, Verifier, Issuer, Resource, AccessKeys, Keys and URLs are required.
type Config struct {
	// Directory keeps the users.
	Directory *identity.Directory
	// Revocations is the view that the directory writes to.
	Revocations *identity.Revocations
	// Minter makes the tokens of own users; its keys are published as a JWK set.
	Minter *token.Minter
	// Verifier recognises user access tokens. It asks own ones for no scope.
	Verifier *token.Verifier
	// Scopes, of which an own token needs one for relay credentials. If empty, any
	// will do. Those of other issuers' tokens are the verifier's matter.
	Scopes []string
	// Issuer makes relay credentials.
	Issuer *auth.Issuer
	// Resource is the GUID in the ids of own users.
	Resource string
	// AccessKeys sign requests of applications: any of them will do, so that they
	// can be changed one after the other.
	AccessKeys [][]byte
	// Keys are all that the service lives on, those in AccessKeys, Minter and Issuer, to
	// be listed and rotated. Whoever rotates them calls [Service.SetAccessKeys]; minter
	// and issuer follow their key set and keyring.
	Keys Keys
	// URLs are those of the relay (RFC 7064, RFC 7065), in the order in which
	// clients should try them.
	URLs []string

	// TTL is the life of a credential for which no other was asked. If zero, 24 h.
	TTL time.Duration
	// MaxTTL is the longest life of a credential. If zero, 48 h.
	MaxTTL time.Duration
	// Pseudonym, if not nil, gives the name that stands in usernames in a
	// subject's place: TURN sends usernames in clear.
	Pseudonym func(subject string) string

	// Address is where the service listens: on loopback it answers to its own names
	// only. If not valid, it answers to every name.
	Address netip.Addr
	// Names are host names, besides localhost and the address, that a listener on
	// loopback answers to: those by which a reverse proxy is reached.
	Names []string
	// URL is the service's public address, without a slash at the end. If empty, it is
	// taken from the requests that need it.
	URL string
	// Origins are those of web pages that may call the routes that take a user's
	// token; "*" is every one. If empty, browsers allow pages of the service's own only.
	Origins []string
	// Dialects are ways to ask for credentials besides the contract's. If empty, none.
	Dialects Dialects

	// Meter counts what is done. If nil, nothing is.
	Meter Meter
	// Now is the clock. If nil, time.Now.
	Now func() time.Time
	// Logger takes what an operator should read. If nil, slog.Default.
	Logger *slog.Logger
}

// A Service answers requests. It is safe for concurrent use.
type Service struct {
	Config
	keys   atomic.Pointer[[][]byte] // access keys
	routes []route
	hosts  web.Hosts // names it answers to
	stun   []string  // URLs
	turn   []string
}

const (
	defaultTTL    = 24 * time.Hour
	defaultMaxTTL = 48 * time.Hour
)

// New checks c.
func New(c Config) (*Service, error) {
	c.TTL = cmp.Or(c.TTL, defaultTTL)
	c.MaxTTL = cmp.Or(c.MaxTTL, defaultMaxTTL)
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	s := &Service{Config: c}
	s.SetAccessKeys(c.AccessKeys)
	for _, u := range c.URLs {
		if strings.HasPrefix(u, "stun:") || strings.HasPrefix(u, "stuns:") {
			s.stun = append(s.stun, u)
		} else {
			s.turn = append(s.turn, u)
		}
	}
	s.hosts = web.HostsOf(c.Address, c.Names...)
	var err error
	s.routes, err = s.allRoutes()
	return s, err
}

func (c *Config) check() error {
	var errs []error
	need := func(ok bool, what string) {
		if !ok {
			errs = append(errs, errors.New(what))
		}
	}
	need(c.Directory != nil && c.Revocations != nil, "a service needs a directory and its revocations")
	need(c.Minter != nil && c.Verifier != nil, "a service needs a minter and a verifier of tokens")
	need(c.Issuer != nil, "a service needs an issuer of credentials")
	need(c.Resource != "", "a service needs a resource")
	need(c.Keys != nil, "a service needs the list of its keys")
	need(slices.ContainsFunc(c.URLs, func(u string) bool { return strings.HasPrefix(u, "turn") }), "a service needs the URL of a relay")
	need(c.TTL > 0 && c.MaxTTL >= c.TTL, "the longest life of credentials is shorter than the usual one")
	return errors.Join(append(errs, c.Dialects.check())...)
}

// SetAccessKeys puts other access keys in place of the present ones.
func (s *Service) SetAccessKeys(keys [][]byte) { s.keys.Store(&keys) }

var _ http.Handler = (*Service)(nil)
