package archtest

import (
	"go/ast"
	"slices"
)

// clockNames are what reads a clock or waits for one.
var clockNames = []string{"Now", "Since", "Until", "After", "AfterFunc", "Tick", "NewTicker", "NewTimer", "Sleep"}

var timeRules = []rule{
	{
		name:  "time is a parameter",
		check: timeParameter,
		bad: map[string]string{
			"auth/a.go":       "package auth\nimport \"time\"\nvar _ = time.Now()\n",
			"allocation/a.go": "package allocation\nimport t \"time\"\nvar _ = t.AfterFunc\n",
		},
		good: map[string]string{
			"auth/a.go":       "package auth\nimport \"time\"\nfunc f(now time.Time) bool { return now.After(now) }\n",
			"auth/a_test.go":  "package auth\nimport \"time\"\nvar _ = time.Now()\n",
			"relay/worker.go": "package relay\nimport \"time\"\nvar _ = time.Now()\n",
		},
	},
	{
		name:  "no sleeping tests",
		check: sleepingTests,
		bad: map[string]string{
			"relay/a_test.go": "package relay\nimport \"time\"\nfunc f() { time.Sleep(1) }\n",
		},
		good: map[string]string{
			"relay/a_test.go": "package relay\nimport \"time\"\nfunc f() { <-time.After(1) }\n",
			"relay/b_test.go": "package relay\nimport (\n\"testing/synctest\"\n\"time\"\n)\nfunc f() { time.Sleep(1); synctest.Wait() }\n",
			"relay/a.go":      "package relay\nimport \"time\"\nfunc f() { time.Sleep(1) }\n",
		},
	},
}

// clock is where a file names what reads a clock.
func clock(f *file) []ast.Node {
	var nodes []ast.Node
	name := f.importName("time")
	if name == "" {
		return nil
	}
	ast.Inspect(f.ast, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := s.X.(*ast.Ident); ok && x.Name == name && slices.Contains(clockNames, s.Sel.Name) {
				nodes = append(nodes, s)
			}
		}
		return true
	})
	return nodes
}

// timeParameter keeps clocks out of the plain packages, so that one read serves a
// whole batch and tests choose the time.
func timeParameter(t *tree) []finding {
	var fs []finding
	for _, f := range t.files {
		if f.test || !f.in(stateless...) {
			continue
		}
		for _, n := range clock(f) {
			fs = append(fs, finding{f.at(n.Pos()), f.dir + " reads a clock: take now as a parameter"})
		}
	}
	return fs
}

// sleepingTests finds tests that wait for real time. Under testing/synctest a
// sleep is how virtual time passes.
func sleepingTests(t *tree) []finding {
	var fs []finding
	for _, f := range t.files {
		if !f.test || f.importName("testing/synctest") != "" {
			continue
		}
		for name, pos := range f.selectors("time") {
			if name == "Sleep" {
				fs = append(fs, finding{f.at(pos), "time.Sleep in a test: use testing/synctest, or wait for the event itself with a deadline"})
			}
		}
	}
	return fs
}
