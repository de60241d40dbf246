package identity

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A Rotation says how a new secret takes the place of the others.
type Rotation struct {
	// Lead is how long the new one only verifies, in which every process of a fleet
	// hears of it; after that it issues.
	Lead time.Duration
	// Overlap is how long the others verify after it has begun to issue: the longest
	// life of what was made with them.
	Overlap time.Duration
	// AtOnce ends the others now, whatever was made with them, and has the new one
	// issue now: for a secret that is no secret any more.
	AtOnce bool
}

// Valid gives the secrets that verify at a time, the one that issues first. One that
// will issue only later verifies already. There is always one, as long as s is not
// empty: of secrets that have all ended the last one made.
func (s Secrets) Valid(now time.Time) Secrets {
	valid := s.Living(now)
	if len(valid) == 0 && len(s) > 0 {
		valid = Secrets{s[0]}
	}
	first := 0
	for i, one := range valid {
		if one.issues(now) && (!valid[first].issues(now) || one.From > valid[first].From) {
			first = i
		}
	}
	if first > 0 {
		issues := valid[first]
		copy(valid[1:], valid[:first])
		valid[0] = issues
	}
	return valid
}

// Next is when [Secrets.Valid] changes by itself after a time, zero for never.
func (s Secrets) Next(now time.Time) time.Time {
	var next time.Time
	for _, one := range s {
		for _, at := range [...]int64{one.From, one.Until} {
			if t := time.Unix(at, 0); at != 0 && t.After(now) && (next.IsZero() || t.Before(next)) {
				next = t
			}
		}
	}
	return next
}

// Rotated is s with a new secret in front, named after the ones before it, and
// without those that have ended. The receiver stays as it is. The error says that
// there would be more than most.
func (s Secrets) Rotated(value []byte, r Rotation, now time.Time, most int) (Secrets, error) {
	fresh := Secret{ID: s.nextID(), Value: value, From: now.Unix()}
	if r.AtOnce {
		return Secrets{fresh}, nil
	}
	if r.Lead < 0 || r.Overlap < 0 {
		return nil, errors.New("a lead or an overlap is negative")
	}
	// Whole seconds, rounded up: a second too long is harmless. Without a lead it is now.
	if r.Lead > 0 {
		fresh.From = now.Add(r.Lead + time.Second - 1).Unix()
	}
	until := fresh.From + int64((r.Overlap+time.Second-1)/time.Second)
	next := Secrets{fresh}
	for _, one := range s.Valid(now) {
		if one.Until == 0 || one.Until > until {
			one.Until = until
		}
		next = append(next, one)
	}
	if len(next) > most {
		return nil, fmt.Errorf("%d secrets that still verify, and at most %d may: wait until the oldest has ended, or end all of them at once", len(next)-1, most)
	}
	return next, nil
}

// Living is s without those that have ended.
func (s Secrets) Living(now time.Time) Secrets {
	var living Secrets
	for _, one := range s {
		if !one.ended(now) {
			living = append(living, one)
		}
	}
	return living
}

// nextID is the name after the last one: k3 after k1 and k2.
func (s Secrets) nextID() string {
	last := 0
	for _, one := range s {
		if n, err := strconv.Atoi(strings.TrimPrefix(one.ID, "k")); err == nil {
			last = max(last, n)
		}
	}
	return "k" + strconv.Itoa(last+1)
}

// issues says whether the time has come from which a secret may issue.
func (s Secret) issues(now time.Time) bool { return now.Unix() >= s.From }

// ended says whether a secret verifies nothing any more.
func (s Secret) ended(now time.Time) bool { return s.Until != 0 && now.Unix() >= s.Until }
