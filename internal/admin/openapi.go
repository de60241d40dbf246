package admin

import (
	_ "embed"
	"encoding/json"
	"net/http"
)

// description is the API in OpenAPI 3.1. A test holds it against the routes and against what they answer.
//
//go:embed openapi.json
var description []byte

// describe gives the description.
func (a *API) describe(*http.Request) (reply, error) {
	return reply{http.StatusOK, json.RawMessage(description)}, nil
}
