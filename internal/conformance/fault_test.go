package conformance

import (
	"strings"
	"testing"
)

// TestFaults proves that each mistake in a table is noticed.
func TestFaults(t *testing.T) {
	t.Parallel()
	const head = "rfc 8656 TURN\nsection 9 Permissions\n"
	const good = head + "read MUST 2, SHOULD 1\nleft SHOULD: of clients only\nMUST 2: It is done.\n  script 9-one\n  test pkg.TestOne\nrule: It is so.\n  not met: there is a reason\n"
	repository := &tree{
		scripts: map[string]bool{"rfc8656/9-one": true},
		tests:   map[string]map[string]string{"pkg": {"TestOne": "pkg/one_test.go"}},
	}
	for _, c := range []struct{ name, old, new, want string }{
		{"good", "", "", ""},
		{"one too many read", "MUST 2, S", "MUST 3, S", "overlooked or counted twice"},
		{"one overlooked", "left SHOULD: of clients only\n", "", "overlooked or counted twice"},
		{"no reason to leave out", "of clients only", "because", "has no reason"},
		{"no evidence", "  script 9-one\n  test pkg.TestOne\n", "", "no evidence"},
		{"no such script", "9-one", "9-none", "no script rfc8656/9-none"},
		{"no such test", "TestOne", "TestNone", "no test pkg.TestNone"},
		{"no function", "pkg.TestOne", "TestOne", "no test TestOne"},
		{"a script without clause", "  script 9-one\n", "", "shows no clause"},
		{"both ways out", "there is a reason\n", "a reason\n  does not apply: another\n", "is not met and does not apply"},
		{"evidence of nothing", "  script 9-one\n", "  script 9-one\n  does not apply: whatever\n", "has evidence"},
		{"a section twice", "rule: ", "section 9 Permissions\nrule: ", "is there already"},
		{"no keyword", "MUST 2: It", "OUGHT 2: It", "is no keyword"},
		{"no sentence", "It is done.", "It is done", "is not “MUST: a sentence.”"},
		{"no kind of evidence", "  script 9-one", "  hearsay 9-one", "is no evidence"},
		{"planned", "not met: there is", "planned: there is", "is no evidence"},
		{"no section", "section 9 Permissions\n", "", "before the first section"},
		{"no clause", "MUST 2: It is done.\n", "", "before the first clause"},
		{"nothing", good, "", "no rfc"},
	} {
		var found []string
		table, err := parseTable("bad.txt", strings.Replace(good, c.old, c.new, 1))
		if err != nil {
			found = append(found, err.Error())
		} else {
			found = append(table.faults(), repository.faults(tablesOf(table))...)
		}
		text := strings.Join(found, "\n")
		if (c.want == "") != (text == "") || !strings.Contains(text, c.want) {
			t.Errorf("%s: found %q, want %q", c.name, text, c.want)
		}
	}
}

func tablesOf(t *table) []*table { return []*table{t} }
