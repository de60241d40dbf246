package archtest

import (
	"strings"
	"testing"
)

// A rule is one habit that a machine can check.
type rule struct {
	name  string
	check func(*tree) []finding
	bad   map[string]string // sources, each set breaking the rule once
	good  map[string]string // sources that come close and do not
}

// rules are all of them, in the order of the files that declare them.
var rules = join(importRules, packetRules, timeRules, sizeRules, nameRules, commentRules, testRules)

func join(groups ...[]rule) []rule {
	var all []rule
	for _, g := range groups {
		all = append(all, g...)
	}
	return all
}

func TestRules(t *testing.T) {
	m, err := module()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			for _, f := range r.check(m) {
				t.Error(f)
			}
		})
	}
}

// TestRulesFire holds each rule against a source that breaks it and one that does not.
func TestRulesFire(t *testing.T) {
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			for p, source := range r.bad {
				if got := r.check(parse(t, p, source)); len(got) == 0 {
					t.Errorf("nothing found in %s:\n%s", p, source)
				}
			}
			for p, source := range r.good {
				for _, f := range r.check(parse(t, p, source)) {
					t.Errorf("found in a good source: %s\n%s", f, source)
				}
			}
			if len(r.bad) == 0 || len(r.good) == 0 {
				t.Error("the rule has no example of a violation, or none of its absence: add both")
			}
		})
	}
}

// parse makes a tree of one example. Its key is the file's path, up to an
// optional # that tells examples of one path apart.
func parse(t *testing.T, key, source string) *tree {
	t.Helper()
	p, _, _ := strings.Cut(key, "#")
	m, err := newTree("turnout", map[string]string{p: source})
	if err != nil {
		t.Fatal(err)
	}
	return m
}
