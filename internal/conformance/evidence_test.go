package conformance

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// A tree is what evidence can be: the repository's scripts and tests.
type tree struct {
	root    string
	scripts map[string]bool              // as rfc8656/9-hairpin
	tests   map[string]map[string]string // by package: function to file, read when first asked for
}

func newTree(root string) (*tree, error) {
	t := &tree{root: root, scripts: map[string]bool{}, tests: map[string]map[string]string{}}
	names, err := filepath.Glob(filepath.Join(root, "relay", "testdata", "rfc*", "*.txt"))
	for _, name := range names {
		t.scripts[filepath.Base(filepath.Dir(name))+"/"+strings.TrimSuffix(filepath.Base(name), ".txt")] = true
	}
	return t, err
}

var testFunction = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Example)\w*)\(`)

// file is where a test is, as "auth/nonce_test.go"; empty if there is none.
func (t *tree) file(test string) (string, error) {
	i := strings.LastIndex(test, ".")
	if i < 0 {
		return "", fmt.Errorf("%q is not package.Test", test)
	}
	pkg, function := test[:i], test[i+1:]
	if t.tests[pkg] == nil {
		t.tests[pkg] = map[string]string{}
		names, err := filepath.Glob(filepath.Join(t.root, filepath.FromSlash(pkg), "*_test.go"))
		if err != nil {
			return "", err
		}
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				return "", err
			}
			for _, m := range testFunction.FindAllSubmatch(text, -1) {
				t.tests[pkg][string(m[1])] = pkg + "/" + filepath.Base(name)
			}
		}
	}
	return t.tests[pkg][function], nil
}

// faults are the scripts and tests that are named and not there, and the scripts
// that are there and not named.
func (t *tree) faults(tables []*table) (all []string) {
	named := map[string]bool{}
	for _, tab := range tables {
		for _, s := range tab.sections {
			for _, c := range s.clauses {
				for _, name := range c.scripts {
					named[name] = true
					if !t.scripts[name] {
						all = append(all, fmt.Sprintf("%s:%d: no script %s", tab.file, c.line, name))
					}
				}
				for _, name := range c.tests {
					if file, err := t.file(name); err != nil || file == "" {
						all = append(all, fmt.Sprintf("%s:%d: no test %s", tab.file, c.line, name))
					}
				}
			}
		}
	}
	for name := range t.scripts {
		if !named[name] {
			all = append(all, fmt.Sprintf("relay/testdata/%s.txt shows no clause of internal/conformance/clauses", name))
		}
	}
	return all
}
