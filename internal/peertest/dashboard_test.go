package peertest

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pion/stun/v3"

	"turnout/internal/ports"
)

// A query is one of a panel of the Grafana dashboard, or of what else asks.
type query struct{ panel, expression string }

// TestDashboard has a real Prometheus scrape a relay and a service under the load of "turnout bench" and run every
// query of the dashboard, the rules, the alerts and docs/metrics.md: each gives data.
func TestDashboard(t *testing.T) {
	peers(t)
	t.Parallel()
	s, service := startServed(t)
	prometheus := startPrometheus(t, s.admin)
	startGenerator(t, netip.MustParseAddrPort(s.address()), 0, flowsOf(100, 10), 2*time.Minute) // longer than is waited for
	eventually(t, "every flow relays", func() error { return relaying(t, s.admin, status{}, 100) })
	pending := append(dashboard(t), questions(t)...)
	if len(pending) < 20 {
		t.Fatalf("only %d queries", len(pending))
	}
	// Rates need two scrapes, and a panel of errors and drops needs some of both.
	deadline := time.Now().Add(60 * time.Second)
	for round := 0; len(pending) > 0; round++ {
		disturb(t, s)
		loadService(t, s, service)
		var empty []query
		for _, q := range pending {
			n, err := prometheus.series(q.expression)
			if err != nil {
				t.Fatalf("panel %q, %s: %v", q.panel, q.expression, err)
			}
			if n == 0 {
				empty = append(empty, q)
			}
		}
		pending = empty
		if time.Now().After(deadline) {
			break
		}
		<-time.After(100 * time.Millisecond)
	}
	for _, q := range pending {
		t.Errorf("panel %q: no data of %s", q.panel, q.expression)
	}
	checkScrape(t, s.admin)
}

// disturb is what the generator's flows do not have: a refused request, a limit that is reached, a datagram that is dropped,
// and an allocation that ends.
func disturb(t *testing.T, s *secured) {
	t.Helper()
	ending, _ := pionClient(t, "udp", s.address(), user, password)
	relayed := allocate(t, ending)
	for i := range permissionsOfOne + 1 {
		err := ending.CreatePermission(&net.UDPAddr{IP: net.IPv4(127, 0, 0, byte(1+i)), Port: 9})
		if reached := i == permissionsOfOne; reached != (err != nil && strings.Contains(err.Error(), "508")) {
			t.Fatalf("permission %d of at most %d: %v", i+1, permissionsOfOne, err)
		}
	}
	if err := relayed.Close(); err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("udp", s.address())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte{0xFF, 0, 0, 0}); err != nil { // neither STUN nor ChannelData
		t.Fatal(err)
	}
	udp := stun.RawAttribute{Type: stun.AttrRequestedTransport, Value: []byte{17, 0, 0, 0}}
	if code := errorCode(t, exchange(t, conn, stun.MethodAllocate, udp)); code != stun.CodeUnauthorized {
		t.Fatalf("Allocate without a credential: error %d, want 401", code)
	}
}

// dashboard reads the queries of every panel, with Grafana's variables filled in.
func dashboard(t *testing.T) []query {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "deploy", "grafana", "turnout.json"))
	if err != nil {
		t.Fatal(err)
	}
	var d struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	var all []query
	fill := strings.NewReplacer("$instance", ".*", "$__rate_interval", "30s")
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			expression := fill.Replace(target.Expr)
			if strings.Contains(expression, "$") {
				t.Errorf("panel %q: %s has a variable that this test does not know", p.Title, expression)
			}
			all = append(all, query{p.Title, expression})
		}
	}
	return all
}

// A prometheus is a running one.
type prometheus struct{ address string }

// startPrometheus runs one that scrapes a relay and has deploy's rules, until the test is over. It has these flags besides.
func startPrometheus(t *testing.T, target string, flags ...string) *prometheus {
	t.Helper()
	name := tool(t, "prometheus")
	dir := t.TempDir()
	rules, err := filepath.Abs(filepath.Join("..", "..", "deploy", "prometheus"))
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("global: {scrape_interval: 200ms, scrape_timeout: 200ms, evaluation_interval: 1s}\n"+
		"rule_files: [%[1]s/rules.yml, %[1]s/alerts.yml]\n"+
		"scrape_configs: [{job_name: turnout, static_configs: [{targets: [%[2]q]}]}]\n", rules, target)
	file := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p := &prometheus{fmt.Sprintf("127.0.0.1:%d", ports.Reserve(t, 1).First)}
	printed := &log{}
	command := exec.Command(name, append(flags, "--config.file="+file, "--web.listen-address="+p.address,
		"--storage.tsdb.path="+filepath.Join(dir, "data"), "--log.level=warn")...)
	command.Stdout, command.Stderr = printed, printed
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	t.Cleanup(func() {
		command.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(20 * time.Second):
			command.Process.Kill()
			<-ended
		}
		if t.Failed() {
			t.Logf("prometheus printed:\n%s", printed)
		}
	})
	if err := ready(t, "http://"+p.address+"/-/ready", ended); err != nil {
		t.Fatalf("prometheus: %v\n%s", err, printed)
	}
	return p
}

// series is how many series a query gives now, those without a value (NaN) left out.
func (p *prometheus) series(expression string) (int, error) {
	values, err := p.values(expression)
	n := 0
	for _, v := range values {
		if v != "NaN" {
			n++
		}
	}
	return n, err
}

// values are those of the series that a query gives now.
func (p *prometheus) values(expression string) ([]string, error) {
	client := &http.Client{Timeout: 10 * time.Second}
	defer client.CloseIdleConnections()
	response, err := client.Get("http://" + p.address + "/api/v1/query?query=" + url.QueryEscape(expression))
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	var answer struct {
		Status, Error string
		Data          struct{ Result []struct{ Value [2]any } }
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return nil, err
	}
	if answer.Status != "success" {
		return nil, fmt.Errorf("%s: %s", answer.Status, answer.Error)
	}
	var values []string
	for _, r := range answer.Data.Result {
		values = append(values, fmt.Sprint(r.Value[1]))
	}
	return values, nil
}
