package api

import (
	"net/http"
	"slices"
	"time"
)

// Versions of the contract for relay configurations.
var (
	relayVersions = []string{"2021-06-21-preview", "2021-10-08-preview", "2022-02-01", "2022-03-01-preview"}
	turnVersions  = []string{"2021-02-22-preview1"}
)

var relayRoutes = []route{
	{method: http.MethodPost, pattern: "/networkTraversal/:issueRelayConfiguration", folded: true, admits: byKey | byToken,
		versions: relayVersions, content: jsonContent, serve: issueRelayConfiguration, product: productCredential, dialect: dialectContract},
	{method: http.MethodPost, pattern: "/turn/{id}/:issueCredentials", admits: byKey | byToken,
		versions: turnVersions, serve: issueCredentials, product: productCredential, dialect: dialectContract},
}

// A relayServer is one of the iceServers of a relay configuration.
type relayServer struct {
	URLs       []string `json:"urls"`
	Username   string   `json:"username"`
	Credential string   `json:"credential"`
	RouteType  string   `json:"routeType"`
}

// routeTypes are the ways to a relay that the contract knows. Here one relay is
// every one of them.
var routeTypes = []string{"any", "nearest"}

func issueRelayConfiguration(r *request) (reply, error) {
	id, err := r.object.text("id")
	if err != nil {
		return reply{}, err
	}
	routeType, err := r.object.text("routeType")
	if err != nil {
		return reply{}, err
	}
	if routeType != "" && !slices.Contains(routeTypes, routeType) {
		return reply{}, invalid("routeType", "routeType must be any or nearest.")
	}
	ttl, err := r.relayTTL()
	if err != nil {
		return reply{}, err
	}
	grant, err := r.grantOf(id)
	if err != nil {
		return reply{}, err
	}
	credential, err := r.issue(grant, ttl)
	if err != nil {
		return reply{}, err
	}
	answer := struct {
		ExpiresOn  string        `json:"expiresOn"`
		ICEServers []relayServer `json:"iceServers"`
	}{ExpiresOn: timestamp(credential.Expires)}
	for _, t := range routeTypes {
		if routeType == "" || routeType == t {
			answer.ICEServers = append(answer.ICEServers, relayServer{r.service.allURLs(), credential.Username, credential.Password, t})
		}
	}
	return reply{status: http.StatusOK, body: answer}, nil
}

// relayTTL reads ttl: two days if there is none, or if it is longer.
func (r *request) relayTTL() (time.Duration, error) {
	const most = 172800
	n, ok, err := r.object.integer("ttl")
	switch {
	case err != nil:
		return 0, err
	case n < 0:
		return 0, outOfRange("ttl", n, 0, most)
	case !ok || n > most:
		n = most
	}
	return time.Duration(n) * time.Second, nil
}

// issueCredentials is the relay configuration of the contract's first version.
func issueCredentials(r *request) (reply, error) {
	grant, err := r.grantOf(r.match.places["id"])
	if err != nil {
		return reply{}, err
	}
	credential, err := r.issue(grant, r.service.MaxTTL)
	if err != nil {
		return reply{}, err
	}
	type server struct {
		URLs       []string `json:"urls"`
		Username   string   `json:"username"`
		Credential string   `json:"credential"`
	}
	return reply{status: http.StatusOK, body: struct {
		ExpiresOn string   `json:"expiresOn"`
		Servers   []server `json:"turnServers"`
	}{timestamp(credential.Expires), []server{{r.service.allURLs(), credential.Username, credential.Password}}}}, nil
}

// allURLs are those of the relay first, as the live service has them.
func (s *Service) allURLs() []string { return slices.Concat(s.turn, s.stun) }
