package main

import (
	"time"

	"turnout/auth/identity"
)

// revoked is what the relay does when somebody is revoked. A revocation that is known from the start of the process ends nothing, and
// its delay is no news: there is no relay then.
func (s *service) revoked(now func() time.Time) end {
	ended := func(at, known time.Time, n int, kind, name string) {
		if !at.IsZero() {
			s.meter.Revoked(known.Sub(at), now().Sub(at), n)
		}
		if n > 0 {
			s.log.Info("revoked", kind, name, "allocations", n)
		}
	}
	return end{
		subject: func(subject string, at time.Time) {
			if server := s.relay.Load(); server != nil {
				known := now()
				ended(at, known, (*server).EndSubject(subject, at), "subject", subject)
			}
		},
		username: func(username string, at time.Time) {
			if server := s.relay.Load(); server != nil {
				known := now()
				ended(at, known, (*server).EndUsername(username), "username", username)
			}
		},
		count: func(operation string, k identity.Kind, fault string) {
			s.meter.StoreOperation(operation, k.String(), fault)
		},
	}
}
