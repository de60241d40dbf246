package api

import (
	"net/http"
	"time"
)

// Cloudflare's TURN service: an application has a key, which is an id and a token.
var cloudflareRoutes = []route{
	{method: http.MethodPost, pattern: "/v1/turn/keys/{key}/credentials/generate-ice-servers", admits: bySelf,
		authenticate: cloudflareKey, content: jsonContent, serve: cloudflareGenerate, product: productCredential, dialect: dialectCloudflare},
	{method: http.MethodPost, pattern: "/v1/turn/keys/{key}/credentials/generate", admits: bySelf,
		authenticate: cloudflareKey, content: jsonContent, serve: cloudflareGenerateOne, product: productCredential, dialect: dialectCloudflare},
	{method: http.MethodPost, pattern: "/v1/turn/keys/{key}/credentials/{username}/revoke", admits: bySelf,
		authenticate: cloudflareKey, serve: cloudflareRevoke},
}

func cloudflareKey(r *request) error {
	want, known := r.service.Dialects.Cloudflare[r.match.places["key"]]
	if given := bearer(r); !sameSecret(given, want) || !known {
		return errDenied.with("WWW-Authenticate", "Bearer")
	}
	return nil
}

// cloudflareServers makes a credential and its two entries, the one without a
// credential first.
func (r *request) cloudflareServers() ([]ICEServer, error) {
	name, err := r.object.text("customIdentifier")
	if err != nil {
		return nil, err
	}
	ttl, err := r.ttl("ttl", 1, r.service.TTL)
	if err != nil {
		return nil, err
	}
	c, err := r.credentialFor(name, ttl)
	if err != nil {
		return nil, err
	}
	return NewICEAnswer(r.service.stun, r.service.turn, c, r.now).ICEServers, nil
}

func cloudflareGenerate(r *request) (reply, error) {
	servers, err := r.cloudflareServers()
	return reply{status: http.StatusCreated, body: map[string][]ICEServer{"iceServers": servers}}, err
}

// cloudflareGenerateOne is the older form: one object with all URLs.
func cloudflareGenerateOne(r *request) (reply, error) {
	servers, err := r.cloudflareServers()
	if err != nil {
		return reply{}, err
	}
	one := servers[len(servers)-1]
	one.URLs = append(append([]string{}, r.service.stun...), one.URLs...)
	return reply{status: http.StatusCreated, body: map[string]ICEServer{"iceServers": one}}, nil
}

// cloudflareRevoke ends one credential, and what it is used for.
func cloudflareRevoke(r *request) (reply, error) {
	err := r.service.Directory.RevokeUsername(r.Context(), r.match.places["username"], time.Time{})
	r.changed(usernameRevoked, err)
	return reply{status: http.StatusNoContent}, err
}
