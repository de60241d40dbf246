package relay

import (
	"errors"

	"turnout/allocation"
	"turnout/stun"
)

// A refusal is an error that is a STUN error code: what handlers return.
type refusal stun.Code

func (r refusal) Error() string { return stun.Code(r).Reason() }

const (
	errTryAlternate         = refusal(stun.CodeTryAlternate)
	errBadRequest           = refusal(stun.CodeBadRequest)
	errUnauthenticated      = refusal(stun.CodeUnauthenticated)
	errForbidden            = refusal(stun.CodeForbidden)
	errMobilityForbidden    = refusal(stun.CodeMobilityForbidden)
	errUnknownAttribute     = refusal(stun.CodeUnknownAttribute)
	errAllocationMismatch   = refusal(stun.CodeAllocationMismatch)
	errStaleNonce           = refusal(stun.CodeStaleNonce)
	errFamilyNotSupported   = refusal(stun.CodeAddressFamilyNotSupported)
	errWrongCredentials     = refusal(stun.CodeWrongCredentials)
	errUnsupportedTransport = refusal(stun.CodeUnsupportedTransport)
	errPeerFamilyMismatch   = refusal(stun.CodePeerAddressFamilyMismatch)
	errInsufficientCapacity = refusal(stun.CodeInsufficientCapacity)
	errConnectionExists     = refusal(stun.CodeConnectionAlreadyExists)

	// errBudget is answered with nothing: the source's budget of unauthenticated answers is used up.
	errBudget = refusal(0)
	// errLater is answered in a later round, or by another worker.
	errLater = refusal(1)
)

// codes maps the errors of other packages to STUN codes.
var codes = []struct {
	err  error
	code stun.Code
}{
	{allocation.ErrInUse, stun.CodeAllocationMismatch},
	{allocation.ErrQuota, stun.CodeAllocationQuotaReached},
	{allocation.ErrCapacity, stun.CodeInsufficientCapacity},
	{allocation.ErrReservation, stun.CodeInsufficientCapacity},
	{allocation.ErrFamily, stun.CodeAddressFamilyNotSupported},
	{allocation.ErrPeerFamily, stun.CodePeerAddressFamilyMismatch},
	{allocation.ErrChannelInUse, stun.CodeBadRequest},
	{allocation.ErrTooMany, stun.CodeInsufficientCapacity},
	{errNewPeers, stun.CodeInsufficientCapacity},
}

// code is the STUN error code of what a handler returned; 500 for what nobody foresaw.
func code(err error) stun.Code {
	if r, ok := err.(refusal); ok {
		return stun.Code(r)
	}
	for _, c := range codes {
		if errors.Is(err, c.err) {
			return c.code
		}
	}
	return stun.CodeServerError
}
