package admin

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// A failure is an error as callers are told it.
type failure struct {
	status        int
	code, message string
}

func (f *failure) Error() string { return f.code + ": " + f.message }

// write answers with the failure.
func (f *failure) write(w http.ResponseWriter) { refuse(w, f.status, f.code, f.message) }

var (
	errNoRelay = &failure{http.StatusServiceUnavailable, "RelayUnavailable",
		"There is no relay in this process, or it does not listen yet."}
	errNoAllocation = &failure{http.StatusNotFound, "AllocationNotFound",
		"There is no allocation with this id: it has ended, or its client has moved and it has another one."}
	errCrossOrigin = &failure{http.StatusForbidden, "CrossOrigin",
		"A page of another site asks for this: that is refused."}
	errBody = &failure{http.StatusRequestEntityTooLarge, "RequestTooLarge",
		"No request here needs a body of this size; leave it out."}
	errSlow = &failure{http.StatusRequestTimeout, "RequestTimeout",
		"The body of the request did not arrive in time."}
	errTimeout = &failure{http.StatusServiceUnavailable, "Timeout",
		"The relay's workers did not answer in time."}
	errInternal = &failure{http.StatusInternalServerError, "InternalError",
		"Something went wrong here; the log says what."}
)

// invalid is a parameter that cannot be meant.
func invalid(message string) *failure {
	return &failure{http.StatusBadRequest, "ValidationError", message}
}

// failed is err as a failure. Handlers return no other errors than failures and those of the request's context.
func failed(err error) *failure {
	var f *failure
	switch {
	case errors.As(err, &f):
		return f
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return errTimeout
	}
	return errInternal
}

// notAllowed refuses a method, and names those that there are.
func notAllowed(w http.ResponseWriter, methods map[string]route) {
	allowed := slices.Collect(maps.Keys(methods))
	if slices.Contains(allowed, http.MethodGet) {
		allowed = append(allowed, http.MethodHead)
	}
	slices.Sort(allowed)
	list := strings.Join(allowed, ", ")
	w.Header().Set("Allow", list)
	refuse(w, http.StatusMethodNotAllowed, "MethodNotAllowed", "This path answers "+list+".")
}

// mostBody is as much of a body as is read, and not looked at: clients may send {}.
const mostBody = 4 << 10

// noBody reads what no route needs, so that the connection can be used again.
func noBody(w http.ResponseWriter, r *http.Request) error {
	_, err := io.Copy(io.Discard, http.MaxBytesReader(w, r.Body, mostBody))
	var long *http.MaxBytesError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &long):
		return errBody
	}
	return errSlow
}
