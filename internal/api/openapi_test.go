package api

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// A document is as much of an OpenAPI description as is held against the service.
type document struct {
	OpenAPI    string                                `json:"openapi"`
	Paths      map[string]map[string]json.RawMessage `json:"paths"`
	Components struct {
		Schemas map[string]schema `json:"schemas"`
	} `json:"components"`
}

type operation struct {
	Security   []map[string][]string `json:"security"`
	Parameters []struct {
		Name   string `json:"name"`
		Schema schema `json:"schema"`
	} `json:"parameters"`
	RequestBody *struct {
		Content map[string]struct{ Schema schema } `json:"content"`
	} `json:"requestBody"`
	Responses map[string]struct {
		Content map[string]struct{ Schema schema } `json:"content"`
	} `json:"responses"`
	Dialect string `json:"x-turnout-dialect"`
}

type schema struct {
	Ref        string            `json:"$ref"`
	Type       any               `json:"type"`
	Required   []string          `json:"required"`
	Properties map[string]schema `json:"properties"`
	Items      *schema           `json:"items"`
	Enum       []any             `json:"enum"`
}

// fits says what of a value is not as the schema has it. Members that it does not name are wrong too.
func (d *document) fits(s schema, v any, at string) []string {
	if name, ok := strings.CutPrefix(s.Ref, "#/components/schemas/"); ok {
		named, known := d.Components.Schemas[name]
		if !known {
			return []string{at + ": no schema " + name}
		}
		return d.fits(named, v, at)
	}
	var wrong []string
	kinds := []any{s.Type}
	if all, ok := s.Type.([]any); ok {
		kinds = all
	}
	kind := map[string]string{"map[string]interface {}": "object", "[]interface {}": "array", "string": "string", "float64": "integer", "bool": "boolean", "<nil>": "null"}[fmt.Sprintf("%T", v)]
	if s.Type != nil && !slices.Contains(kinds, any(kind)) {
		return []string{fmt.Sprintf("%s: %v, want %v", at, kind, s.Type)}
	}
	if s.Enum != nil && !slices.Contains(s.Enum, v) {
		wrong = append(wrong, fmt.Sprintf("%s: %v is not of %v", at, v, s.Enum))
	}
	switch v := v.(type) {
	case map[string]any:
		for _, name := range s.Required {
			if _, ok := v[name]; !ok {
				wrong = append(wrong, at+"."+name+" is missing")
			}
		}
		for name, value := range v {
			if sub, ok := s.Properties[name]; ok {
				wrong = append(wrong, d.fits(sub, value, at+"."+name)...)
			} else if len(s.Properties) > 0 && !strings.HasPrefix(at, "discovery") {
				wrong = append(wrong, at+"."+name+" is not described")
			}
		}
	case []any:
		for i, value := range v {
			if s.Items != nil {
				wrong = append(wrong, d.fits(*s.Items, value, fmt.Sprintf("%s[%d]", at, i))...)
			}
		}
	}
	return wrong
}

// TestDescription holds the description against the routes: the same paths, methods, ways in and versions.
func TestDescription(t *testing.T) {
	t.Parallel()
	f := newFixture(t, withDialects)
	var d document
	check(t, json.Unmarshal(f.call("GET", "/openapi.json", "", unsigned).Body.Bytes(), &d))
	if d.OpenAPI != "3.1.0" {
		t.Errorf("version %q", d.OpenAPI)
	}
	described, served := map[string]bool{}, map[string]bool{}
	for path, item := range d.Paths {
		for method := range item {
			if method != "parameters" {
				described[strings.ToUpper(method)+" "+path] = true
			}
		}
	}
	for _, r := range f.routes {
		if strings.HasPrefix(r.pattern, "/page/") {
			continue // what the page at the root is made of
		}
		served[r.method+" "+r.pattern] = true
		var o operation
		check(t, json.Unmarshal(d.Paths[r.pattern][strings.ToLower(r.method)], &o))
		ways := map[string]bool{}
		for _, s := range o.Security {
			for name := range s {
				ways[name] = true
			}
		}
		if r.admits&bySelf == 0 && (ways["accessKey"] != (r.admits&byKey != 0) || ways["userToken"] != (r.admits&byToken != 0)) {
			t.Errorf("%s %s: described with %v", r.method, r.pattern, slices.Collect(maps.Keys(ways)))
		}
		for _, p := range o.Parameters {
			if p.Name == "api-version" && fmt.Sprint(p.Schema.Enum) != fmt.Sprint(r.versions) {
				t.Errorf("%s %s: versions %v, want %v", r.method, r.pattern, p.Schema.Enum, r.versions)
			}
		}
		if (r.content != noContent) != (o.RequestBody != nil) {
			t.Errorf("%s %s: a body is described: %v", r.method, r.pattern, o.RequestBody != nil)
		}
	}
	if !maps.Equal(described, served) {
		t.Errorf("described %v\nserved    %v", slices.Sorted(maps.Keys(described)), slices.Sorted(maps.Keys(served)))
	}
}

