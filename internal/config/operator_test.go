package config

import (
	"strings"
	"testing"
)

// TestOperators decides where operators are served without a token.
func TestOperators(t *testing.T) {
	t.Parallel()
	files := map[string]string{
		"token": "0123456789abcdef\n", "/run/token": " 0123456789abcdef ", "short": "0123456789abcde\n", "empty": "", "long": strings.Repeat("x", 4097),
	}
	for _, c := range []struct {
		admin, wrong, warned string // parts of what is said; empty: nothing
	}{
		{"{listen: 127.0.0.1:9478}", "", ""},
		{"{listen: '[::1]:9478'}", "", ""},
		{"{listen: 'unix:/run/turnout/admin.sock'}", "", ""},
		{"{listen: 'unix:/run/turnout/admin.sock', token-file: /run/token}", "", ""},
		{"{listen: 127.0.0.1:9478, token-file: token}", "", ""},
		{"{listen: 0.0.0.0:9478, token-file: token}", "", "admin.listen: 0.0.0.0:9478 sends the token over the network in clear"},
		{"{listen: 0.0.0.0:9478}", "admin.listen: 0.0.0.0:9478 is reachable from elsewhere, where anybody could end calls; name a token as admin.token-file, or write 127.0.0.1:9478, and use metrics.listen", ""},
		{"{listen: 192.0.2.1:9478}", "name a token as admin.token-file", ""},
		{"{listen: 192.0.2.1:9478, token-file: missing}", `admin.token-file: "missing": file does not exist; name a file`, ""},
		{"{listen: 127.0.0.1:9478, token-file: short}", `"short" holds 15 bytes; a token has 16 to 4096, as`, ""},
		{"{listen: 127.0.0.1:9478, token-file: empty}", `"empty" holds 0 bytes`, ""},
		{"{listen: 127.0.0.1:9478, token-file: long}", `"long" holds 4097 bytes`, ""},
		{"{token-file: token}", "admin.token-file: has no effect without admin.listen", ""},
		{"{listen: 'unix:admin.sock'}", `"unix:admin.sock" is not the path of a socket; write all of it`, ""},
		{"{listen: 'unix:'}", "is not the path of a socket", ""},
		{"{listen: 'unix:/" + strings.Repeat("x", 103) + "'}", "is too long for a socket; at most 103 bytes", ""},
		{"{listen: nowhere}", "or a socket as unix:/run/turnout/admin.sock", ""},
	} {
		l, err := load(t, minimal+"admin: "+c.admin+"\n", Sources{}, files)
		if c.wrong == "" && err != nil || c.wrong != "" && (err == nil || !strings.Contains(err.Error(), c.wrong)) {
			t.Errorf("%s: %v, want %q", c.admin, err, c.wrong)
			continue
		}
		if err != nil {
			continue
		}
		var warned string
		for _, w := range l.Warnings {
			warned += w.String() + "\n"
		}
		if c.warned == "" && warned != "" || !strings.Contains(warned, c.warned) {
			t.Errorf("%s: warned %q, want %q", c.admin, warned, c.warned)
		}
		if text, err := l.YAML(); err != nil || !strings.Contains(strings.NewReplacer("'", "", `"`, "").Replace(string(text)), "admin:\n  listen: "+l.Admin.Listen.String()+"\n") {
			t.Errorf("%s is shown as\n%s", c.admin, text)
		}
	}
}

// TestOperatorVariable names the file of the token by the variable that turnout top reads too.
func TestOperatorVariable(t *testing.T) {
	t.Parallel()
	l := mustLoad(t, minimal+"admin: {listen: 127.0.0.1:9478}\n", Sources{Environ: []string{"TURNOUT_ADMIN_TOKEN_FILE=token", "TURNOUT_ADMIN_LISTEN=unix:/run/a.sock"}}, map[string]string{"token": "0123456789abcdef"})
	if l.Admin.TokenFile != "token" || l.Admin.Listen.Socket != "/run/a.sock" || l.Admin.Listen.IsValid() {
		t.Errorf("got %+v", l.Admin)
	}
}
