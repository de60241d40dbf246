package peertest

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"turnout/internal/metrics"
	"turnout/internal/ports"
)

// withService adds a service to a server's configuration, which takes another issuer's tokens too, and a limit.
const withService = `store: {path: %[4]s}
api:
  listen: http://127.0.0.1:%[1]d
  access-keys: [%[2]s]
  issuers: [{issuer: "https://idp.example", audience: turn, jwks: "%[3]s/keys"}]
limits: {permissions: %[5]d}
`

// permissionsOfOne is how many permissions an allocation of startServed's may have.
const permissionsOfOne = 4

// startServed runs turnout with everything that its dashboard shows.
func startServed(t *testing.T) (*secured, *fleet) {
	t.Helper()
	idp := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"a","alg":"EdDSA","use":"sig","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`)
	}))
	t.Cleanup(idp.Close)
	port := ports.Reserve(t, 1).First
	s := startSecured(t, "127.0.0.1:9", fmt.Sprintf(withService, port, accessKey, idp.URL, t.TempDir(), permissionsOfOne))
	return s, &fleet{t: t, service: fmt.Sprintf("http://127.0.0.1:%d", port), admin: s.admin}
}

// loadService has the service do a little of everything: a user calls and is revoked, a token and a credential are refused.
func loadService(t *testing.T, s *secured, f *fleet) {
	t.Helper()
	u := f.user()
	var answer struct {
		ICEServers []struct{ Username, Credential string }
	}
	status, err := f.post("/v1/ice-servers", u.token, map[string]any{}, &answer)
	if err != nil || status != http.StatusOK || len(answer.ICEServers) == 0 {
		t.Fatalf("credentials: %d %v %+v", status, err, answer)
	}
	credential := answer.ICEServers[len(answer.ICEServers)-1]
	client, _ := pionClient(t, "udp", s.address(), credential.Username, credential.Credential)
	allocate(t, client)
	u.revoke()
	for _, q := range []struct {
		path, bearer string
		in           map[string]any
		status       int
	}{
		{"/v1/ice-servers", u.token, map[string]any{}, http.StatusUnauthorized},
		{"/identities?api-version=2023-10-01", "", map[string]any{"createTokenWithScopes": []string{"video"}}, http.StatusBadRequest},
	} {
		if status, err := f.post(q.path, q.bearer, q.in, nil); err != nil || status != q.status {
			t.Fatalf("%s: %d %v, want %d", q.path, status, err, q.status)
		}
	}
}

// questions are the queries of recording rules, of alerts, and of docs/metrics.md. An alert is quiet while all is well: its
// comparisons are made to give 0 instead of nothing, so that what it compares must be there.
func questions(t *testing.T) (all []query) {
	t.Helper()
	always := strings.NewReplacer(" > ", " > bool ", " < ", " < bool ", " == ", " == bool ", " > bool 0)", " > 0)")
	for _, name := range []string{"rules.yml", "alerts.yml"} {
		text, err := os.ReadFile(filepath.Join("..", "..", "deploy", "prometheus", name))
		if err != nil {
			t.Fatal(err)
		}
		var file struct {
			Groups []struct {
				Rules []struct{ Record, Alert, Expr string }
			}
		}
		if err := yaml.Unmarshal(text, &file); err != nil {
			t.Fatal(err)
		}
		for _, g := range file.Groups {
			for _, r := range g.Rules {
				expression := r.Expr
				if r.Alert != "" {
					expression, _, _ = strings.Cut(expression, " unless ") // what silences it, which is told by a query of its own
					expression = always.Replace(expression)
				}
				all = append(all, query{r.Record + r.Alert, expression})
			}
		}
	}
	for _, e := range metrics.Examples {
		all = append(all, query{e.Question, always.Replace(e.Query)})
	}
	if len(all) < 30 {
		t.Fatalf("only %d queries", len(all))
	}
	return all
}

// checkScrape has Prometheus' own tool look at what turnout shows.
func checkScrape(t *testing.T, admin string) {
	t.Helper()
	command := exec.Command(tool(t, "promtool"), "check", "metrics")
	command.Stdin = bytes.NewReader([]byte(get(t, "http://"+admin+"/metrics")))
	if out, err := command.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("promtool check metrics: %v\n%s", err, out)
	}
}