// TestAnswersAsDescribed asks every route, and compares the answers with their schemas.
func TestAnswersAsDescribed(t *testing.T) {
	t.Parallel()
	f := newFixture(t, withDialects)
	var d document
	check(t, json.Unmarshal(f.call("GET", "/openapi.json", "", unsigned).Body.Bytes(), &d))
	id, text := f.user()
	cloud := bearing(cloudToken)
	compared := 0
	compare := func(method, path string, w *httptest.ResponseRecorder) {
		t.Helper()
		var o operation
		check(t, json.Unmarshal(d.Paths[path][strings.ToLower(method)], &o))
		answer, ok := o.Responses[fmt.Sprint(w.Code)]
		if !ok && w.Code >= 400 {
			answer, ok = o.Responses["default"]
		}
		if !ok {
			t.Errorf("%s %s: %d is not described: %s", method, path, w.Code, w.Body)
			return
		}
		kind, _, _ := strings.Cut(w.Header().Get("Content-Type"), ";")
		content, ok := answer.Content[kind]
		if ok != (kind != "") {
			t.Errorf("%s %s: %d is %q, which is not described", method, path, w.Code, kind)
			return
		}
		compared++
		if !strings.HasSuffix(kind, "json") {
			return
		}
		var v any
		check(t, json.Unmarshal(w.Body.Bytes(), &v))
		at := method + " " + path
		if strings.HasPrefix(path, "/.well-known/") || path == "/openapi.json" {
			at = "discovery of " + path
		}
		for _, wrong := range d.fits(content.Schema, v, at) {
			t.Errorf("%s (%s)", wrong, w.Body)
		}
	}
	for _, c := range []struct {
		method, path, target, body string
		edits                      []edit
	}{
		{"POST", "/identities", "", `{"customId":"a","createTokenWithScopes":["voip"]}`, nil},
		{"POST", "/identities", "", ``, nil},
		{"GET", "/identities/{id}", "", "", nil},
		{"POST", "/identities/{id}/:issueAccessToken", "", `{"scopes":["voip"]}`, nil},
		{"POST", "/networkTraversal/:issueRelayConfiguration", "", `{}`, nil},
		{"POST", "/turn/{id}/:issueCredentials", "", ``, nil},
		{"POST", "/teamsUser/:exchangeAccessToken", "", `{}`, nil},
		{"POST", "/access/entra/:exchangeAccessToken", "", ``, nil},
		{"POST", "/access/teamsExtension/:exchangeAccessToken", "", ``, nil},
		{"POST", "/v1/ice-servers", "", ``, []edit{bearing(text)}},
		{"GET", "/v1/users", "", ``, nil},
		{"POST", "/v1/introspection", "", `{"token":"` + text + `"}`, nil},
		{"POST", "/v1/introspection", "", `{"token":"x"}`, nil},
		{"GET", "/v1/keys", "", ``, nil},
		{"POST", "/v1/keys/rotation", "", `{"purpose":"access-keys"}`, nil},
		{"GET", "/.well-known/openid-configuration", "", ``, nil},
		{"GET", "/.well-known/jwks.json", "", ``, nil},
		{"GET", "/openapi.json", "", ``, nil},
		{"GET", "/", "", ``, nil},
		{"GET", "/", "/?service=turn&key=" + strings.ReplaceAll(restSecret, " ", "+"), ``, nil},
		{"POST", "/", "/?service=turn&key=" + strings.ReplaceAll(restSecret, " ", "+"), ``, nil},
		{"POST", "/v1/turn/keys/{key}/credentials/generate-ice-servers", "", ``, []edit{cloud}},
		{"POST", "/v1/turn/keys/{key}/credentials/generate", "", ``, []edit{cloud}},
		{"POST", "/v1/turn/keys/{key}/credentials/{username}/revoke", "", ``, []edit{cloud}},
		{"POST", "/2010-04-01/Accounts/{sid}/Tokens.json", "", ``, []edit{basicAuth(sid, twilioWord)}},
		{"POST", "/2010-04-01/Accounts/{sid}/Tokens.json", "", ``, nil},
		{"GET", "/_matrix/client/v3/voip/turnServer", "", ``, []edit{bearing(text)}},
		{"GET", "/_matrix/client/r0/voip/turnServer", "", ``, nil},
		{"POST", "/v1/revocations", "", `{"subject":"bob"}`, nil},
		{"POST", "/identities/{id}/:revokeAccessTokens", "", ``, nil},
		{"DELETE", "/identities/{id}", "", ``, nil},
		{"DELETE", "/identities/{id}", "", ``, nil}, // is gone
	} {
		target := c.target
		if target == "" {
			target = strings.NewReplacer("{id}", id, "{key}", "k1", "{username}", "1795270000:x", "{sid}", sid).Replace(c.path)
			for _, r := range f.routes {
				if r.pattern == c.path && r.method == c.method && r.versions != nil {
					target += "?api-version=" + r.versions[len(r.versions)-1]
				}
			}
		}
		compare(c.method, c.path, f.call(c.method, target, c.body, c.edits...))
		compare(c.method, c.path, f.call(c.method, target, c.body, append(c.edits, unsigned)...))
	}
	if compared < 62 {
		t.Errorf("only %d answers were compared", compared)
	}
}
