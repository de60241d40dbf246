package allocation

import (
	"errors"
	"fmt"
)

// Errors of Create, Rebind, Permit and BindChannel, each with the STUN error code that answers it (RFC 8656 §19). They
// are returned as they are: compare with == or errors.Is.
var (
	ErrInUse         = errors.New("5-tuple in use")                                    // 437
	ErrQuota         = errors.New("allocation quota of the user reached")              // 486
	ErrCapacity      = errors.New("no relayed address, port or slot left")             // 508
	ErrReservation   = errors.New("no such reservation")                               // 508
	ErrFamily        = errors.New("address family not served")                         // 440
	ErrPeerFamily    = errors.New("peer of another address family")                    // 443
	ErrChannelNumber = errors.New("channel number out of range")                       // 400
	ErrChannelInUse  = errors.New("channel or peer bound differently")                 // 400
	ErrTooMany       = errors.New("permissions or channels of the allocation used up") // 508
)

// ErrTotal is an ErrCapacity: as many allocations live as NewLedger and SetTotal admit.
var ErrTotal = fmt.Errorf("%w: all allocations are in use", ErrCapacity) // 508

// Codes of FamilyError when Create could not get one family of two (RFC 8656 §7.2).
const (
	codeFamilyNotSupported   = 440
	codeInsufficientCapacity = 508
)
