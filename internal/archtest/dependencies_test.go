package archtest

import (
	"encoding/json"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// dependency matches a table row of docs/dependencies.md: name and reason.
var dependency = regexp.MustCompile("^\\| `([^`]+)` \\| (.+) \\|$")

// TestDependencies compares docs/dependencies.md with what go.mod, the other modules and package.json name.
func TestDependencies(t *testing.T) {
	top, err := root()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(top, "docs", "dependencies.md"))
	if err != nil {
		t.Fatal(err)
	}
	sections := dependencySections(string(text))
	modules, _, err := goMod(filepath.Join(top, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	_, tools, err := goMod(filepath.Join(top, "tools", "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	packages, err := packageJSON(filepath.Join(top, "internal", "peertest", "package.json"))
	if err != nil {
		t.Fatal(err)
	}
	peers, _, err := goMod(filepath.Join(top, "bench", "peers", "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	plot, _, err := goMod(filepath.Join(top, "bench", "plot", "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		section, file string
		want          []string
	}{
		{"Modules", "go.mod", modules},
		{"Tools", "tools/go.mod", tools},
		{"Benchmark peers", "bench/peers/go.mod", peers},
		{"Benchmark plots", "bench/plot/go.mod", plot},
		{"npm packages", "internal/peertest/package.json", packages},
	} {
		got := sections[c.section]
		for _, name := range c.want {
			if _, ok := got[name]; !ok {
				t.Errorf("docs/dependencies.md, %q: no row for `%s` of %s: say in a line what it is for, and why the standard library does not do", c.section, name, c.file)
			}
		}
		for _, name := range slices.Sorted(maps.Keys(got)) {
			if !slices.Contains(c.want, name) {
				t.Errorf("docs/dependencies.md, %q: %s has no direct dependency %s: remove the row", c.section, c.file, name)
			}
			if len(strings.Fields(got[name])) < 3 {
				t.Errorf("docs/dependencies.md, %q: %s wants a reason of a few words", c.section, name)
			}
		}
	}
}

// dependencySections gives name and reason of the rows under each second-level heading.
func dependencySections(text string) map[string]map[string]string {
	sections := map[string]map[string]string{}
	var rows map[string]string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if heading, ok := strings.CutPrefix(line, "## "); ok {
			rows = map[string]string{}
			sections[heading] = rows
		}
		if m := dependency.FindStringSubmatch(line); m != nil && rows != nil {
			rows[m[1]] = m[2]
		}
	}
	return sections
}

// goMod gives the directly required modules and the tools of a go.mod file.
func goMod(name string) (required, tools []string, err error) {
	out, err := exec.Command("go", "mod", "edit", "-json", name).Output()
	if err != nil {
		return nil, nil, err
	}
	var m struct {
		Require []struct {
			Path     string
			Indirect bool
		}
		Tool []struct{ Path string }
	}
	if err := json.Unmarshal(out, &m); err != nil {
		return nil, nil, err
	}
	for _, r := range m.Require {
		if !r.Indirect {
			required = append(required, r.Path)
		}
	}
	for _, tool := range m.Tool {
		tools = append(tools, tool.Path)
	}
	return required, tools, nil
}

// exactVersion is one version of an npm package, perhaps one before a release.
var exactVersion = regexp.MustCompile(`^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$`)

// packageJSON gives the npm packages that a package.json names, all at exact versions.
func packageJSON(name string) ([]string, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var p struct{ Dependencies, DevDependencies map[string]string }
	if err := json.Unmarshal(text, &p); err != nil {
		return nil, err
	}
	all := map[string]string{}
	maps.Copy(all, p.Dependencies)
	maps.Copy(all, p.DevDependencies)
	for name, version := range all {
		if !exactVersion.MatchString(version) {
			return nil, errors.New(name + " has no exact version: " + version)
		}
	}
	return slices.Sorted(maps.Keys(all)), nil
}

// TestLockfile wants no host name in the npm lock file: whoever installs chooses the registry.
func TestLockfile(t *testing.T) {
	top, err := root()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(top, "internal", "peertest", "package-lock.json"))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), `"resolved"`) {
		t.Error(`internal/peertest/package-lock.json has "resolved" fields: npm install in that folder leaves them out (its .npmrc says so)`)
	}
}
