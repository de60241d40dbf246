package relay

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// requirement is the form of the lines that say which clause a script shows.
var requirement = regexp.MustCompile(`^# RFC (\d+) §(\d+(?:\.\d+)*): \S.*\.$`)

// ownRequirement is the form of the first line of a script that shows what no RFC speaks of.
var ownRequirement = regexp.MustCompile(`^# [A-Z].*[.]$`)

// TestConformanceNames checks that every script says on its first line which
// clause it shows, that its directory and name agree, and that its other lines of
// that kind are of the same RFC.
func TestConformanceNames(t *testing.T) {
	t.Parallel()
	found := 0
	err := filepath.WalkDir("testdata", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".txt" && filepath.Ext(path) != ".pending" {
			return err
		}
		found++
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for i, line := range strings.Split(string(text), "\n") {
			if i > 0 && !strings.HasPrefix(line, "# RFC ") {
				continue
			}
			if filepath.Dir(path) == "testdata/reload" {
				if !ownRequirement.MatchString(line) {
					t.Errorf("%s:%d: %q says nothing in a sentence", path, i+1, line)
				}
				continue
			}
			m := requirement.FindStringSubmatch(line)
			if m == nil {
				t.Errorf("%s:%d: %q does not say “# RFC 8656 §7.2: a sentence.”", path, i+1, line)
				continue
			}
			if dir := "testdata/rfc" + m[1]; filepath.Dir(path) != dir {
				t.Errorf("%s:%d: a requirement of RFC %s belongs in %s", path, i+1, m[1], dir)
			}
			if name := filepath.Base(path); i == 0 && !strings.HasPrefix(name, m[2]+"-") {
				t.Errorf("%s: the name does not begin with %s-", path, m[2])
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if found == 0 {
		t.Fatal("no scripts under testdata")
	}
}

// TestScriptLanguageDocumented checks that testdata/README.md names every command,
// verb and key.
func TestScriptLanguageDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/README.md")
	if err != nil {
		t.Fatal(err)
	}
	need := func(name string) {
		if !regexp.MustCompile("`([^`]*[ |])?" + regexp.QuoteMeta(name) + "[ =|`]").Match(text) {
			t.Errorf("testdata/README.md does not name %s", name)
		}
	}
	for name := range commands {
		need(name)
	}
	for name := range verbs {
		need(name)
	}
	for name := range notAttributes {
		need(name)
	}
}
