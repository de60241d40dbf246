package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"turnout/internal/api"
)

// TestNoSecretInTheLog runs a whole session with everything that is logged, and looks for every secret of it in the log:
// those of the configuration, and those that were made meanwhile.
func TestNoSecretInTheLog(t *testing.T) {
	t.Parallel()
	secrets := map[string]string{ // by what they are, as they stand in the configuration
		"secret": "a-secret-that-nobody-may-see", "password": "a-password-nobody-may-see",
		"access token key": base64.StdEncoding.EncodeToString([]byte("an-access-token-key-unseen-by-al")),
		"rest key":         "a-rest-key-that-nobody-may-see-either", "access key": accessKey,
	}
	c, name, service, base, stop := offering(t, fmt.Sprintf(`  dialects: {rest: {keys: [%s]}}
auth:
  secrets: [{id: k1, secret: %s}]
  users: {bob: %s}
  oauth: {server-name: turn.example, keys: [{kid: north, key: %s, alg: A256GCM}]}
log: {level: debug}
quota: {user: {allocations: 2}}
`, secrets["rest key"], secrets["secret"], secrets["password"], secrets["access token key"]))
	turnout := another(t, connectionString(service, decoded(t, accessKey)))
	o := &operator{t: t, base: base, client: &http.Client{Timeout: 30 * time.Second}}

	user, _ := turnout(exitOK, "user", "create")
	secrets["user access token"], _ = turnout(exitOK, "token", "mint", "--user", user)
	good, _ := turnout(exitOK, "credentials", "--token", secrets["user access token"])
	static := credential(t, good, "bob", secrets["password"])
	var answer api.ICEAnswer
	if err := json.Unmarshal([]byte(good), &answer); err != nil {
		t.Fatal(err)
	}
	secrets["credential"] = answer.ICEServers[1].Credential
	var alive []net.PacketConn
	for _, text := range []string{good, static} {
		alive = append(alive, allocate(t, text))
	}
	secrets["guess"] = "a-guess-that-nobody-may-see"
	for _, text := range []string{credential(t, good, "bob", secrets["guess"]), credential(t, good, answer.ICEServers[1].Username, secrets["guess"])} {
		if _, err := tryToAllocate(t, text); err == nil {
			t.Error("a guess is right")
		}
	}
	c.logs(t, `"reason":"wrong_password"`)
	ask(t, service+"/v1/ice-servers", "Bearer "+secrets["user access token"]+"x", http.StatusUnauthorized)
	ask(t, service+"/turn?service=turn&username=x&key="+secrets["rest key"], "", 0)
	ask(t, service+"/turn?service=turn&username=x&key="+secrets["guess"], "", 0)
	another(t, strings.Replace(connectionString(service, decoded(t, accessKey)), accessKey, base64.StdEncoding.EncodeToString([]byte(secrets["guess"])), 1))(exitFailure, "user", "list")
	secrets["guess in base64"] = base64.StdEncoding.EncodeToString([]byte(secrets["guess"]))

	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	secrets["next secret"] = "another-secret-that-nobody-may-see"
	rewrite(t, name, strings.Replace(string(text), "secrets: [", "secrets: [{id: k2, secret: "+secrets["next secret"]+"}, ", 1))
	if code, body := o.ask("POST", "/v1/reload", nil); code != http.StatusOK {
		t.Fatalf("reload: %d %s", code, body)
	}
	rewrite(t, name, strings.Replace(string(text), "users: {bob: ", "users: {bob: [", 1)) // a broken file, around a password
	if code, _ := o.ask("POST", "/v1/reload", nil); code == http.StatusOK {
		t.Error("a broken file is taken")
	}
	for _, path := range []string{"/v1/config", "/v1/allocations", "/v1/status", "/metrics"} {
		if code, body := o.ask("GET", path, nil); code != http.StatusOK || has(body, secrets) != "" {
			t.Errorf("%s: %d, shows the %s", path, code, has(body, secrets))
		}
	}
	if _, body := o.ask("GET", "/v1/config", nil); !strings.Contains(body, `"level":"debug"`) {
		t.Errorf("not everything is logged: %s", body)
	}
	turnout(exitOK, "user", "revoke", user)
	turnout(exitOK, "user", "delete", user)
	awaitAllocations(t, base, 1)
	for _, a := range alive {
		_ = a.Close() // one was revoked: its relay says so
	}
	awaitAllocations(t, base, 0)
	if code := stop(); code != exitOK {
		t.Errorf("exit %d", code)
	}
	log := c.err.String()
	for _, want := range []string{`"msg":"allocation ended"`, `"msg":"authentication failed"`, `"msg":"reloaded"`, `"msg":"revoked"`} {
		if !strings.Contains(log, want) {
			t.Errorf("the log has no %s, so that this test shows little:\n%s", want, log)
		}
	}
	if what := has(log, secrets); what != "" {
		t.Errorf("the log shows the %s:\n%s", what, log)
	}
}

// has says which of the secrets a text shows.
func has(text string, secrets map[string]string) string {
	for what, s := range secrets {
		if strings.Contains(text, s) {
			return what
		}
	}
	return ""
}

// credential is an answer with another name and password in place of its own.
func credential(t *testing.T, text, username, password string) string {
	t.Helper()
	var answer api.ICEAnswer
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		t.Fatal(err)
	}
	last := &answer.ICEServers[len(answer.ICEServers)-1]
	last.Username, last.Credential = username, password
	other, err := json.Marshal(answer)
	if err != nil {
		t.Fatal(err)
	}
	return string(other)
}

// ask sends a request, which is answered with a status; 0 for any.
func ask(t *testing.T, url, authorization string, want int) {
	t.Helper()
	r, err := http.NewRequest("POST", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	w, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = w.Body.Close()
	if want != 0 && w.StatusCode != want {
		t.Errorf("%s: %d, want %d", url, w.StatusCode, want)
	}
}
