package main

import (
	"context"
	"net/http"
	"sync/atomic"

	"turnout/auth/token"
	"turnout/internal/api"
)

// An offer answers the service's requests by what a configuration says.
type offer struct {
	service  *api.Service
	verifier *token.Verifier
	stop     context.CancelFunc // of the verifier; nil before useOffer
}

// A replaceable handler passes requests on to one that may be replaced at any time. Requests under way go on with the one
// that they began with.
type replaceable struct{ current atomic.Pointer[api.Service] }

func (h *replaceable) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.current.Load().ServeHTTP(w, r)
}

// nextOffer makes the service of a configuration; nil where there is none.
func (s *service) nextOffer(now *running) (*offer, error) {
	if s.api == nil {
		return nil, nil
	}
	t := now.trust
	verifier, err := tokenVerifier(now.loaded, t.keep, s.verifier.Load(), s.app.now)
	if err != nil {
		return nil, err
	}
	meter := s.meter.Listener("api")
	service, err := s.app.newOffer(now.loaded, t, relayURLs(now.loaded, now.relaying), verifier, s.log, meter)
	if err != nil {
		return nil, err
	}
	meter.Start(service.Routes()...)
	s.meter.Offers(api.DialectNames(), api.Results(), api.Changes())
	return &offer{service: service, verifier: verifier}, nil
}

// useOffer has an offer answer from now on, and its verifier look after other issuers' keys.
func (s *service) useOffer(o *offer) {
	if o == nil {
		return
	}
	var ctx context.Context
	ctx, o.stop = context.WithCancel(s.background)
	s.keep.Load().background.Go(func() { o.verifier.Run(ctx) })
	s.verifier.Store(o.verifier)
	s.health.set("issuers", issuersProbe(o.verifier))
	s.handler.current.Store(o.service)
	if s.offer != nil {
		s.offer.stop()
	}
	s.offer = o
}
