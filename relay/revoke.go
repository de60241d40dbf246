package relay

import (
	"time"

	"turnout/allocation"
)

// EndSubject ends the live allocations of a subject that were made with a credential
// issued up to the given time, and says how many. What does not tell when it was
// issued counts by the time the allocation was made: the verifier has to refuse new
// ones of such credentials before this is called. It returns when every worker has
// done so; call it after Serve was.
func (s *Server) EndSubject(subject string, before time.Time) int {
	return s.endWhere(EndRevoked, func(w *worker, a *allocation.Allocation) bool {
		return w.isOf(a, subject) && w.links[a.ID().Index()].issuedUpTo(before)
	})
}

// EndUsername ends the live allocations made with a username, and says how many. It
// is otherwise like [Server.EndSubject].
func (s *Server) EndUsername(username string) int {
	owner := ownerByName([]byte(username))
	return s.endWhere(EndRevoked, func(_ *worker, a *allocation.Allocation) bool { return a.Owner() == owner })
}

// isOf says whether an allocation is a subject's. Nobody is the subject without a name.
func (w *worker) isOf(a *allocation.Allocation, subject string) bool {
	return subject != "" && w.table.Subject(a) == subject
}

// revoked says whether the credential behind an allocation has been revoked. An
// allocation on its way between two workers is in neither's table, where
// [Server.EndSubject] would find it; so it is asked for when it arrives.
func (w *worker) revoked(a *allocation.Allocation) bool {
	var issued, expires time.Time
	if at := w.links[a.ID().Index()].issued; at != 0 {
		issued = time.UnixMilli(at)
	}
	if at := a.CredentialExpires(); at != 0 {
		expires = time.Unix(at, 0)
	}
	return w.verifier.Revoked([]byte(w.table.Subject(a)), nil, issued, expires)
}

// issuedUpTo says whether the credential behind an allocation was issued up to a
// time: to the millisecond where it tells, else by when the allocation was made.
func (l *link) issuedUpTo(t time.Time) bool {
	if l.issued != 0 {
		return l.issued <= t.UnixMilli()
	}
	return int64(l.started) <= t.Unix()
}

// issuedAt is a time of issue as a link keeps it.
func issuedAt(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}
