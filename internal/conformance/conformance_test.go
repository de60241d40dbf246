package conformance

import (
	"bytes"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var (
	update = flag.Bool("update", false, "write docs/conformance.md")
	rfcs   = flag.String("rfc", "", "directory of rfc8489.txt …, to compare the tables' numbers with")
)

const root = "../.."

// readTables reads every table, the two basic RFCs first.
func readTables(t *testing.T) (tables []*table) {
	t.Helper()
	names, err := filepath.Glob("clauses/rfc*.txt")
	if err != nil || len(names) == 0 {
		t.Fatal("no tables", err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		table, err := parseTable("internal/conformance/"+filepath.ToSlash(name), string(text))
		if err != nil {
			t.Fatal(err)
		}
		tables = append(tables, table)
	}
	basic := func(t *table) bool { return t.rfc == "8489" || t.rfc == "8656" }
	slices.SortStableFunc(tables, func(a, b *table) int {
		if basic(a) != basic(b) {
			if basic(a) {
				return -1
			}
			return 1
		}
		return strings.Compare(a.rfc, b.rfc)
	})
	return tables
}

// TestTables checks that sums add up, every clause has evidence that exists, and
// every script shows a clause.
func TestTables(t *testing.T) {
	t.Parallel()
	tables := readTables(t)
	repository, err := newTree(root)
	if err != nil {
		t.Fatal(err)
	}
	if len(repository.scripts) == 0 {
		t.Fatal("no scripts")
	}
	for _, table := range tables {
		for _, fault := range table.faults() {
			t.Error(fault)
		}
	}
	faults := repository.faults(tables)
	slices.Sort(faults)
	for _, fault := range faults {
		t.Error(fault)
	}
}

// TestRead compares the numbers of keywords in the tables with the RFCs' texts,
// where -rfc says where these are, and with what the counting finds in a text of
// our own.
func TestRead(t *testing.T) {
	t.Parallel()
	got, titles := keywordsOf(sample)
	want := map[string]count{"1": {"MUST NOT": 1, "MUST": 1}, "1.1": {"SHOULD": 1, "NOT RECOMMENDED": 1}}
	if !maps.EqualFunc(got, want, maps.Equal[count]) || titles["1.1"] != "Two" {
		t.Errorf("counted %v of %v, want %v", got, titles, want)
	}
	if *rfcs == "" {
		return
	}
	for _, table := range readTables(t) {
		text, err := os.ReadFile(filepath.Join(*rfcs, "rfc"+table.rfc+".txt"))
		if err != nil {
			t.Fatal(err)
		}
		counts, titles := keywordsOf(string(text))
		for _, s := range table.sections {
			if s.title != titles[s.number] {
				t.Errorf("%s:%d: section %s is called %q", table.file, s.line, s.number, titles[s.number])
			}
			if !maps.Equal(s.read, counts[s.number]) {
				t.Errorf("%s:%d: section %s has %q, the table says %q", table.file, s.line, s.number, counts[s.number], s.read)
			}
			delete(counts, s.number)
		}
		for number, c := range counts {
			t.Errorf("%s: section %s is missing, which has %q", table.file, number, c)
		}
	}
}

// sample has what an RFC's text has: a table of contents, pages, words in two lines.
const sample = `
Table of Contents

   1.  One, which MUST not count .............................. 1

1.  One

   A server MUST
   NOT, and it

Writer                       Standards Track                    [Page 1]
` + "\f" + `
RFC 9999                     Sample                     January 2000

   MUST mustard.

1.1.  Two

   SHOULD, but NOT RECOMMENDED.

Appendix A.  Three

   MUST.
`

// TestPage checks that docs/conformance.md is what the tables make.
func TestPage(t *testing.T) {
	repository, err := newTree(root)
	if err != nil {
		t.Fatal(err)
	}
	want, err := page(readTables(t), repository)
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(root, "docs", "conformance.md")
	if *update {
		if err := os.WriteFile(name, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("docs/conformance.md is stale: run go test ./internal/conformance -update")
	}
}
