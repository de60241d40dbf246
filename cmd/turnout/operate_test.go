package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// An operator asks the admin listener of a turnout that serves.
type operator struct {
	t      *testing.T
	base   string
	token  string
	client *http.Client
}

// ask gives the status and the body of an answer, which is read into out unless that is nil.
func (o *operator) ask(method, path string, out any) (int, string) {
	o.t.Helper()
	r, err := http.NewRequest(method, o.base+path, nil)
	if err != nil {
		o.t.Fatal(err)
	}
	if o.token != "" {
		r.Header.Set("Authorization", "Bearer "+o.token)
	}
	w, err := o.client.Do(r)
	if err != nil {
		o.t.Fatal(err)
	}
	defer w.Body.Close()
	body, err := io.ReadAll(w.Body)
	if err != nil {
		o.t.Fatal(err)
	}
	if out != nil {
		if err := json.Unmarshal(body, out); err != nil {
			o.t.Fatalf("%s %s: %d %s: %v", method, path, w.StatusCode, body, err)
		}
	}
	return w.StatusCode, strings.TrimSpace(string(body))
}

// TestOperate has an operator list the allocations of real clients, end them, drain, undrain and reload.
func TestOperate(t *testing.T) {
	t.Parallel()
	_, name, service, base, stop := offering(t, "")
	o := &operator{t: t, base: base, client: &http.Client{Timeout: 30 * time.Second}}
	turnout := another(t, connectionString(service, decoded(t, accessKey)))
	for _, user := range []string{"alice", "alice", "bob"} {
		text, _ := turnout(exitOK, "credentials", "--user", user)
		allocate(t, text)
	}
	var list struct {
		Allocations []struct {
			ID, Subject, Client string
			Relayed             []string
		}
		Total int
	}
	if code, body := o.ask("GET", "/v1/allocations?subject=bob", &list); code != 200 || len(list.Allocations) != 1 || list.Total != 3 || len(list.Allocations[0].Relayed) != 1 {
		t.Fatalf("bob's: %d %s", code, body)
	}
	bob := list.Allocations[0]
	if code, body := o.ask("GET", "/v1/allocations?relayed="+url.QueryEscape(bob.Relayed[0]), &list); code != 200 || len(list.Allocations) != 1 || list.Allocations[0].ID != bob.ID {
		t.Errorf("who has %s: %d %s", bob.Relayed[0], code, body)
	}
	if code, body := o.ask("GET", "/v1/allocations/"+bob.ID, nil); code != 200 || !strings.Contains(body, `"peers":[`) {
		t.Errorf("shown: %d %s", code, body)
	}
	if code, body := o.ask("DELETE", "/v1/allocations/"+bob.ID, nil); code != 204 {
		t.Errorf("ended: %d %s", code, body)
	}
	if code, body := o.ask("DELETE", "/v1/allocations?subject=alice", nil); code != 200 || body != `{"ended":2}` {
		t.Errorf("alice's ended: %d %s", code, body)
	}
	var status struct {
		State       string
		Allocations int
		Drain       struct{ Draining bool }
		Config      struct{ Hash string }
	}
	state := func() string {
		t.Helper()
		o.ask("GET", "/v1/status", &status)
		code, _ := o.ask("GET", "/readyz", nil)
		return fmt.Sprint(status.State, " ", status.Drain.Draining, " ", code)
	}
	if got := state(); got != "ok false 200" || status.Allocations != 0 {
		t.Errorf("%s, %d allocations", got, status.Allocations)
	}
	if code, body := o.ask("POST", "/v1/drain", nil); code != 200 || body != `{"draining":true}` || state() != "draining true 503" {
		t.Errorf("drained: %d %s, %s", code, body, state())
	}
	text, _ := turnout(exitOK, "credentials", "--user", "carol")
	if _, err := tryToAllocate(t, text); err == nil || !strings.Contains(err.Error(), "508") {
		t.Errorf("while it drains a client gets %v", err)
	}
	if code, body := o.ask("POST", "/v1/undrain", nil); code != 200 || body != `{"draining":false}` || state() != "ok false 200" {
		t.Errorf("undrained: %d %s, %s", code, body, state())
	}
	allocate(t, text)
	before := status.Config.Hash
	old, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	rewrite(t, name, string(old)+"quota: {user: {allocations: 7}}\nrelay.workers: 1\n")
	if code, body := o.ask("POST", "/v1/reload", nil); code != 422 || !strings.Contains(body, name+":") || !strings.Contains(body, "relay.workers") {
		t.Errorf("a broken file: %d %s", code, body)
	}
	rewrite(t, name, string(old)+"quota: {user: {allocations: 7}}\nmetrics: {listen: \"127.0.0.1:9479\"}\n")
	var reloaded struct{ Changed, Restart []string }
	if code, body := o.ask("POST", "/v1/reload", &reloaded); code != 200 || fmt.Sprint(reloaded) != "{[quota.user.allocations] [metrics.listen]}" {
		t.Errorf("reloaded: %d %s", code, body)
	}
	if state(); status.Config.Hash == before || status.Allocations != 1 {
		t.Errorf("after it the hash was %s and is %s, with %d allocations", before, status.Config.Hash, status.Allocations)
	}
	if code, body := o.ask("GET", "/v1/config", nil); code != 200 || !strings.Contains(body, `"allocations":7`) && !strings.Contains(body, `"allocations": 7`) || strings.Contains(body, accessKey) {
		t.Errorf("configuration: %d %s", code, body)
	}
	if code, body := o.ask("DELETE", "/v1/allocations?subject=carol", nil); body != `{"ended":1}` {
		t.Errorf("carol's ended: %d %s", code, body)
	}
	if code := stop(); code != exitOK {
		t.Errorf("exit %d", code)
	}
}

// TestOperateOverSocket serves operators on a Unix socket, with a token.
func TestOperateOverSocket(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "admin.sock")
	if err := os.WriteFile(filepath.Join(dir, "token"), []byte("a token of some length\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := newConsole(t)
	stop := c.serving(t, "--config", file(t, minimal+"admin: {listen: 'unix:"+path+"', token-file: "+filepath.Join(dir, "token")+"}\n"))
	if !strings.Contains(c.out.String(), "operator   unix:"+path+"\n") {
		t.Errorf("it prints %s", &c.out)
	}
	o := &operator{t: t, base: "http://localhost", client: &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		},
	}}}
	if code, _ := o.ask("GET", "/v1/status", nil); code != 401 {
		t.Errorf("without the token: %d", code)
	}
	if code, _ := o.ask("GET", "/readyz", nil); code != 200 {
		t.Errorf("/readyz: %d", code)
	}
	o.token = "a token of some length"
	if code, body := o.ask("POST", "/v1/drain", nil); code != 200 {
		t.Errorf("with the token: %d %s", code, body)
	}
	if code := stop(); code != exitOK {
		t.Errorf("exit %d: %s", code, &c.err)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("the socket is left behind: %v", err)
	}
	if len(c.relay.config.OwnPorts) != 0 {
		t.Errorf("own ports: %v", c.relay.config.OwnPorts)
	}
}
