package identity

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

const (
	defaultMaxTTL    = 48 * time.Hour
	defaultRetention = 24 * time.Hour
	defaultLimit     = 1 << 20
)

// A RevocationsConfig says what a view of revocations keeps.
type RevocationsConfig struct {
	// MaxTTL is the longest life of a relay credential, that of
	// auth.VerifierConfig. If zero, 48 h.
	MaxTTL time.Duration
	// Retention is how long a revocation is kept: at least MaxTTL, and at least the
	// longest life of a user access token, since new credentials are made of one
	// until its end. If zero, the larger of MaxTTL and 24 h.
	Retention time.Duration
	// Limit is how many subjects, and how many usernames, are held at most. If there
	// are more, the oldest revocations become one that is for everybody: it refuses
	// too much, never too little. If zero, 1,048,576 (about 150 MB).
	Limit int
	// Alias, if not nil, gives another name that credentials for a subject may have been
	// issued under, such as a pseudonym; empty for none. A revocation of the subject is one
	// of that name too, which OnSubject hears of as well.
	Alias func(subject string) string
	// OnSubject hears of every revocation of a subject, those that are already there
	// too: live allocations of the subject that were issued up to that time are to
	// end. Calls are not concurrent with each other for one subject. If nil, nobody hears.
	OnSubject func(subject string, at time.Time)
	// OnUsername hears of every revoked credential in the same way, and when that was; zero where it is not known.
	OnUsername func(username string, at time.Time)
	// Now is the clock. If nil, time.Now.
	Now func() time.Time
}

// Revocations are the revocations that still matter, in memory. Questions may be
// asked from everywhere at once; they take no lock and allocate nothing.
type Revocations struct {
	maxTTL, retention time.Duration
	limit             int
	alias             func(string) string
	onSubject         func(string, time.Time)
	onUsername        func(string, time.Time)
	now               func() time.Time

	subjects  *table // revoked at, unix ms; generation
	usernames *table // expiry, unix seconds
	// What is refused to everybody, since there were too many to tell apart; 0 for nothing.
	subjectFloor  atomic.Int64 // times of issue up to here, unix ms
	usernameFloor atomic.Int64 // expiries up to here, unix seconds

	ready chan struct{} // closed when all that is in the store is here

	mu      sync.Mutex
	store   Store        // what Run watches; guarded by mu
	waiting int          // kinds that have not been read yet; guarded by mu
	seen    [kinds]bool  // those that have been; guarded by mu
	failure [kinds]error // of the last watch; nil while it goes on; guarded by mu
	record  error        // of the last record that could not be read; guarded by mu
}

