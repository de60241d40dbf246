package api

import "time"

// A Meter counts what a [Service] does. Its methods are called concurrently; all words are of closed sets, none is a client's.
type Meter interface {
	// Answered tells of a request: its route, one of [Service.Routes], the status of the answer, and how long it took.
	Answered(route string, status int, took time.Duration)
	// Decided tells that something was asked for, one of [Products], in one of [Dialects], and what came of it, one of [Results].
	Decided(product, dialect, result string)
	// Changed tells of a change to users, one of [Changes].
	Changed(what string)
}

// What is asked for.
const (
	productCredential = "credential" // for the relay
	productToken      = "token"      // a user access token
)

// Products are what a service gives out.
func Products() []string { return []string{productCredential, productToken} }

// The contracts by which something is asked for.
const (
	dialectNative     = "native"
	dialectContract   = "acs"
	dialectREST       = "rest"
	dialectCloudflare = "cloudflare"
	dialectTwilio     = "twilio"
	dialectMatrix     = "matrix"
)

// DialectNames are the words for the contracts by which something is asked for.
func DialectNames() []string {
	return []string{dialectNative, dialectContract, dialectREST, dialectCloudflare, dialectTwilio, dialectMatrix}
}

// What happens to users.
const (
	userCreated     = "user_created"
	userDeleted     = "user_deleted"
	userRevoked     = "user_revoked"
	subjectRevoked  = "subject_revoked" // one that is no user of ours
	usernameRevoked = "username_revoked"
)

// Changes are the words for what happens to users.
func Changes() []string {
	return []string{userCreated, userDeleted, userRevoked, subjectRevoked, usernameRevoked}
}

// RouteOther stands for every request that is for no route.
const RouteOther = "other"

// Routes are all that can be asked for here, each by its method and pattern, and [RouteOther].
func (s *Service) Routes() []string {
	all := []string{RouteOther}
	for i := range s.routes {
		all = append(all, s.routes[i].name)
	}
	return all
}

// changed counts a change that was made, if err is nil.
func (r *request) changed(what string, err error) {
	if err == nil && r.service.Meter != nil {
		r.service.Meter.Changed(what)
	}
}

// decided counts what came of a request that asks for something.
func (r *request) decided(err error) {
	if r.product != "" && r.service.Meter != nil {
		r.service.Meter.Decided(r.product, r.match.dialect, resultOf(err))
	}
}
