package relay

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"turnout/allocation"
	"turnout/stun"
)

// TestFailureLog has many sources fail: each is named a few times in a window, all of them so often, and what is left out
// is counted.
func TestFailureLog(t *testing.T) {
	t.Parallel()
	var text bytes.Buffer
	l := failureLog{log: slog.New(slog.NewTextHandler(&text, nil))}
	now := time.Unix(1000, 0)
	fail := func(source string, times int) (lines int) {
		before := strings.Count(text.String(), "\n")
		for range times {
			l.write(failure{client: netip.MustParseAddrPort(source), transport: allocation.UDP, method: stun.MethodAllocate, why: AuthenticationWrongPassword, username: "x"}, now, 0)
		}
		return strings.Count(text.String(), "\n") - before
	}
	if got := fail("192.0.2.1:1", 50); got != failuresOfASource {
		t.Errorf("%d lines of one source, want %d", got, failuresOfASource)
	}
	if got := fail("192.0.2.1:2", 1); got != 0 {
		t.Error("another port is another source")
	}
	if got := fail("192.0.2.2:1", 1); got != 1 || !strings.Contains(text.String(), "lines_left_out_before=41 ") {
		t.Errorf("%d lines of another source; left out are not counted:\n%s", got, text.String())
	}
	if got := fail("[2001:db8:ffff:1::1]:1", 9) + fail("[2001:db8:ffff:1:2::2]:1", 9); got != failuresOfASource {
		t.Errorf("%d lines of a /64, which one subscriber has, want %d", got, failuresOfASource)
	}
	for i := range 2 * failuresInAll {
		fail(fmt.Sprintf("[2001:db8:0:%x::1]:1", i), 1)
	}
	if got := strings.Count(text.String(), "\n"); got != failuresInAll || len(l.sources) > failuresInAll {
		t.Errorf("%d lines and %d sources in a window, want at most %d", got, len(l.sources), failuresInAll)
	}
	now = now.Add(failureWindow)
	l.write(failure{client: netip.MustParseAddrPort("192.0.2.1:1"), why: AuthenticationUnknownUser}, now, 7)
	left := fmt.Sprintf("lines_left_out_before=%d", 2*failuresInAll-(failuresInAll-2*failuresOfASource-1)+7)
	if got := text.String(); strings.Count(got, "\n") != failuresInAll+1 || !strings.HasSuffix(got, left+" username=\"\"\n") {
		t.Errorf("the next window begins with\n%s, want %s", got[strings.LastIndex(got[:len(got)-1], "\n")+1:], left)
	}
}

// A username in the log is bounded and on one line, whatever it holds.
func TestLoggedName(t *testing.T) {
	t.Parallel()
	named := func(kind stun.AttributeType, value string) string {
		m, err := stun.Parse(message(stun.MethodAllocate, func(rs *stun.Builder) { rs.AddString(kind, value) }))
		if err != nil {
			t.Fatal(err)
		}
		return loggedName(m)
	}
	for _, c := range []struct {
		kind        stun.AttributeType
		value, want string
	}{
		{stun.AttrUsername, "alice", "alice"},
		{stun.AttrUsername, "", ""},
		{stun.AttrUsername, "a\xff\xfeb", "a�b"},
		{stun.AttrUsername, strings.Repeat("é", 250), strings.Repeat("é", maxLoggedName/2) + "…"},
		{stun.AttrUsername, "x" + strings.Repeat("é", 250), "x" + strings.Repeat("é", maxLoggedName/2-1) + "�…"},
		{stun.AttrUserhash, strings.Repeat("\x01", 40), "hash " + strings.Repeat("01", 32)},
	} {
		if got := named(c.kind, c.value); got != c.want {
			t.Errorf("%q is logged as %q, want %q", c.value, got, c.want)
		}
	}
	var text bytes.Buffer
	for _, h := range []slog.Handler{slog.NewTextHandler(&text, nil), slog.NewJSONHandler(&text, nil)} {
		l := failureLog{log: slog.New(h)}
		l.write(failure{client: netip.MustParseAddrPort("192.0.2.1:1"), username: "eve\nlevel=WARN msg=\"authentication failed\" client=192.0.2.9:9"}, time.Unix(1, 0), 0)
	}
	if got := text.String(); strings.Count(got, "\n") != 2 || strings.Contains(got, ` msg="authentication failed" client=192.0.2.9`) {
		t.Errorf("a username forges a line:\n%s", got)
	}
}

// When the log does not keep up failures are counted, and cost no text.
func TestFailuresBeyondTheLog(t *testing.T) {
	b := newBench(t)
	client := benchClient(1)
	b.allocate(t, client)
	b.username, b.key = "mallory", make([]byte, 16)
	wrong := b.signed(client, stun.MethodRefresh, func(*stun.Builder) {})
	for range cap(b.failures) + 3 {
		b.fromClient(client, wrong)
	}
	if len(b.failures) != cap(b.failures) || b.unloggedFailures.Load() != 3 {
		t.Errorf("%d wait to be logged and %d do not, want %d and 3", len(b.failures), b.unloggedFailures.Load(), cap(b.failures))
	}
	if n := testing.AllocsPerRun(100, func() { b.fromClient(client, wrong) }); n > 0 && !raceEnabled {
		t.Errorf("%v allocations", n)
	}
}
