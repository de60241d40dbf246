package api

import (
	"net/http"
	"strconv"
	"time"

	"turnout/auth/identity"
)

var nativeRoutes = []route{
	{method: http.MethodPost, pattern: "/v1/ice-servers", admits: byKey | byToken, content: jsonContent, serve: issueICEServers, product: productCredential, dialect: dialectNative},
	{method: http.MethodGet, pattern: "/v1/users", admits: byKey, serve: listUsers},
	{method: http.MethodPost, pattern: "/v1/revocations", admits: byKey, content: jsonContent, serve: revoke},
	{method: http.MethodPost, pattern: "/v1/introspection", admits: byKey, content: jsonContent, serve: introspect},
}

// issueICEServers gives what RTCPeerConnection takes: to a user for itself, to an
// application for whom it names.
func issueICEServers(r *request) (reply, error) {
	name, err := r.object.text("user")
	if err != nil {
		return reply{}, err
	}
	ttl, err := r.ttl("ttl", 1, r.service.TTL)
	if err != nil {
		return reply{}, err
	}
	grant, err := r.grantOfName(name)
	if err != nil {
		return reply{}, err
	}
	credential, err := r.issue(grant, ttl)
	if err != nil {
		return reply{}, err
	}
	return reply{status: http.StatusOK, body: NewICEAnswer(r.service.stun, r.service.turn, credential, r.now)}, nil
}

// A UserPage is a part of the list of users.
type UserPage struct {
	Users []ListedUser `json:"users"`
	Next  string       `json:"next,omitempty"` // what after is for the next page
}

// A ListedUser is one user in a list.
type ListedUser struct {
	ID              string `json:"id"`
	CustomID        string `json:"customId,omitempty"`
	CreatedOn       string `json:"createdOn"`                   // RFC 3339
	LastTokenIssued string `json:"lastTokenIssuedAt,omitempty"` // RFC 3339
}

// ListUser shows a user of the directory as a list does.
func ListUser(u identity.User) ListedUser {
	l := ListedUser{ID: u.ID, CustomID: u.CustomID, CreatedOn: timestamp(u.Created)}
	if !u.Issued.IsZero() {
		l.LastTokenIssued = timestamp(u.Issued)
	}
	return l
}

const maxPage = 1000 // users of one answer

func listUsers(r *request) (reply, error) {
	query := r.URL.Query()
	limit := 100
	if text := query.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > maxPage {
			return reply{}, invalid("limit", "limit must be a whole number from 1 to 1000.")
		}
		limit = n
	}
	users, next, err := r.service.Directory.Users(r.Context(), "", query.Get("after"), limit)
	if err != nil {
		return reply{}, err
	}
	page := UserPage{Users: []ListedUser{}, Next: next}
	for _, u := range users {
		page.Users = append(page.Users, ListUser(u))
	}
	return reply{status: http.StatusOK, body: page}, nil
}

// revoke ends what was issued for a subject of any kind, or one credential.
func revoke(r *request) (reply, error) {
	subject, err := r.object.text("subject")
	if err != nil {
		return reply{}, err
	}
	username, err := r.object.text("username")
	if err != nil {
		return reply{}, err
	}
	what := usernameRevoked
	switch {
	case (subject == "") == (username == ""):
		return reply{}, invalid("subject", "Name either a subject or a username.")
	case subject != "":
		if what = subjectRevoked; isOwn(subject) {
			what = userRevoked
		}
		_, err = r.service.Directory.Revoke(r.Context(), subject)
	default:
		err = r.service.Directory.RevokeUsername(r.Context(), username, time.Time{})
	}
	r.changed(what, err)
	return reply{status: http.StatusNoContent}, err
}
