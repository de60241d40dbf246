package peertest

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"turnout/internal/ports"
)

// acknowledged is what the service said it did for a user.
type acknowledged struct {
	user             fleetUser
	revoked, deleted bool
	username         string // of a credential, empty for none
	password         string
}

// TestKilledService kills the service while it makes, revokes and deletes users, and starts it again on its store, a
// few times: what it had acknowledged is so. And its log, at its most talkative, holds no secret that passed through it.
func TestKilledService(t *testing.T) {
	peers(t)
	t.Parallel()
	if os.Getenv("PEERTEST_SERVER") != "" {
		t.Skip("PEERTEST_SERVER names the server to test: turnout is not started")
	}
	r := ports.Reserve(t, fleetPorts+3)
	admin := fmt.Sprintf("127.0.0.1:%d", r.First+1)
	config := filepath.Join(t.TempDir(), "turnout.yaml")
	text := fmt.Sprintf(pageConfiguration, realm, r.First, r.First+1, r.First+2, r.First+3, r.Last(), accessKey, t.TempDir()) + "log: {level: debug}\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	f := &fleet{t: t, service: fmt.Sprintf("http://127.0.0.1:%d", r.First+2)}
	f.relays[0].address = fmt.Sprintf("127.0.0.1:%d", r.First)
	var all []acknowledged
	var logs []*log
	const rounds = 4
	for round := range rounds {
		p := launch(t, admin, "--config", config)
		logs = append(logs, p.printed)
		for _, a := range all {
			a.check(t)
		}
		if round == rounds-1 {
			stop(t, p.Process, p.ended)
			break
		}
		all = append(all, f.writeUntilKilled(p, 20+40*round)...)
	}
	revoked, deleted := 0, 0
	for _, a := range all {
		if a.revoked {
			revoked++
		}
		if a.deleted {
			deleted++
		}
	}
	t.Logf("%d users were acknowledged, %d revocations and %d deletions, in %d lives of the service", len(all), revoked, deleted, rounds-1)
	if revoked < 5 || deleted < 5 {
		t.Error("too few to tell")
	}
	for _, l := range logs {
		printed := l.String()
		for _, a := range all {
			for what, secret := range map[string]string{"token": a.user.token, "password": a.password, "access key": accessKey} {
				if secret != "" && strings.Contains(printed, secret) {
					t.Fatalf("the log has the %s of a user in it", what)
				}
			}
		}
		if raw, _ := base64.StdEncoding.DecodeString(accessKey); strings.Contains(printed, string(raw)) {
			t.Error("the log has the access key in it")
		}
	}
}

// writeUntilKilled writes from several sides, kills the service when that many users are acknowledged, and returns those
// of whom it is known what the service did last.
func (f *fleet) writeUntilKilled(p *process, users int) (all []acknowledged) {
	var mu sync.Mutex
	var writers sync.WaitGroup
	var dead sync.Once
	for range 4 {
		writers.Go(func() {
			for i := 0; ; i++ {
				a, err := f.write(i)
				if err != nil {
					return // it is dead, and what it did last nobody knows
				}
				mu.Lock()
				all = append(all, a)
				enough := len(all) >= users
				mu.Unlock()
				if enough {
					dead.Do(func() { _ = p.Kill() })
				}
			}
		})
	}
	writers.Wait()
	return all
}

// write makes a user, and revokes or deletes some.
func (f *fleet) write(i int) (a acknowledged, err error) {
	if a.user, err = f.newUser(); err != nil {
		return a, err
	}
	if a.username, a.password, err = a.user.fetch(); err != nil {
		return a, err
	}
	switch i % 3 {
	case 1:
		a.revoked = true
		_, err = f.post("/identities/"+a.user.id+"/:revokeAccessTokens?api-version=2023-10-01", "", map[string]any{}, nil)
	case 2:
		a.deleted = true
		_, err = f.ask("DELETE", "/identities/"+a.user.id+"?api-version=2023-10-01", "", map[string]any{}, nil)
	}
	return a, err
}

// check wants what was acknowledged to be so.
func (a acknowledged) check(t *testing.T) {
	t.Helper()
	f := a.user.fleet
	over := a.revoked || a.deleted
	want := map[bool]int{false: http.StatusOK, true: http.StatusUnauthorized}[over]
	if status, err := f.post("/v1/ice-servers", a.user.token, map[string]any{}, nil); err != nil || status != want {
		t.Errorf("a token (revoked: %v, deleted: %v): %d %v, want %d", a.revoked, a.deleted, status, err, want)
	}
	want = map[bool]int{false: http.StatusOK, true: http.StatusNotFound}[a.deleted]
	if status, err := f.post("/identities/"+a.user.id+"/:issueAccessToken?api-version=2023-10-01", "", map[string]any{"scopes": []string{"voip"}}, nil); err != nil || status != want {
		t.Errorf("a user (deleted: %v): %d %v, want %d", a.deleted, status, err, want)
	}
	err := visit(f.relays[0].address, a.username, a.password)
	if (err != nil) != over {
		t.Errorf("a credential (revoked: %v, deleted: %v): %v", a.revoked, a.deleted, err)
	}
}
