package admin

import (
	"net/http"

	"turnout/allocation"
)

// end ends one allocation.
func (a *API) end(r *http.Request) (reply, error) {
	server, err := a.relay()
	if err != nil {
		return reply{}, err
	}
	id, err := allocation.ParseID(r.PathValue("id"))
	if err != nil || !server.End(r.Context(), id) {
		return reply{}, errNoAllocation
	}
	return reply{code: http.StatusNoContent}, nil
}

// An endedBody says how many allocations were ended.
type endedBody struct {
	Ended int `json:"ended"`
}

// endSubject ends all allocations of a subject.
func (a *API) endSubject(r *http.Request) (reply, error) {
	server, err := a.relay()
	if err != nil {
		return reply{}, err
	}
	q, err := query(r.URL, "subject")
	if err != nil {
		return reply{}, err
	}
	if q.Get("subject") == "" {
		return reply{}, invalid("Whose allocations are to end? Write ?subject= and a subject as the list has it.")
	}
	return reply{http.StatusOK, endedBody{server.EndAllOf(q.Get("subject"))}}, nil
}

// drain refuses new allocations until undrain.
func (a *API) drain(*http.Request) (reply, error) {
	if _, err := a.relay(); err != nil {
		return reply{}, err
	}
	return reply{http.StatusOK, drainOf(a.Control.Drain())}, nil
}

// undrain takes new allocations again.
func (a *API) undrain(*http.Request) (reply, error) {
	if _, err := a.relay(); err != nil {
		return reply{}, err
	}
	d, err := a.Control.Undrain()
	if err != nil {
		return reply{}, &failure{http.StatusConflict, "Stopping", err.Error() + "."}
	}
	return reply{http.StatusOK, drainOf(d)}, nil
}

// configuration gives the configuration in use.
func (a *API) configuration(*http.Request) (reply, error) {
	return reply{http.StatusOK, a.Control.Configuration().JSON}, nil
}

// A reloadedBody says what a reload changed.
type reloadedBody struct {
	Changed []string `json:"changed"`
	Restart []string `json:"restart"`
	Hash    string   `json:"hash"`
}

// reload reads the configuration again.
func (a *API) reload(r *http.Request) (reply, error) {
	done, err := a.Control.Reload(r.Context())
	if err != nil {
		return reply{}, &failure{http.StatusUnprocessableEntity, "ConfigurationRefused", "The configuration in use stays: " + err.Error()}
	}
	return reply{http.StatusOK, reloadedBody{append([]string{}, done.Changed...), append([]string{}, done.Restart...), done.Hash}}, nil
}
