package archtest

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the import graph into ARCHITECTURE.md")

const (
	graphBegin = "<!-- imports: begin (written by go test ./internal/archtest -run TestImportGraph -update) -->\n"
	graphEnd   = "<!-- imports: end -->\n"
)

// TestImportGraph holds the graph in ARCHITECTURE.md against the imports in the code.
func TestImportGraph(t *testing.T) {
	m, err := module()
	if err != nil {
		t.Fatal(err)
	}
	top, err := root()
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(top, "ARCHITECTURE.md")
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), graphBegin)
	old, after, ok2 := strings.Cut(rest, graphEnd)
	if !ok || !ok2 {
		t.Fatalf("ARCHITECTURE.md has no lines\n%s%s", graphBegin, graphEnd)
	}
	want := m.graph()
	switch {
	case old == want:
	case *update:
		if err := os.WriteFile(name, []byte(before+graphBegin+want+graphEnd+after), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("the import graph in ARCHITECTURE.md is not that of the code: run go test ./internal/archtest -run TestImportGraph -update, and see that the change was meant:\n%s", want)
	}
}

// TestImportGraphOf shows a graph: packages of tests alone are not in it, imports of tests and of others neither.
func TestImportGraphOf(t *testing.T) {
	m, err := newTree("turnout", map[string]string{
		"relay/a.go":                  "package relay\nimport (\n_ \"turnout/stun\"\n_ \"net/netip\"\n)\n",
		"relay/b_linux.go":            "package relay\nimport (\n_ \"turnout/internal/netio\"\n_ \"turnout/stun\"\n)\n",
		"relay/a_test.go":             "package relay\nimport _ \"turnout/client\"\n",
		"stun/a.go":                   "package stun\nconst A = 1\n",
		"internal/netio/a.go":         "package netio\nconst A = 1\n",
		"internal/peertest/doc.go":    "package peertest\n",
		"internal/peertest/a_test.go": "package peertest\n",
	})
	if err != nil {
		t.Fatal(err)
	}
	const want = "```mermaid\ngraph TD\n" +
		"\tinternal_netio[\"internal/netio\"]\n\trelay[\"relay\"]\n\tstun[\"stun\"]\n" +
		"\trelay --> internal_netio\n\trelay --> stun\n```\n"
	if got := m.graph(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// graph is the imports between the module's packages as a mermaid graph, the same on every system.
func (t *tree) graph() string {
	imports := map[string]map[string]bool{}
	for _, f := range t.files {
		if f.test || len(f.ast.Decls) == 0 { // a package of tests has a comment alone
			continue
		}
		if imports[f.dir] == nil {
			imports[f.dir] = map[string]bool{}
		}
		for p := range f.imports {
			if q, ok := t.ours(p); ok {
				imports[f.dir][q] = true
			}
		}
	}
	var b strings.Builder
	b.WriteString("```mermaid\ngraph TD\n")
	id := func(dir string) string { return strings.NewReplacer("/", "_", "-", "_").Replace(dir) }
	dirs := slices.Sorted(maps.Keys(imports))
	for _, dir := range dirs {
		fmt.Fprintf(&b, "\t%s[%q]\n", id(dir), dir)
	}
	for _, dir := range dirs {
		for _, q := range slices.Sorted(maps.Keys(imports[dir])) {
			fmt.Fprintf(&b, "\t%s --> %s\n", id(dir), id(q))
		}
	}
	b.WriteString("```\n")
	return b.String()
}
