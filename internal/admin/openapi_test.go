package admin

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

// A shape is a JSON Schema, as much of it as the description uses.
type shape struct {
	Ref        string           `json:"$ref"`
	Type       any              `json:"type"`
	Format     string           `json:"format"`
	Required   []string         `json:"required"`
	Properties map[string]shape `json:"properties"`
	Others     *shape           `json:"additionalProperties"`
	Items      *shape           `json:"items"`
	Enum       []any            `json:"enum"`
}

// A described is one operation of the description.
type described struct {
	Security   []map[string][]string
	Parameters []struct{ Name, In string }
	Responses  map[string]struct {
		Content map[string]struct{ Schema shape }
	}
}

type document struct {
	Paths      map[string]map[string]json.RawMessage
	Components struct{ Schemas map[string]shape }
}

func parsed(t *testing.T) (d document) {
	t.Helper()
	if err := json.Unmarshal(description, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

func (d document) operation(t *testing.T, method, path string) (o described) {
	t.Helper()
	raw, ok := d.Paths[path][strings.ToLower(method)]
	if !ok {
		t.Fatalf("%s %s is not described", method, path)
	}
	if err := json.Unmarshal(raw, &o); err != nil {
		t.Fatal(err)
	}
	return o
}

// differs says what of a value is not as its schema has it. What a schema does not name is wrong too.
func (d document) differs(s shape, v any, at string) (wrong []string) {
	if name, ok := strings.CutPrefix(s.Ref, "#/components/schemas/"); ok {
		named, known := d.Components.Schemas[name]
		if !known {
			return []string{at + ": there is no schema " + name}
		}
		return d.differs(named, v, at)
	}
	kind := map[string]string{"map[string]interface {}": "object", "[]interface {}": "array", "float64": "number", "bool": "boolean"}[fmt.Sprintf("%T", v)]
	if kind == "" {
		kind = "string"
	}
	if kind == "number" && v == float64(int64(v.(float64))) && !strings.Contains(fmt.Sprint(s.Type), "number") {
		kind = "integer"
	}
	if !slices.Contains(strings.Fields(strings.Trim(fmt.Sprint(s.Type), "[]")), kind) {
		return []string{fmt.Sprintf("%s is of type %s, want %v", at, kind, s.Type)}
	}
	if s.Enum != nil && !slices.Contains(s.Enum, v) {
		wrong = append(wrong, fmt.Sprintf("%s is %v, want one of %v", at, v, s.Enum))
	}
	if s.Format == "date-time" {
		if at2, err := time.Parse(time.RFC3339, v.(string)); err != nil || at2.Location() != time.UTC {
			wrong = append(wrong, fmt.Sprintf("%s is %v, which is no time in UTC", at, v))
		}
	}
	switch v := v.(type) {
	case map[string]any:
		for _, name := range s.Required {
			if _, ok := v[name]; !ok {
				wrong = append(wrong, at+"."+name+" is missing")
			}
		}
		for name, member := range v {
			switch sub, named := s.Properties[name]; {
			case named:
				wrong = append(wrong, d.differs(sub, member, at+"."+name)...)
			case s.Others != nil:
				wrong = append(wrong, d.differs(*s.Others, member, at+"."+name)...)
			case s.Properties != nil:
				wrong = append(wrong, at+"."+name+" is not described")
			}
		}
	case []any:
		for i, item := range v {
			wrong = append(wrong, d.differs(*s.Items, item, fmt.Sprintf("%s[%d]", at, i))...)
		}
	}
	return wrong
}

// TestDescription holds the description against the routes: the same paths and methods, and who needs a token.
func TestDescription(t *testing.T) {
	t.Parallel()
	d := parsed(t)
	served := []string{"GET /metrics", "GET /livez", "GET /readyz"}
	for _, r := range routes {
		served = append(served, r.method+" "+r.pattern)
	}
	var told []string
	for path, methods := range d.Paths {
		for method := range methods {
			if method == "parameters" {
				continue
			}
			told = append(told, strings.ToUpper(method)+" "+path)
			if wants, says := strings.HasPrefix(path, "/v1/"), len(d.operation(t, method, path).Security) > 0; wants != says {
				t.Errorf("%s %s: needs a token: %v, and is described so: %v", method, path, wants, says)
			}
		}
	}
	slices.Sort(served)
	slices.Sort(told)
	if !slices.Equal(served, told) {
		t.Errorf("served %v\ndescribed %v", served, told)
	}
}

// TestDescribedParameters gives every parameter that is described, and one that is not.
func TestDescribedParameters(t *testing.T) {
	t.Parallel()
	d, o := parsed(t), newOperated(t)
	values := map[string]string{
		"limit": "3", "cursor": "0000000100000001", "subject": "nobody", "search": "b", "client": "198.51.100.0/24", "relayed": "50001", "transport": "udp", "sort": "rate",
	}
	for _, target := range []string{"GET /v1/allocations", "DELETE /v1/allocations"} {
		method, path, _ := strings.Cut(target, " ")
		for _, p := range d.operation(t, method, path).Parameters {
			value, known := values[p.Name]
			if w := o.ask(method, path+"?"+p.Name+"="+value); !known || w.Code != 200 {
				t.Errorf("%s with %s: %d %s", target, p.Name, w.Code, w.Body)
			}
			if method == "GET" {
				delete(values, p.Name)
			}
		}
		if method == "GET" && len(values) > 0 {
			t.Errorf("not described: %v", slices.Collect(maps.Keys(values)))
		}
		values = map[string]string{"subject": "nobody"}
	}
}

// TestAnswersAsDescribed asks every route, and compares the answers with their schemas.
func TestAnswersAsDescribed(t *testing.T) {
	t.Parallel()
	d, o := parsed(t), newOperated(t)
	o.api.past.add(o.api.moment(o.api.stats()))
	const id = "0000000200000001"
	asked := map[string]bool{}
	for _, c := range []struct{ method, path, query string }{
		{"GET", "/v1/status", ""}, {"GET", "/v1/history", ""},
		{"GET", "/v1/allocations", ""}, {"GET", "/v1/allocations", "?limit=1"}, {"GET", "/v1/allocations", "?limit=0"}, {"GET", "/v1/allocations", "?sort=rate"},
		{"GET", "/v1/allocations/{id}", ""}, {"DELETE", "/v1/allocations/{id}", ""}, {"DELETE", "/v1/allocations/{id}", ""}, {"GET", "/v1/allocations/{id}", ""},
		{"DELETE", "/v1/allocations", "?subject=alice"}, {"DELETE", "/v1/allocations", ""},
		{"POST", "/v1/drain", ""}, {"GET", "/v1/status", ""}, {"GET", "/v1/history", ""}, {"POST", "/v1/undrain", ""}, {"POST", "/v1/reload", ""}, {"GET", "/v1/config", ""},
		{"GET", "/openapi.json", ""}, {"GET", "/metrics", ""}, {"GET", "/livez", ""}, {"GET", "/readyz", ""},
	} {
		w := o.ask(c.method, strings.ReplaceAll(c.path, "{id}", id)+c.query)
		asked[c.method+" "+c.path] = true
		name := fmt.Sprint(c.method, " ", c.path, c.query, " ", w.Code)
		response, ok := d.operation(t, c.method, c.path).Responses[fmt.Sprint(w.Code)]
		if !ok {
			t.Errorf("%s is not described", name)
			continue
		}
		kind, _, _ := strings.Cut(w.Header().Get("Content-Type"), ";")
		content, ok := response.Content[kind]
		if ok != (w.Body.Len() > 0) {
			t.Errorf("%s: a body of type %q, and described %v", name, kind, ok)
		}
		if !strings.HasSuffix(kind, "json") {
			continue
		}
		var v any
		if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil {
			t.Fatal(err)
		}
		for _, wrong := range d.differs(content.Schema, v, name) {
			t.Error(wrong)
		}
	}
	for _, r := range routes {
		if !asked[r.method+" "+r.pattern] {
			t.Errorf("%s %s was not asked for", r.method, r.pattern)
		}
	}
}
