package config

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A Problem is one thing wrong with the configuration, or one to be warned of.
type Problem struct {
	Source string // a file, an environment variable, or a --set flag; empty: nowhere in particular
	Line   int    // in the file, from 1; 0: none
	Key    string // as relay.lifetime.max; empty: the whole
	Text   string // what is wrong, and after a semicolon what would be right
}

// String is source:line: key: text, without the parts there are none of.
func (p Problem) String() string {
	var b strings.Builder
	if p.Source != "" {
		b.WriteString(p.Source)
		if p.Line > 0 {
			b.WriteString(":" + strconv.Itoa(p.Line))
		}
		b.WriteString(": ")
	}
	if p.Key != "" {
		b.WriteString(p.Key + ": ")
	}
	return b.String() + p.Text
}

// An Error is a configuration that cannot be used, with all that is wrong with it. Test for it with errors.As.
type Error struct{ Problems []Problem }

// Error has one problem a line.
func (e *Error) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// An origin is where a key was set.
type origin struct {
	source string
	line   int
	layer  int // file, environment, flags: later layers win
}

const (
	layerFile = iota
	layerEnvironment
	layerFlags
)

// maxProblems are told, which is more than anybody reads: a wrong file has a problem on every line.
const maxProblems = 200

// A report collects problems in any order and tells them in the order of the sources.
type report struct {
	problems []located
	warnings []located
	untold   int // problems beyond maxProblems
}

type located struct {
	Problem
	layer int
}

func (r *report) wrong(o origin, key, format string, args ...any) {
	if len(r.problems) == maxProblems {
		r.untold++
		return
	}
	r.problems = append(r.problems, locate(o, key, format, args...))
}

func (r *report) warn(o origin, key, format string, args ...any) {
	r.warnings = append(r.warnings, locate(o, key, format, args...))
}

// err is the problems as an error; nil if there are none.
func (r *report) err() error {
	if len(r.problems) == 0 {
		return nil
	}
	all := sorted(r.problems)
	if r.untold > 0 {
		all = append(all, Problem{Text: fmt.Sprintf("%d more problems like these", r.untold)})
	}
	return &Error{all}
}

func locate(o origin, key, format string, args ...any) located {
	return located{Problem{o.source, o.line, key, fmt.Sprintf(format, args...)}, o.layer}
}

// about says whether something is wrong with key or what is below it, so that nothing is told twice.
func (r *report) about(key string) bool {
	return slices.ContainsFunc(r.problems, func(l located) bool { return within(l.Key, key) })
}

// within says whether key is parent or below it.
func within(key, parent string) bool {
	rest, ok := strings.CutPrefix(key, parent)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

func sorted(all []located) []Problem {
	slices.SortStableFunc(all, func(a, b located) int {
		return cmp.Or(cmp.Compare(a.layer, b.layer), cmp.Compare(sourceRank(a), sourceRank(b)),
			cmp.Compare(a.Line, b.Line))
	})
	var ps []Problem
	for _, l := range all {
		ps = append(ps, l.Problem)
	}
	return ps
}

// sourceRank keeps variables and flags in the order of their names and files apart from them.
func sourceRank(l located) string {
	if l.layer == layerFile {
		return ""
	}
	return l.Source
}
