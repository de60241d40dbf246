package config

import (
	"bytes"
	"strings"
	"testing"
)

// A key is cut to its algorithm's length with a warning, is shown by no print, and may come from a variable's file.
func TestOAuth(t *testing.T) {
	t.Parallel()
	const north, south = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEK", "_-8BAgMEBQYHCAkKCwwNDg"
	text := "listen: udp://127.0.0.1:1\nauth: {oauth: {server-name: turn.example}}\n"
	keys := `[{"kid": "north", "key": "` + north + `"}, {"kid": "south", "key": "` + south + `", "alg": "A128GCM"}]`
	l := mustLoad(t, text, Sources{Environ: []string{"TURNOUT_AUTH_OAUTH_KEYS_FILE=/run/keys"}}, map[string]string{"/run/keys": keys + "\n"})
	got := l.Auth.OAuth.Keys
	if len(got) != 2 || got[0].Algorithm != "A256GCM" || string(got[0].Reveal()) != "01234567890123456789012345678901" {
		t.Errorf("got %+v", got)
	}
	if want := []byte{0xff, 0xef, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14}; len(got) == 2 && !bytes.Equal(got[1].Reveal(), want) {
		t.Errorf("got %x", got[1].Reveal())
	}
	if len(l.Warnings) != 1 || !strings.Contains(l.Warnings[0].String(), "has 33 bytes, of which A256GCM takes the first 32") {
		t.Errorf("warned of %v", l.Warnings)
	}
	printed, err := l.YAML()
	if err != nil || strings.Contains(string(printed), north) || strings.Contains(string(printed), south) || !strings.Contains(string(printed), "kid: north") {
		t.Errorf("%v, prints\n%s", err, printed)
	}
}
