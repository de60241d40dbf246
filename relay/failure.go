package relay

import (
	"context"
	"encoding/hex"
	"log/slog"
	"net/netip"
	"strings"
	"time"

	"turnout/allocation"
	"turnout/stun"
)

// A failure is a request whose credentials are wrong, as the log tells of it: whoever guards the host (fail2ban) goes by
// the client's address. So only a client that is where it says is named: one that returned a nonce, which was sent to
// that address, or that has a connection. The address of any other datagram may be a stranger's, who would be shut out.
type failure struct {
	client    netip.AddrPort
	transport allocation.Transport
	method    stun.Method
	why       Authentication
	username  string // as it was given, but no longer than the log shows
}

// noteFailure hands a failed authentication to the log's goroutine, if the client has proved its address. A challenge
// and a stale nonce are no failures.
func (r *request) noteFailure(why Authentication) {
	switch why {
	case AuthenticationUnknownUser, AuthenticationWrongPassword, AuthenticationExpired, AuthenticationRevoked, AuthenticationWrongToken:
	default:
		return
	}
	if !r.nonceValid && r.from.stream == nil {
		return
	}
	if len(r.failures) == cap(r.failures) { // whoever tries that fast pays for no text
		r.unloggedFailures.Add(1)
		return
	}
	f := failure{
		client: r.from.tuple.Client, transport: r.from.tuple.Transport,
		method: r.msg.Method(), why: why, username: loggedName(r.msg),
	}
	select {
	case r.failures <- f:
	default:
		r.unloggedFailures.Add(1)
	}
}

// maxLoggedName is how much of a username is logged, in bytes: enough for a service's own, and not what a client likes to
// fill a disk with.
const maxLoggedName = 160

// loggedName is the username of a request, or the beginning of it, or its hash. The log escapes it.
func loggedName(m stun.Message) string {
	name, ok := m.Attribute(stun.AttrUsername)
	if !ok {
		hash, _ := m.Attribute(stun.AttrUserhash)
		return "hash " + hex.EncodeToString(hash[:min(len(hash), 32)])
	}
	text := strings.ToValidUTF8(string(name[:min(len(name), maxLoggedName)]), "�")
	if len(name) > maxLoggedName {
		text += "…"
	}
	return text
}

// Failures that are logged in one window of time.
const (
	failureWindow     = time.Minute
	failuresOfASource = 10   // of one IPv4 address or IPv6 /64: who is to be shut out has been told often enough
	failuresInAll     = 1000 // of all of them: the log is to stay readable, and the disk free
)

// A failureLog bounds how much is logged of failed authentications. Owned by one goroutine.
type failureLog struct {
	log     *slog.Logger
	began   time.Time // of the window
	lines   int
	sources map[netip.Addr]int // lines of each
	leftOut uint64
}

// write logs a failure, unless there were too many in this window: then it is counted in the next line. unseen is how many
// did not get here.
func (l *failureLog) write(f failure, now time.Time, unseen uint64) {
	if now.Sub(l.began) >= failureWindow {
		l.began, l.lines, l.sources = now, 0, map[netip.Addr]int{}
	}
	l.leftOut += unseen
	source := sourceOf(f.client.Addr())
	if l.lines >= failuresInAll || l.sources[source] >= failuresOfASource {
		l.leftOut++
		return
	}
	l.lines++
	l.sources[source]++
	// The client comes first and the username last: deploy/fail2ban reads these lines, and what a client chooses must
	// not pass for anything before it.
	attrs := []slog.Attr{
		slog.String("client", f.client.String()),
		slog.String("reason", f.why.String()),
		slog.String("transport", f.transport.String()),
		slog.String("method", f.method.String()),
	}
	if l.leftOut > 0 {
		attrs = append(attrs, slog.Uint64("lines_left_out_before", l.leftOut))
		l.leftOut = 0
	}
	attrs = append(attrs, slog.String("username", f.username))
	l.log.LogAttrs(context.Background(), slog.LevelWarn, "authentication failed", attrs...)
}

// sourceOf is what counts as one source: of IPv6 a /64, or one subscriber would fill the log so that no other's lines fit.
func sourceOf(a netip.Addr) netip.Addr {
	if a.Is6() {
		p, _ := a.WithZone("").Prefix(64) // never fails
		a = p.Addr()
	}
	return a
}

// runFailures logs failed authentications until the server has ended.
func (s *Server) runFailures() {
	l := failureLog{log: s.log}
	for f := range s.failures {
		l.write(f, time.Now(), s.unloggedFailures.Swap(0))
	}
}
