package relay

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"turnout/allocation"
	"turnout/auth"
	"turnout/internal/netio"
)

// What the kernel refuses is told once a process, however many workers find out, and Stats shows it from the first on.
func TestRefusedShortcutIsTold(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	var out bytes.Buffer
	b.w.settings.log = slog.New(slog.NewTextHandler(&out, nil))
	second := &worker{poller: &fakePoller{}}
	second.settings = b.w.settings
	workers := []*worker{b.w, second}
	b.Server.workers = workers
	set := func(w *worker, s netio.Shortcuts) {
		w.poller.(*fakePoller).shortcuts = s
		w.noteShortcuts()
		w.counters.publish(w.poller)
	}
	on := netio.Shortcut{Enabled: true}
	refused := netio.Shortcut{Reason: "EIO"}
	expect := func(what string, gso, gro bool, lines int) {
		t.Helper()
		if s := b.Stats(); s.GSO != gso || s.GRO != gro {
			t.Errorf("%s: GSO %v, GRO %v", what, s.GSO, s.GRO)
		}
		if n := strings.Count(out.String(), "\n"); n != lines {
			t.Errorf("%s: %d lines logged, want %d:\n%s", what, n, lines, out.String())
		}
	}
	expect("at first", false, false, 0)
	set(b.w, netio.Shortcuts{GSO: on, GRO: on})
	expect("with one worker", false, false, 0)
	set(second, netio.Shortcuts{GSO: on, GRO: on})
	expect("with both", true, true, 0)
	set(second, netio.Shortcuts{GSO: refused, GRO: on})
	expect("refused to one", false, true, 1)
	set(b.w, netio.Shortcuts{GSO: refused, GRO: on})
	expect("refused to the other too", false, true, 1)
	set(b.w, netio.Shortcuts{GSO: refused, GRO: refused})
	expect("both refused", false, false, 2)
	for _, want := range []string{"shortcut=gso reason=EIO", "shortcut=gro reason=EIO"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the log has no %q:\n%s", want, out.String())
		}
	}
}

// New tells what it begins with, and fails where a shortcut is on that the network does not have.
func TestShortcutSwitches(t *testing.T) {
	t.Parallel()
	verifier, err := auth.NewVerifier(auth.VerifierConfig{Realm: "bench", Users: map[string]string{"a": "b"}})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	c := Config{
		Realm: "bench", Verifier: verifier, Network: netio.NewMemory(), Workers: 2,
		Listeners: []Listener{{allocation.UDP, benchServer}}, RelayAddresses: relayAddresses(relayIPv4),
		Logger: slog.New(slog.NewTextHandler(&out, nil)),
	}
	on := c
	on.GSO = netio.SwitchOn
	if s, err := New(on); err == nil || s != nil || !strings.Contains(err.Error(), "GSO is switched on and not possible here") {
		t.Errorf("GSO on: %v", err)
	}
	on = c
	on.GRO = netio.SwitchOn
	if s, err := New(on); err == nil || s != nil || !strings.Contains(err.Error(), "GRO is switched on and not possible here") {
		t.Errorf("GRO on: %v", err)
	}
	if out.Len() > 0 {
		t.Errorf("logged %s", out.String())
	}
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	s.abandon()
	if got := out.String(); strings.Count(got, "\n") != 1 || strings.Count(got, `"not in use: `) != 2 {
		t.Errorf("logged %s", got)
	}
	if st := s.Stats(); st.GSO || st.GRO {
		t.Errorf("GSO %v, GRO %v", st.GSO, st.GRO)
	}
}
