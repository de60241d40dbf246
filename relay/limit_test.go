package relay

import (
	"bytes"
	"log/slog"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"turnout/allocation"
	"turnout/stun"
)

// Every limit has a name of its own, a key and an answer, and a row in the operator's table.
func TestLimitsAreDocumented(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/operating.md")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, l := range Limits() {
		if l.String() == "" || l.Key() == "" || l.Answer() == "" || seen[l.String()] {
			t.Errorf("limit %d: %q, %q, %q", l, l, l.Key(), l.Answer())
		}
		seen[l.String()] = true
		if row := "| `" + l.String() + "` |"; !strings.Contains(string(page), row) {
			t.Errorf("docs/operating.md has no row that begins with %s", row)
		}
	}
}

// TestLimitLog has a limit reached ever again: the first time is told at once, the others once a window, and what is left
// at the end.
func TestLimitLog(t *testing.T) {
	t.Parallel()
	var text bytes.Buffer
	l := limitLog{log: slog.New(slog.NewTextHandler(&text, nil))}
	now := time.Unix(1000, 0)
	reach := func(i Limit, times int) (again time.Duration, line string) {
		for range times {
			l.pending[i].add(culprit{subject: "carol"})
		}
		text.Reset()
		again = l.write(now)
		return again, text.String()
	}
	if again, line := reach(LimitPermissions, 3); again != 0 || !strings.Contains(line, "limit=permissions") || !strings.Contains(line, " times=3 subject=carol subject_times=3\n") {
		t.Errorf("the first: again in %v, %q", again, line)
	}
	now = now.Add(10 * time.Second)
	if again, line := reach(LimitPermissions, 2); again != 50*time.Second || line != "" {
		t.Errorf("within the window: again in %v, %q", again, line)
	}
	if _, line := reach(LimitChannels, 1); strings.Count(line, "\n") != 1 || !strings.Contains(line, "limit=channels") {
		t.Errorf("another limit: %q", line)
	}
	now = now.Add(50 * time.Second)
	if again, line := reach(LimitPermissions, 2); again != 0 || !strings.Contains(line, " times=4 ") {
		t.Errorf("in the next window: again in %v, %q", again, line)
	}
	reach(LimitPermissions, 7)
	text.Reset()
	l.finish(nil)
	if line := text.String(); strings.Count(line, "\n") != 1 || !strings.Contains(line, " times=7 ") {
		t.Errorf("at the end: %q", line)
	}
}

// TestLimitsOfAServer floods a server: its log tells once a window, counts all, and the workers are asked once a second.
func TestLimitsOfAServer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var text logBuffer
		b := newBench(t, derivedUsers, func(c *Config) {
			c.UserBandwidth = 8
			c.Logger = slog.New(slog.NewTextHandler(&text, nil))
		})
		b.become(t, "carol")
		way := b.ways(t, 100)[0]
		wakes := 0
		done := make(chan struct{})
		go func() { defer close(done); b.runLimits() }()
		const packets, pause = 1001, 100 * time.Millisecond
		for range packets { // the first passes
			b.deliver(way.socket, way.packet)
			synctest.Wait()
			b.w.inbox.mu.Lock()
			wakes += min(len(b.w.inbox.posted), 1)
			b.w.inbox.mu.Unlock()
			time.Sleep(pause)
		}
		b.deliver(way.socket, way.packet)
		dropped := b.Stats().Limited(LimitUserBandwidth)
		close(b.ending)
		b.w.finish()
		close(b.noticed)
		<-done
		told, lines := uint64(0), 0
		for line := range strings.Lines(text.String()) {
			if _, times, ok := strings.Cut(line, " times="); ok && strings.Contains(line, "limit=user_bandwidth") {
				n, _, _ := strings.Cut(times, " ")
				told += number(t, n)
				lines++
			}
		}
		seconds := int(packets * pause / time.Second)
		if told != dropped || dropped < packets*9/10 || lines < 2 || lines > seconds/60+2 {
			t.Errorf("%d dropped, %d told in %d lines of %d s", dropped, told, lines, seconds)
		}
		if wakes == 0 || wakes > seconds+2 {
			t.Errorf("the worker was asked %d times in %d s", wakes, seconds)
		}
	})
}

func number(t *testing.T, text string) (n uint64) {
	t.Helper()
	for _, digit := range text {
		if digit < '0' || digit > '9' {
			t.Fatalf("%q is no number", text)
		}
		n = 10*n + uint64(digit-'0')
	}
	return n
}

// What a request is refused with is some limit's, or none's.
func TestLimitOf(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		method stun.Method
		err    error
		want   string
	}{
		{stun.MethodAllocate, allocation.ErrQuota, "user_allocations"},
		{stun.MethodAllocate, allocation.ErrTotal, "total_allocations"},
		{stun.MethodAllocate, allocation.ErrCapacity, "ports"},
		{stun.MethodCreatePermission, allocation.ErrTooMany, "permissions"},
		{stun.MethodChannelBind, allocation.ErrTooMany, "channels"},
		{stun.MethodConnect, allocation.ErrTooMany, "connections"},
		{stun.MethodConnect, errNewPeers, "new_peers"},
		{stun.MethodBinding, errBudget, "unauthenticated"},
		{stun.MethodConnect, errLater, ""},
		{stun.MethodAllocate, nil, ""},
		{stun.MethodAllocate, allocation.ErrReservation, ""},
		{stun.MethodAllocate, errForbidden, ""},
	} {
		l, ok := limitOf(c.method, c.err)
		if ok != (c.want != "") || ok && l.String() != c.want {
			t.Errorf("%v refused with %v: %v", c.method, c.err, ok)
		}
	}
}

// A datagram that is dropped for a limit costs no allocation either: whoever floods is to pay, not the relay.
func TestDropForALimit(t *testing.T) {
	b := newBench(t, derivedUsers, func(c *Config) { c.UserBandwidth, c.NewPeers = 8, 1 })
	b.become(t, "carol")
	for _, w := range b.ways(t, 160) {
		b.deliver(w.socket, w.packet)
		if n := testing.AllocsPerRun(100, func() { b.deliver(w.socket, w.packet) }); n > 0 && !raceEnabled {
			t.Errorf("%v: %v allocations", w, n)
		}
	}
	if b.Stats().Dropped(DropUserBandwidth) < 400 {
		t.Errorf("%d drops", b.Stats().Dropped(DropUserBandwidth))
	}
}
