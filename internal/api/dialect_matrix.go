package api

import "net/http"

// Matrix's client-server API §13.13.3.1. Clients ask their homeserver; a reverse proxy
// sends this path here where users log in to the homeserver by an issuer that this
// service takes tokens of.
var matrixRoutes = []route{
	{method: http.MethodGet, pattern: "/_matrix/client/v3/voip/turnServer", admits: byToken, serve: matrixTurnServer, fault: matrixFault, product: productCredential, dialect: dialectMatrix},
	{method: http.MethodGet, pattern: "/_matrix/client/r0/voip/turnServer", admits: byToken, serve: matrixTurnServer, fault: matrixFault, product: productCredential, dialect: dialectMatrix},
}

func matrixTurnServer(r *request) (reply, error) {
	grant, err := r.grantOf("")
	if err != nil {
		return reply{}, err
	}
	c, err := r.issue(grant, r.service.TTL)
	if err != nil {
		return reply{}, err
	}
	return r.uriAnswer(c), nil
}

// matrixFault is an error as Matrix's clients read it.
func matrixFault(f *failure) any {
	code := "M_UNKNOWN"
	switch {
	case f.code == errDenied.code:
		code = "M_MISSING_TOKEN"
	case f.status == http.StatusUnauthorized:
		code = "M_UNKNOWN_TOKEN"
	case f.status == http.StatusForbidden:
		code = "M_FORBIDDEN"
	}
	return struct {
		Code  string `json:"errcode"`
		Error string `json:"error"`
	}{code, f.message}
}