// NewRevocations makes an empty view. [Revocations.Run] fills it.
func NewRevocations(c RevocationsConfig) (*Revocations, error) {
	if c.MaxTTL == 0 {
		c.MaxTTL = defaultMaxTTL
	}
	if c.Retention == 0 {
		c.Retention = max(c.MaxTTL, defaultRetention)
	}
	if c.Limit == 0 {
		c.Limit = defaultLimit
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.MaxTTL < 0 || c.Retention < c.MaxTTL || c.Limit < 0 {
		return nil, fmt.Errorf("revocations kept for %v, %d at most: want at least max-ttl %v", c.Retention, c.Limit, c.MaxTTL)
	}
	return &Revocations{
		maxTTL: c.MaxTTL, retention: c.Retention, limit: c.Limit, alias: c.Alias, onSubject: c.OnSubject, onUsername: c.OnUsername, now: c.Now,
		subjects: newTable(), usernames: newTable(), ready: make(chan struct{}), waiting: len(watched),
	}, nil
}

// Revoked says whether a credential is to be refused. It has the shape of
// auth.VerifierConfig.Revoked: issued is zero where it is not known, and for a
// static user both times are.
//
// A revocation of the subject at T refuses credentials with a time of issue up to
// T. One without a time of issue passes only if T + MaxTTL < expires ≤ now +
// MaxTTL: then it was made after T.
func (r *Revocations) Revoked(subject, username []byte, issued, expires time.Time) bool {
	if r.usernames.find(username) != nil {
		return true
	}
	if n := r.subjects.find(subject); n != nil && r.refuses(n.at.Load(), issued, expires) {
		return true
	}
	if expires.IsZero() { // a static user: floors are for what somebody issued
		return false
	}
	if floor := r.usernameFloor.Load(); floor != 0 && expires.Unix() <= floor {
		return true
	}
	floor := r.subjectFloor.Load()
	return floor != 0 && r.refuses(floor, issued, expires)
}

// refuses applies a revocation at this time, in unix milliseconds.
func (r *Revocations) refuses(at int64, issued, expires time.Time) bool {
	if !issued.IsZero() {
		return issued.UnixMilli() <= at
	}
	madeAfter := expires.After(time.UnixMilli(at).Add(r.maxTTL)) && !expires.After(r.now().Add(r.maxTTL))
	return !madeAfter
}

// TokenRevoked says whether a user access token is to be refused. It has the
// shape of token.VerifierConfig.Revoked. An own token has a generation, which
// decides alone; for the others, whose times of issue are mostly whole seconds,
// the time does, and one without a time is refused while a revocation of its
// subject is kept.
func (r *Revocations) TokenRevoked(subject string, generation uint64, issued, _ time.Time) bool {
	n := r.subjects.find([]byte(subject))
	if n != nil && generation != 0 && n.generation.Load() != 0 {
		return generation < n.generation.Load()
	}
	at := r.subjectFloor.Load()
	if n != nil {
		at = max(at, n.at.Load())
	}
	return at != 0 && issued.UnixMilli() <= at
}

// After is the time of issue of a credential for a subject that has no record of
// its own, such as a name that an application chose: now, or a millisecond after
// the subject's last revocation where that is later.
func (r *Revocations) After(subject string, now time.Time) time.Time {
	if n := r.subjects.find([]byte(subject)); n != nil && now.UnixMilli() <= n.at.Load() {
		return time.UnixMilli(n.at.Load() + 1)
	}
	return now
}

// Len is how many subjects and how many usernames are revoked.
func (r *Revocations) Len() (subjects, usernames int) { return r.subjects.len(), r.usernames.len() }

// Overflowed says that there are more revocations than the view can tell apart,
// so that it refuses credentials that nobody revoked.
func (r *Revocations) Overflowed() bool {
	return r.subjectFloor.Load() != 0 || r.usernameFloor.Load() != 0
}

// revokeSubject takes a revocation in, unless it has lost its meaning.
func (r *Revocations) revokeSubject(subject string, s subjectRecord) {
	if s.At < r.oldest() || !r.subjects.raise(subject, s.At, s.Generation) {
		return
	}
	names := []string{subject}
	if r.alias != nil {
		if alias := r.alias(subject); alias != "" {
			r.subjects.raise(alias, s.At, 0)
			names = append(names, alias)
		}
	}
	if floor := r.subjects.shed(r.limit); floor != 0 {
		r.subjectFloor.Store(max(r.subjectFloor.Load(), floor))
	}
	if r.onSubject == nil {
		return
	}
	for _, name := range names {
		r.onSubject(name, time.UnixMilli(s.At))
	}
}

func (r *Revocations) revokeUsername(username string, u usernameRecord) {
	if u.Expires < r.now().Unix() || !r.usernames.raise(username, u.Expires, 0) {
		return
	}
	if floor := r.usernames.shed(r.limit); floor != 0 {
		r.usernameFloor.Store(max(r.usernameFloor.Load(), floor))
	}
	if r.onUsername != nil {
		var at time.Time
		if u.At != 0 {
			at = time.UnixMilli(u.At)
		}
		r.onUsername(username, at)
	}
}

// oldest is the time before which revocations have lost their meaning, in unix ms.
func (r *Revocations) oldest() int64 { return r.now().Add(-r.retention).UnixMilli() }

// prune forgets what has lost its meaning: everything that such a revocation
// refuses has ended anyway.
func (r *Revocations) prune() {
	oldest, now := r.oldest(), r.now().Unix()
	r.subjects.prune(oldest)
	r.usernames.prune(now)
	if floor := r.subjectFloor.Load(); floor < oldest {
		r.subjectFloor.CompareAndSwap(floor, 0)
	}
	if floor := r.usernameFloor.Load(); floor < now {
		r.usernameFloor.CompareAndSwap(floor, 0)
	}
}

// Ready is closed when all revocations of the store are in the view.
func (r *Revocations) Ready() <-chan struct{} { return r.ready }

// Status says why the view may miss a revocation: it has not been filled yet, or
// the store cannot be watched. nil if nothing is wrong.
func (r *Revocations) Status() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	errs := append(r.failure[:len(r.failure):len(r.failure)], r.record)
	if r.waiting > 0 {
		errs = append(errs, errors.New("revocations have not been read yet"))
	}
	if r.store != nil {
		errs = append(errs, r.store.Status())
	}
	return errors.Join(errs...)
}
