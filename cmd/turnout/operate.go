package main

import (
	"context"
	"errors"

	"turnout/internal/admin"
	"turnout/internal/config"
)

// operation is what operators see of the service and do to it, over the admin listener.
func (s *service) operation(l *config.Loaded, tr *transports) (*admin.API, error) {
	var token *admin.Token
	if l.Admin.TokenFile != "" {
		var err error
		if token, err = admin.OpenToken(l.Admin.TokenFile, s.log); err != nil {
			return nil, unusable("admin.token-file", err)
		}
	}
	b := build()
	return &admin.API{
		Relay: func() admin.Relay {
			if server := s.relay.Load(); server != nil {
				return *server
			}
			return nil
		},
		Control: s,
		Build:   admin.Build{Version: b.Version, Revision: b.Revision},
		Started: s.started,
		Token:   token,
		Drops:   func(yield func(reason string, n uint64)) { tr.secured.Stats().EachDrop(yield) },
	}, nil
}

// listenOperator opens a listener of operators.
func listenOperator(at config.OperatorAddress, c admin.Config) (*admin.Server, error) {
	if at.Socket != "" {
		return admin.NewOnSocket(at.Socket, c)
	}
	return admin.New(at.AddrPort, c)
}

// Drain refuses new allocations until Undrain, or the end.
func (s *service) Drain() admin.DrainState {
	if server := s.relay.Load(); server != nil {
		(*server).Drain()
		s.log.Info("draining, as an operator asked", "allocations", s.live())
	}
	return s.Draining()
}

// Undrain takes new allocations again; not on the way to the end.
func (s *service) Undrain() (admin.DrainState, error) {
	server := s.relay.Load()
	if server == nil || s.draining.Load() || !(*server).Undrain() {
		return s.Draining(), errors.New("turnout has been told to stop, which nothing takes back")
	}
	s.log.Info("taking new allocations again, as an operator asked")
	return s.Draining(), nil
}

// Draining says whether new allocations are refused, and until when there are old ones.
func (s *service) Draining() admin.DrainState {
	d := admin.DrainState{Draining: s.draining.Load()}
	if server := s.relay.Load(); server != nil && (*server).Stats().Draining {
		d.Draining = true
	}
	if at := s.endsAt.Load(); at != nil {
		d.Deadline = *at
	}
	return d
}

// Configuration is the one in use, without secrets.
func (s *service) Configuration() admin.Configuration {
	now := s.current.Load()
	text, err := now.loaded.JSON()
	if err != nil {
		s.log.Error("the configuration cannot be shown", "error", err)
		text = []byte("{}")
	}
	return admin.Configuration{JSON: text, Hash: now.hash, Loaded: now.at}
}

// Reload reads the configuration again, as on SIGHUP.
func (s *service) Reload(ctx context.Context) (r admin.Reloaded, err error) {
	result, err := s.reload(ctx, "an operator asked", nil)
	if err != nil {
		return r, errors.New(explain(err))
	}
	r = admin.Reloaded{Changed: result.Changed, Hash: result.Hash}
	for _, c := range result.Restart {
		r.Restart = append(r.Restart, c.Key)
	}
	return r, nil
}
