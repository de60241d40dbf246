package api

import (
	"fmt"
	"math"
	"strings"
	"time"

	"turnout/auth"
	"turnout/auth/token"
)

// leastTTL is the shortest life of a credential: usernames hold whole seconds, and
// one that ends in this second is no credential.
const leastTTL = 2 * time.Second

// An ICEAnswer is what a client of ICE takes: its ICEServers are those of
// RTCPeerConnection, as they are.
type ICEAnswer struct {
	ICEServers []ICEServer `json:"iceServers"`
	ExpiresOn  string      `json:"expiresOn"` // RFC 3339
	TTL        int64       `json:"ttl"`       // seconds
}

// An ICEServer is one RTCIceServer.
type ICEServer struct {
	URLs       []string `json:"urls"`
	Username   string   `json:"username,omitempty"`
	Credential string   `json:"credential,omitempty"`
}

// NewICEAnswer puts a credential and the URLs it is for together. The URLs without
// a credential may be none.
func NewICEAnswer(stun, turn []string, c auth.Credential, now time.Time) ICEAnswer {
	var servers []ICEServer
	if len(stun) > 0 {
		servers = append(servers, ICEServer{URLs: stun})
	}
	return ICEAnswer{
		ICEServers: append(servers, ICEServer{URLs: turn, Username: c.Username, Credential: c.Password}),
		ExpiresOn:  timestamp(c.Expires),
		TTL:        secondsUntil(c.Expires, now),
	}
}

// timestamp is a time as the contract writes it. Fractions of a second would be
// admitted; there are none.
func timestamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func secondsUntil(t, now time.Time) int64 { return int64(math.Round(t.Sub(now).Seconds())) }

// grantOf says for whom a credential is: of a user that asks with its own token, of
// the one that an application names, or of nobody, which is a random subject.
func (r *request) grantOf(subject string) (auth.Grant, error) {
	switch {
	case r.user != nil:
		if subject != "" && subject != r.user.Subject {
			return auth.Grant{}, errOthers
		}
		// The time of issue is the token's: of one that is being revoked no credential
		// must be made that looks younger.
		return r.user.Grant(), nil
	case subject == "":
		return auth.Grant{Issued: r.now}, nil
	}
	stamp, err := r.service.Directory.Issue(r.Context(), subject)
	return auth.Grant{Subject: subject, Issued: stamp.Issued}, err
}

// grantOfName is grantOf for the native endpoint and the dialects, where applications
// may use names of their own for users.
func (r *request) grantOfName(name string) (auth.Grant, error) {
	if r.user != nil || name == "" || isOwn(name) {
		return r.grantOf(name)
	}
	return auth.Grant{Subject: name, Issued: r.service.Revocations.After(name, r.now)}, nil
}

// isOwn says whether a name can be that of one of the service's own users only.
func isOwn(name string) bool { return strings.HasPrefix(name, token.ReservedPrefix) }

// issue makes a credential that ends after ttl, and not later than what it is made of.
func (r *request) issue(g auth.Grant, ttl time.Duration) (auth.Credential, error) {
	s := r.service
	end := r.now.Add(max(min(ttl, s.MaxTTL), leastTTL))
	if g.Expires.IsZero() || g.Expires.After(end) {
		g.Expires = end
	}
	if s.Pseudonym != nil && g.Subject != "" {
		g.Subject = s.Pseudonym(g.Subject)
	}
	c, err := s.Issuer.Issue(g, r.now)
	if err != nil {
		return c, fmt.Errorf("issue a credential: %w", err)
	}
	return c, nil
}

// ttl reads a length of life in seconds, usual where none is named. What is longer
// than the longest becomes the longest.
func (r *request) ttl(name string, least int64, usual time.Duration) (time.Duration, error) {
	n, ok, err := r.object.integer(name)
	switch {
	case err != nil:
		return 0, err
	case !ok:
		return usual, nil
	case n < least:
		return 0, invalid(name, fmt.Sprintf("%s value %d is invalid. Value must be at least %d.", name, n, least))
	case n > int64(r.service.MaxTTL/time.Second):
		return r.service.MaxTTL, nil
	}
	return time.Duration(n) * time.Second, nil
}
