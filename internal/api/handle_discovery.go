package api

import "net/http"

// What other services need to verify our users' tokens (OpenID Connect Discovery 1.0
// §3, RFC 7517). It says nothing secret, and asks nobody.
var discoveryRoutes = []route{
	{method: http.MethodGet, pattern: "/.well-known/openid-configuration", serve: openIDConfiguration},
	{method: http.MethodGet, pattern: "/.well-known/jwks.json", serve: publishedKeys},
}

const keysPath = "/.well-known/jwks.json"

// openIDConfiguration has the members by which libraries find the keys of an issuer.
// Nobody logs in here, so that there are no further endpoints.
func openIDConfiguration(r *request) (reply, error) {
	return reply{status: http.StatusOK, body: struct {
		Issuer      string   `json:"issuer"`
		JWKS        string   `json:"jwks_uri"`
		Subjects    []string `json:"subject_types_supported"`
		Algorithms  []string `json:"id_token_signing_alg_values_supported"`
		Responses   []string `json:"response_types_supported"`
		Scopes      []string `json:"scopes_supported"`
		ClaimsNamed []string `json:"claims_supported"`
	}{
		Issuer: r.service.Minter.Issuer, JWKS: r.base() + keysPath, Subjects: []string{"public"},
		Algorithms: []string{"ES256", "EdDSA"}, Responses: []string{"none"}, Scopes: Scopes, ClaimsNamed: claims,
	}}, nil
}

// claims are those of an own token that others may rely on.
var claims = []string{"iss", "aud", "sub", "iat", "exp", "jti", "acsScope", "skypeid", "resourceId"}

// publishedKeys is the JWK set of our own tokens, keys that will sign soon included.
func publishedKeys(r *request) (reply, error) {
	return reply{status: http.StatusOK, raw: r.service.Minter.Keys.JWKS(r.now), contentType: "application/jwk-set+json",
		header: http.Header{"Cache-Control": {"public, max-age=300"}}}, nil
}
