package api

import (
	"net/http"
	"net/url"
	"slices"
)

// draft-uberti-behave-turn-rest-00 §2: expired, and what most servers' documentation
// still means by "TURN REST API".
var restRoutes = []route{
	{method: http.MethodGet, pattern: "/", admits: bySelf, authenticate: restKey, serve: restCredentials, product: productCredential, dialect: dialectREST},
	{method: http.MethodPost, pattern: "/", admits: bySelf, authenticate: nobody, content: formContent, serve: restForm, product: productCredential, dialect: dialectREST},
}

var errRESTKey = &failure{status: http.StatusForbidden, code: "Forbidden", message: "The key is none of this service's."}

// nobody is the authentication of a route whose body has the key.
func nobody(*request) error { return nil }

// restKey lets whoever asks for nothing of the dialect by: the root has a page too.
func restKey(r *request) error {
	query := r.URL.Query()
	if !asksREST(query) {
		return nil
	}
	return r.checkRESTKey(query)
}

// asksREST says whether a query has a parameter of the draft: a program that forgets one of them is to hear of it, and not to
// be given a page to take for an answer.
func asksREST(query url.Values) bool {
	return slices.ContainsFunc([]string{"service", "username", "key", "api"}, query.Has)
}

// checkRESTKey looks at key, and at api, as Janus calls it.
func (r *request) checkRESTKey(values url.Values) error {
	given := values.Get("key")
	if given == "" {
		given = values.Get("api")
	}
	fits := false
	for _, key := range r.service.Dialects.REST {
		if sameSecret(given, key) {
			fits = true
		}
	}
	if !fits {
		return errRESTKey
	}
	return nil
}

func restCredentials(r *request) (reply, error) {
	query := r.URL.Query()
	if !asksREST(query) {
		r.product = ""
		return showPage(r)
	}
	return r.restAnswer(query)
}

// restForm takes the parameters from the body, or where that lacks one, from the query.
func restForm(r *request) (reply, error) {
	values := r.URL.Query()
	for name, all := range r.form {
		values[name] = all
	}
	if err := r.checkRESTKey(values); err != nil {
		return reply{}, err
	}
	return r.restAnswer(values)
}

func (r *request) restAnswer(values url.Values) (reply, error) {
	if values.Get("service") != "turn" {
		return reply{}, invalid("service", "service must be turn.")
	}
	ttl, err := r.formTTL(values, "ttl")
	if err != nil {
		return reply{}, err
	}
	c, err := r.credentialFor(values.Get("username"), ttl)
	if err != nil {
		return reply{}, err
	}
	return r.uriAnswer(c), nil
}
