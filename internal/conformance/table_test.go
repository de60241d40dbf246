package conformance

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A table is what one RFC asks of a server.
type table struct {
	file     string
	rfc      string // its number
	title    string
	sections []*section
}

// A section is one of the RFC, with its clauses.
type section struct {
	number, title string
	line          int
	read          count // keywords in its text
	left          []left
	clauses       []*clause
}

// left is what of a section is no clause of a server.
type left struct {
	count  count
	reason string
}

// A clause is one requirement, in words of our own.
type clause struct {
	line     int
	count    count // none: said without capitals
	sentence string
	scripts  []string // as rfc8656/9-permission-lifetime
	tests    []string // as auth.TestNonces
	notes    []string
	notMet   string // the reason; empty where it is met
	moot     string // why it does not apply
}

// A count is how often each keyword occurs.
type count map[string]int

// keywords in the order of the page; those with NOT come before those without, so
// that a search finds the longer one.
var keywords = []string{"MUST NOT", "MUST", "SHALL NOT", "SHALL", "SHOULD NOT", "SHOULD", "REQUIRED", "NOT RECOMMENDED", "RECOMMENDED"}

func (c count) add(other count) {
	for k, n := range other {
		c[k] += n
	}
}

// String is the form that tables have: "MUST 2, SHOULD NOT 1".
func (c count) String() string {
	var parts []string
	for _, k := range keywords {
		if c[k] > 0 {
			parts = append(parts, k+" "+strconv.Itoa(c[k]))
		}
	}
	return strings.Join(parts, ", ")
}

var counted = regexp.MustCompile(`^([A-Z ]+?)(?: (\d+))?$`)

// parseCount reads "MUST 2, SHOULD NOT"; without a number a keyword counts once.
func parseCount(text string) (count, error) {
	c := count{}
	for _, part := range strings.Split(text, ", ") {
		m := counted.FindStringSubmatch(part)
		if m == nil || !slices.Contains(keywords, m[1]) || c[m[1]] > 0 {
			return nil, fmt.Errorf("%q is no keyword with a number", part)
		}
		c[m[1]] = 1
		if m[2] != "" {
			c[m[1]], _ = strconv.Atoi(m[2]) // digits only
		}
	}
	return c, nil
}

// parseTable reads a table; the error names file and line.
func parseTable(file, text string) (*table, error) {
	t := &table{file: file}
	for i, line := range strings.Split(text, "\n") {
		if strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if err := t.parseLine(line, i+1); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", file, i+1, err)
		}
	}
	if t.rfc == "" || len(t.sections) == 0 {
		return nil, fmt.Errorf("%s: no rfc, or no section of it", file)
	}
	return t, nil
}

func (t *table) parseLine(line string, number int) error {
	word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
	if word == "rfc" {
		t.rfc, t.title, _ = strings.Cut(rest, " ")
		return nil
	}
	if word == "section" {
		s := &section{line: number, read: count{}}
		s.number, s.title, _ = strings.Cut(rest, " ")
		t.sections = append(t.sections, s)
		return nil
	}
	if len(t.sections) == 0 {
		return fmt.Errorf("%q stands before the first section", line)
	}
	s := t.sections[len(t.sections)-1]
	switch {
	case strings.HasPrefix(line, "  "):
		if len(s.clauses) == 0 {
			return fmt.Errorf("%q stands before the first clause", line)
		}
		return s.clauses[len(s.clauses)-1].parseEvidence(t.rfc, word, rest, strings.TrimSpace(line))
	case word == "read":
		c, err := parseCount(rest)
		s.read = c
		return err
	case word == "left":
		numbers, reason, _ := strings.Cut(rest, ": ")
		c, err := parseCount(numbers)
		s.left = append(s.left, left{c, reason})
		return err
	}
	return s.parseClause(line, number)
}

func (s *section) parseClause(line string, number int) error {
	numbers, sentence, ok := strings.Cut(line, ": ")
	if !ok || !strings.HasSuffix(sentence, ".") {
		return fmt.Errorf("%q is not “MUST: a sentence.”", line)
	}
	c := &clause{line: number, sentence: sentence}
	if numbers != "rule" {
		var err error
		if c.count, err = parseCount(numbers); err != nil {
			return err
		}
	}
	s.clauses = append(s.clauses, c)
	return nil
}

func (c *clause) parseEvidence(rfc, word, rest, line string) error {
	switch {
	case word == "script":
		for _, name := range strings.Fields(rest) {
			if !strings.Contains(name, "/") {
				name = "rfc" + rfc + "/" + name
			}
			c.scripts = append(c.scripts, name)
		}
	case word == "test":
		c.tests = append(c.tests, strings.Fields(rest)...)
	case word == "note":
		c.notes = append(c.notes, rest)
	case strings.HasPrefix(line, "not met: "):
		c.notMet = strings.TrimPrefix(line, "not met: ")
	case strings.HasPrefix(line, "does not apply: "):
		c.moot = strings.TrimPrefix(line, "does not apply: ")
	default:
		return fmt.Errorf("%q is no evidence: script, test, note, not met or does not apply", line)
	}
	return nil
}

// faults are what is wrong with a table by itself: sums that do not add up, clauses
// without evidence, sections given twice.
func (t *table) faults() (all []string) {
	seen := map[string]bool{}
	for _, s := range t.sections {
		if seen[s.number] {
			all = append(all, fmt.Sprintf("%s:%d: section %s is there already", t.file, s.line, s.number))
		}
		seen[s.number] = true
		sum := count{}
		for _, l := range s.left {
			sum.add(l.count)
			if len(strings.Fields(l.reason)) < 2 {
				all = append(all, fmt.Sprintf("%s:%d: what is left of section %s has no reason", t.file, s.line, s.number))
			}
		}
		for _, c := range s.clauses {
			sum.add(c.count)
			all = append(all, t.clauseFaults(c)...)
		}
		if !maps.Equal(sum, s.read) {
			all = append(all, fmt.Sprintf("%s:%d: section %s has %v in its text, and clauses and left out are %v: one was overlooked or counted twice", t.file, s.line, s.number, s.read, sum))
		}
	}
	return all
}

func (t *table) clauseFaults(c *clause) (all []string) {
	evidence := len(c.scripts) + len(c.tests)
	switch {
	case c.notMet != "" && c.moot != "":
		all = append(all, fmt.Sprintf("%s:%d: is not met and does not apply", t.file, c.line))
	case c.notMet == "" && c.moot == "" && evidence == 0:
		all = append(all, fmt.Sprintf("%s:%d: no evidence", t.file, c.line))
	case c.moot != "" && evidence > 0:
		all = append(all, fmt.Sprintf("%s:%d: does not apply, and has evidence", t.file, c.line))
	}
	return all
}
