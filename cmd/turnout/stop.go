package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Ends of a relay that was told to stop.
const (
	hardStop  = 5 * time.Second // from the end of the last allocation, or of the time they had
	adminStop = time.Second     // for requests over HTTP that are under way
)

// stop drains the relay, ends it and the service, and then the operator's pages, which say so until the end. Live allocations have
// until the deadline, or until the second signal, which closes again. The service answers until then: users may be revoked whose
// calls go on.
func (s *service) stop(again <-chan struct{}) error {
	deadline := time.Duration(s.current.Load().loaded.Drain.Deadline)
	s.endsAt.Store(new(time.Now().Add(deadline)))
	s.draining.Store(true)
	s.manager.tell("STOPPING=1")
	if server := s.relay.Load(); server != nil {
		(*server).Drain()
	}
	select {
	case <-again: // nobody wants to wait
	default:
		attributes := []any{"allocations", s.live(), "deadline", deadline.String()}
		if s.live() > 0 { // who waits shall know how to wait no longer
			attributes = append(attributes, "sooner", "a second signal ends them at once")
		}
		s.log.Info("draining", attributes...)
	}
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- s.shutdown(ctx) }()
	for look := time.NewTicker(time.Second); ; {
		select {
		case err := <-done:
			look.Stop()
			if err == nil {
				s.log.Info("stopped")
			}
			return err
		case <-again:
			again = nil
			s.log.Info("ending live allocations at once", "allocations", s.live())
			cancel()
		case <-look.C:
			if ctx.Err() != nil || s.live() == 0 {
				look.Stop()
				return s.await(done)
			}
		}
	}
}

// await gives what has nothing left to wait for a last while.
func (s *service) await(done <-chan error) error {
	select {
	case err := <-done:
		if err == nil {
			s.log.Info("stopped")
		}
		return err
	case <-time.After(hardStop):
		return fmt.Errorf("did not stop within %s; what was left is ended with the process", hardStop)
	}
}

// live is how many allocations there are.
func (s *service) live() int {
	if server := s.relay.Load(); server != nil {
		return (*server).Stats().Allocations
	}
	return 0
}

// alive asks the relay's workers to answer, for the watchdog. Where there is no relay nothing can hang.
func (s *service) alive(ctx context.Context) error {
	if server := s.relay.Load(); server != nil {
		return (*server).Alive(ctx)
	}
	return nil
}

// shutdown waits for live allocations until ctx ends, and for every part of the service.
func (s *service) shutdown(ctx context.Context) error {
	var err error
	if server := s.relay.Load(); server != nil {
		err = (*server).Shutdown(ctx)
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		err = nil // what was live then was ended: that is how it is meant
	}
	s.closeAPI()
	s.closeAdmins()
	for range s.running {
		err = errors.Join(err, <-s.ended)
	}
	return err
}

// close gives back what stop has not, since it never came to it.
func (s *service) close() {
	s.closeAPI()
	s.closeAdmins()
	select {
	case s.reloading <- struct{}{}: // and it is nobody else's turn any more
	case <-time.After(hardStop): // a worker hangs, and with it the last reload
	}
	s.end()
	s.keep.Load().close()
}

func (s *service) closeAPI() {
	if s.api == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), adminStop)
	defer cancel()
	_ = s.api.Shutdown(ctx) // its Serve says what was wrong
}

func (s *service) closeAdmins() {
	ctx, cancel := context.WithTimeout(context.Background(), adminStop)
	defer cancel()
	for _, server := range s.admins {
		_ = server.Shutdown(ctx) // its Serve says what was wrong
	}
}
