package relay

import (
	"time"

	"turnout/allocation"
	"turnout/auth"
	"turnout/stun"
)

// answerSize is room for any answer: the longest is a 420 that lists every
// attribute of a request, which appends beyond it if it must.
const answerSize = 1024

// A request is one STUN request on its way through a handler. A worker has one
// and uses it again and again.
type request struct {
	msg  stun.Message
	from *origin
	now  allocation.Time
	wall time.Time

	allocation *allocation.Allocation // on this 5-tuple; nil if none

	// Set by authentication.
	authenticated bool
	nonceValid    bool
	username      []byte
	owner         [16]byte
	verified      auth.Verified
	integrity     stun.Integrity // how the answer is signed

	// A Refresh with a MOBILITY-TICKET (RFC 8016 §3.2.2).
	moves   bool   // it has one
	ticket  ticket // opened
	refused error  // why it moves nothing
	again   bool   // it moved the allocation here before: a retransmission
	visit   *visit // the request reached another worker

	failure   error      // why verification failed
	alternate *Alternate // for 300

	// Where the response to a Binding of NAT discovery goes: from another socket,
	// to another port. sendFrom is nil for every other one.
	sendFrom *vantage
	sendTo   uint16

	*state
}

// A method says how requests of a STUN method are served.
type method struct {
	authenticated bool
	// serve adds the method's attributes to the success response, or returns an
	// error that becomes the error response.
	serve func(*request, *stun.Builder) error
}

func serving(m stun.Method) *method {
	switch m {
	case stun.MethodBinding:
		return &methodBinding
	case stun.MethodAllocate:
		return &methodAllocate
	case stun.MethodRefresh:
		return &methodRefresh
	case stun.MethodCreatePermission:
		return &methodCreatePermission
	case stun.MethodChannelBind:
		return &methodChannelBind
	case stun.MethodConnect:
		return &methodConnect
	case stun.MethodConnectionBind:
		return &methodConnectionBind
	}
	return nil
}

var (
	methodBinding          = method{false, handleBinding}
	methodAllocate         = method{true, handleAllocate}
	methodRefresh          = method{true, handleRefresh}
	methodCreatePermission = method{true, handleCreatePermission}
	methodChannelBind      = method{true, handleChannelBind}
	methodConnect          = method{true, handleConnect}
	methodConnectionBind   = method{true, handleConnectionBind}
)

// begin makes r the request m.
func (r *request) begin(m stun.Message, from *origin, s *state, now allocation.Time, wall time.Time) {
	*r = request{msg: m, from: from, now: now, wall: wall, state: s, allocation: s.table.Lookup(from.tuple)}
	r.readTicket()
}

// answer runs a request through its method and builds the response at the end of
// dst. errBudget says that there is to be none, errLater that it will follow; every
// other outcome is a response,
// whose code (0 for success) is returned.
func (r *request) answer(h *method, rs *stun.Builder, dst []byte) (stun.Code, error) {
	err := r.check(h)
	if err == nil {
		rs.Reset(dst, stun.NewMessageType(r.msg.Method(), stun.ClassSuccess), r.msg.TransactionID())
		err = h.serve(r, rs)
	}
	if err == errLater {
		return 0, err
	}
	if !r.authenticated && !r.nonceValid && r.from.stream == nil &&
		!r.budget.spend(r.from.tuple.Client.Addr(), r.now) {
		return 0, r.limited(errBudget)
	}
	var c stun.Code
	if err != nil {
		c = code(err)
		r.buildError(rs, dst, c)
	}
	r.addSoftware(rs)
	if r.authenticated && c != stun.CodeStaleNonce {
		rs.AddIntegrity(r.verified.Key, r.integrity)
	}
	if r.msg.HasFingerprint() {
		rs.AddFingerprint()
	}
	return c, nil
}

// addSoftware says what made the answer, if the administrator lets it. RFC 8489 §6.3.1.1.
func (s *settings) addSoftware(rs *stun.Builder) {
	if s.software != "" {
		rs.AddString(stun.AttrSoftware, s.software)
	}
}

// check authenticates where the method asks for it, then looks for attributes
// that are unknown here, in this order. RFC 8489 §6.3.
func (r *request) check(h *method) error {
	if h.authenticated {
		if r.unexpectedToken() {
			r.unknown = append(r.unknown[:0], stun.AttrAccessToken)
			return errUnknownAttribute
		}
		err := r.authenticate()
		outcome := r.outcome(err)
		r.counters.authentication(outcome)
		if err != nil {
			r.noteFailure(outcome)
			return err
		}
		// RFC 8656 §5: a 5-tuple's requests come from the user that allocated.
		if r.allocation != nil && r.allocation.Owner() != r.owner && r.msg.Method() != stun.MethodAllocate && !r.renews() {
			return errWrongCredentials
		}
	}
	known := r.known
	if h == &methodBinding && r.from.vantage() != nil {
		known |= discoveryAttributes
	}
	if r.unknown = r.msg.UnknownRequired(r.unknown[:0], known); len(r.unknown) > 0 {
		return errUnknownAttribute
	}
	if r.authenticated && r.msg.Method() != stun.MethodAllocate {
		r.settle()
	}
	return nil
}

// buildError is the one place that writes error responses.
func (r *request) buildError(rs *stun.Builder, dst []byte, c stun.Code) {
	rs.Reset(dst, stun.NewMessageType(r.msg.Method(), stun.ClassError), r.msg.TransactionID())
	rs.AddErrorCode(c)
	switch c {
	case stun.CodeUnauthenticated, stun.CodeStaleNonce: // RFC 8489 §9.2.4
		rs.AddString(stun.AttrRealm, r.realm)
		rs.Add(stun.AttrNonce, r.nonces.Append(&r.nonceState, r.nonceSpace[:0], r.from.tuple.Client, r.wall))
		rs.Add(stun.AttrPasswordAlgorithms, passwordAlgorithms)
		if r.serverName != "" && c == stun.CodeUnauthenticated { // RFC 7635 §4
			rs.AddString(stun.AttrThirdPartyAuthorization, r.serverName)
		}
	case stun.CodeTryAlternate: // RFC 8489 §10
		r.addAlternate(rs)
	case stun.CodeUnknownAttribute: // RFC 8489 §6.3.1
		rs.AddUnknownAttributes(r.unknown)
	}
}
