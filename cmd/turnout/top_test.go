package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestTop prints a frame of a turnout that serves: found by its configuration, by its socket, and by its URL.
func TestTop(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	socket, token := filepath.Join(dir, "admin.sock"), filepath.Join(dir, "token")
	if err := os.WriteFile(token, []byte("a token of some length\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	name := file(t, minimal+"admin: {listen: 'unix:"+socket+"', token-file: "+token+"}\n")
	serving := newConsole(t)
	stop := serving.serving(t, "--config", name)
	for _, c := range []struct {
		environ, args  string
		code           int
		stdout, stderr string
	}{
		{"", "top --config " + name, exitOK, "turnout ", ""},
		{"", "top --once --sort bytes --config " + name, exitOK, "none of 0 allocations, by bytes\n", ""},
		{"TURNOUT_ADMIN_TOKEN_FILE=" + token, "top --admin unix:" + socket, exitOK, "turnout ", ""},
		{"", "top --admin unix:" + socket, exitFailure, "", "wants a token: name its file by TURNOUT_ADMIN_TOKEN_FILE"},
		{"TURNOUT_ADMIN_TOKEN_FILE=" + token + "x", "top --admin unix:" + socket, exitFailure, "", "read the admin listener's token: open " + token + "x: no such file"},
		{"", "top --admin unix:" + socket + "x", exitFailure, "", "does not answer: dial unix"},
		{"", "top --admin nowhere", exitUsage, "", `--admin "nowhere" is not where an admin listener is; write http://127.0.0.1:9478`},
		{"", "top --sort size", exitUsage, "", `--sort "size" is not known; give rate, bytes, created, subject`},
		{"", "top --config " + file(t, minimal), exitUsage, "", "the configuration has no admin.listen to ask"},
	} {
		a := newConsole(t, c.environ)
		if code := a.run(context.Background(), strings.Fields(c.args)); code != c.code {
			t.Errorf("%s: exit %d, want %d", c.args, code, c.code)
		}
		if out, err := a.out.String(), a.err.String(); !strings.Contains(out, c.stdout) || !strings.Contains(err, c.stderr) || c.stdout == "" && out != "" || strings.Contains(out+err, "a token of") {
			t.Errorf("%s: printed %q and %q", c.args, out, err)
		}
	}
	if code := stop(); code != exitOK {
		t.Errorf("exit %d: %s", code, &serving.err)
	}
}
