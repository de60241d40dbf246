package peertest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"
)

// An endedAllocation is the line that is logged when an allocation ends.
type endedAllocation struct {
	Msg, Subject, Why string
	End               time.Time
}

// endings reads them from what a relay has printed.
func endings(t *testing.T, printed string) (all []endedAllocation) {
	t.Helper()
	for line := range strings.Lines(printed) {
		if !strings.HasPrefix(line, "{") {
			continue // what serve announces
		}
		var e endedAllocation
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if e.Msg == "allocation ended" {
			all = append(all, e)
		}
	}
	return all
}

// TestDrainUnderLoad tells a relay to end while flows run. New allocations are refused at once,
// those that live go on: the generator's until it gives them back, and one that nobody gives back
// until the deadline.
func TestDrainUnderLoad(t *testing.T) {
	peers(t)
	t.Parallel()
	const flows, rate = 200, 20
	const deadline = 25 * time.Second // far beyond the end of the load, also where everything takes its time
	b := startBusy(t, flows, deadline)
	client, _ := pionClient(t, "udp", b.at.String(), user, password)
	relayed, peer := allocate(t, client), listen(t, "127.0.0.1:0")
	send(t, relayed, "before", peer.LocalAddr())
	receive(t, peer, "before")
	load := b.load(t, flows, rate, 4*time.Second)
	before := statusOf(t, b.admin)

	begun := time.Now()
	if err := b.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	took := eventually(t, "/readyz says that it drains", func() error {
		if r := askAdmin(t, b.admin, "GET", "/readyz"); r.code != http.StatusServiceUnavailable || !strings.Contains(r.body, "draining") {
			return fmt.Errorf("%d %s", r.code, r.body)
		}
		return nil
	})
	t.Logf("/readyz was 503 %v after SIGTERM", took)
	newcomer, _ := pionClient(t, "udp", b.at.String(), user, password)
	if conn, err := newcomer.Allocate(); err == nil || !strings.Contains(err.Error(), "508") {
		t.Errorf("a new Allocate while draining: %v, %v; want error 508", conn, err)
	}
	load.flow(t)
	after := statusOf(t, b.admin)
	sameDrops(t, before, after)
	send(t, relayed, "on", peer.LocalAddr())
	receive(t, peer, "on")

	select {
	case err := <-b.ended:
		if err != nil {
			t.Errorf("turnout ended with %v", err)
		}
	case <-time.After(deadline + 20*time.Second):
		t.Fatal(errors.New("turnout goes on after its deadline"))
	}
	t.Logf("turnout ended %v after SIGTERM; its deadline is %v", time.Since(begun), deadline)
	checkEndings(t, endings(t, b.printed.String()), flows, begun.Add(deadline))
}

// checkEndings wants the generator's allocations to have been given back, and the one that was
// not, and no other, to have been cut, at the deadline.
func checkEndings(t *testing.T, all []endedAllocation, flows int, deadline time.Time) {
	t.Helper()
	given, cut := 0, 0
	for _, e := range all {
		switch {
		case strings.HasPrefix(e.Subject, "client") && e.Why == "deleted by its client":
			given++
		case e.Subject == user && !e.End.Before(deadline):
			cut++
		default:
			t.Errorf("an allocation of %s ended %v before the deadline: %s", e.Subject, deadline.Sub(e.End), e.Why)
		}
	}
	if given != flows || cut != 1 {
		t.Errorf("%d allocations were given back and %d cut, want %d and 1", given, cut, flows)
	}
}
