package peertest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"turnout/internal/ports"
)

// program matches a program of docs/integrating.md with its name.
var program = regexp.MustCompile("(?s)<!-- file: (\\S+) -->\n```\\w+\n(.*?)\n```\n")

// programs writes those of the page into a folder.
func programs(t *testing.T, dir string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "integrating.md"))
	if err != nil {
		t.Fatal(err)
	}
	all := program.FindAllSubmatch(text, -1)
	if len(all) != 4 {
		t.Fatalf("%d programs on the page, want 4", len(all))
	}
	for _, m := range all {
		if err := os.WriteFile(filepath.Join(dir, string(m[1])), append(m[2], '\n'), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestIntegrating runs every program of docs/integrating.md as it stands there.
func TestIntegrating(t *testing.T) {
	peers(t)
	node, chromium := tool(t, "node"), tool(t, "chromium")
	if os.Getenv("PEERTEST_SERVER") != "" {
		t.Skip("PEERTEST_SERVER names the server to test: turnout is not started")
	}
	dir := t.TempDir()
	programs(t, dir)
	modules, err := filepath.Abs("node_modules")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(modules, filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	r := ports.Reserve(t, relayPorts+4)
	application := fmt.Sprintf("http://127.0.0.1:%d", r.First+3)
	text := fmt.Sprintf(pageConfiguration, realm, r.First, r.First+1, r.First+2, r.First+4, r.Last(), accessKey, dir)
	text = strings.Replace(text, "access-keys:", "cors: [\""+application+"\"], access-keys:", 1)
	config := filepath.Join(dir, "turnout.yaml")
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	serve(t, fmt.Sprintf("127.0.0.1:%d", r.First+1), "--config", config)
	service := fmt.Sprintf("http://127.0.0.1:%d", r.First+2)
	connection := "TURNOUT_CONNECTION_STRING=endpoint=" + service + "/;accesskey=" + accessKey

	out := runProgram(t, []string{connection}, "go", "run", filepath.Join(dir, "service.go"))
	var answer struct {
		ICEServers []struct{ Username string } `json:"iceServers"`
	}
	if err := json.Unmarshal([]byte(out), &answer); err != nil || !strings.Contains(answer.ICEServers[1].Username, ":alice:~1.") {
		t.Errorf("service.go: %v\n%s", err, out)
	}
	token := ask(t, connection, "token", "mint", "--user", ask(t, connection, "user", "create"))
	out = runProgram(t, []string{"TURNOUT_SERVICE=" + service, "TURNOUT_TOKEN=" + token}, "go", "run", filepath.Join(dir, "native.go"))
	if !strings.HasPrefix(out, "through the relay from 127.0.0.1:") {
		t.Errorf("native.go: %s", out)
	}
	startApplication(t, node, filepath.Join(dir, "server.mjs"), application, connection, fmt.Sprintf("PORT=%d", r.First+3))
	out = runProgram(t, []string{"HOME=" + t.TempDir(), "TMPDIR=" + t.TempDir()}, node, filepath.Join("browser", "title.mjs"), chromium, application)
	if !strings.HasPrefix(out, "relayed by 127.0.0.1") {
		t.Errorf("page.html: %s", out)
	}
}

// runProgram runs a program to its end and returns what it prints.
func runProgram(t *testing.T, environment []string, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, name, args...)
	command.Env = append(os.Environ(), environment...)
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	command.WaitDelay = 10 * time.Second
	if err := command.Run(); err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, &stderr)
	}
	return strings.TrimSpace(stdout.String())
}

// startApplication runs the server of the page until the test is over.
func startApplication(t *testing.T, node, script, address string, environment ...string) {
	t.Helper()
	command := exec.Command(node, script)
	command.Env = append(os.Environ(), environment...)
	printed := &log{}
	command.Stdout, command.Stderr = printed, printed
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	t.Cleanup(func() {
		_ = command.Process.Kill()
		<-ended
		if t.Failed() {
			t.Logf("server.mjs printed:\n%s", printed)
		}
	})
	if err := ready(t, address, ended); err != nil {
		t.Fatal(err)
	}
	response, err := http.Post(address+"/token", "application/json", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var answer struct{ Token, ExpiresOn, Service string }
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil || strings.Count(answer.Token, ".") != 2 {
		t.Fatalf("%s, %v: %+v", response.Status, err, answer)
	}
}
