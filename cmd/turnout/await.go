package main

import (
	"context"
	"errors"
	"time"

	"turnout/auth/identity"
	"turnout/internal/config"
)

const (
	// awaitPause is how soon is looked again whether the store is there.
	awaitPause = time.Second
	// awaitTold is how often the log says that it is not.
	awaitTold = 30 * time.Second
	// awaitSign has the service manager wait for as long again. A try may take several seconds.
	awaitSign = "STATUS=waiting for the store\nEXTEND_TIMEOUT_USEC=60000000"
)

// errStopped: turnout was told to stop before it had begun.
var errStopped = errors.New("stopped while it waited for the store")

// awaitKeep opens the store. A relay or service of a fleet may be started before its NATS server is, or while that is away: it waits,
// with /livez answered and /readyz not, instead of being started over and over. Every other error is one at once.
func (s *service) awaitKeep(ctx context.Context, l *config.Loaded) (*keep, error) {
	var told time.Time
	for {
		k, err := s.app.openKeep(ctx, l, s.revoked(s.app.now))
		if !errors.Is(err, identity.ErrUnavailable) {
			if !told.IsZero() && err == nil {
				s.log.Info("the store is there")
				s.manager.tell("STATUS=")
			}
			return k, err
		}
		if ctx.Err() != nil {
			return nil, errStopped
		}
		if now := s.app.now(); now.Sub(told) >= awaitTold {
			told = now
			s.log.Warn("waiting for the store: until it answers, neither relay nor service listens", "store", l.Store.NATS.URL.String(), "error", err)
		}
		s.health.set("store", func() []trouble { return []trouble{{fault: faultStore, err: err}} })
		s.manager.tell(awaitSign)
		timer := time.NewTimer(awaitPause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, errStopped
		}
	}
}
