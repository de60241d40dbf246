package page

import (
	"regexp"
	"strings"
	"testing"

	"turnout/internal/secure"
	"turnout/relay"
)

// TestWords wants the page to have words for all that the relay counts: a reason that
// is added there is added here, and none stays that is gone.
func TestWords(t *testing.T) {
	t.Parallel()
	text, err := source.ReadFile("words.js")
	if err != nil {
		t.Fatal(err)
	}
	var drops, failures []string
	for _, d := range relay.Drops() {
		drops = append(drops, d.String())
	}
	for _, d := range secure.Drops() {
		drops = append(drops, d.String())
	}
	relay.Stats{}.EachAuthentication(func(result string, _ uint64) {
		// These are no failures: the page leaves them out.
		if result != "ok" && result != "challenged" && result != "stale_nonce" {
			failures = append(failures, result)
		}
	})
	for name, want := range map[string][]string{"drops": drops, "failures": failures} {
		_, rest, found := strings.Cut(string(text), "const "+name+" = {\n")
		table, _, closed := strings.Cut(rest, "\n};")
		if !found || !closed {
			t.Fatalf("words.js has no table %s", name)
		}
		got := map[string]bool{}
		for _, m := range regexp.MustCompile(`(?m)^\t(\w+): "[^"]+",$`).FindAllStringSubmatch(table, -1) {
			got[m[1]] = true
		}
		for _, reason := range want {
			if !got[reason] {
				t.Errorf("%s: there are no words for %s", name, reason)
			}
			delete(got, reason)
		}
		for reason := range got {
			t.Errorf("%s: nothing is counted as %s", name, reason)
		}
	}
}
