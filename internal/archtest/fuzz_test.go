package archtest

import (
	"fmt"
	"go/ast"
	"path"
	"strings"
)

var testRules = []rule{
	{
		name:  "fuzz targets have seeds",
		check: fuzzSeeds,
		bad: map[string]string{
			"stun/a_test.go": "package stun\nimport \"testing\"\nfunc FuzzParse(f *testing.F) { f.Fuzz(func(t *testing.T, b []byte) {}) }\n",
			"stun/b_test.go": "package stun\nimport \"testing\"\nfunc FuzzParse(f *testing.F) { seed(f); f.Fuzz(func(t *testing.T, b []byte) {}) }\nfunc seed(f *testing.F) {}\n",
		},
		good: map[string]string{
			"stun/a_test.go": "package stun\nimport \"testing\"\nfunc FuzzParse(f *testing.F) { f.Add(nil); f.Fuzz(func(t *testing.T, b []byte) {}) }\n",
			"stun/b_test.go": "package stun\nimport \"testing\"\nfunc FuzzParse(f *testing.F) { seed(f); f.Fuzz(func(t *testing.T, b []byte) {}) }\nfunc seed(x *testing.F) { x.Add(nil) }\n",
		},
	},
}

// fuzzSeeds wants f.Add in each fuzz target or in a function it passes f to, or files under testdata/fuzz.
func fuzzSeeds(t *tree) []finding {
	var fs []finding
	for dir, files := range t.packages() {
		functions := map[string]*ast.FuncDecl{}
		for _, f := range files {
			for _, d := range f.ast.Decls {
				if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil {
					functions[fn.Name.Name] = fn
				}
			}
		}
		for _, f := range files {
			if !f.test {
				continue
			}
			for _, d := range f.ast.Decls {
				fn, ok := d.(*ast.FuncDecl)
				if !ok || !isFuzz(fn) || t.exists[path.Join(dir, "testdata", "fuzz", fn.Name.Name)] || adds(fn, functions) {
					continue
				}
				fs = append(fs, finding{f.at(fn.Pos()), fmt.Sprintf("%s has no seeds: add what the encoder makes and the RFC's vectors with f.Add", fn.Name.Name)})
			}
		}
	}
	return fs
}

func isFuzz(fn *ast.FuncDecl) bool {
	return fn.Recv == nil && strings.HasPrefix(fn.Name.Name, "Fuzz") && parameter(fn) != ""
}

// parameter is the name of a function's first parameter.
func parameter(fn *ast.FuncDecl) string {
	if len(fn.Type.Params.List) == 0 || len(fn.Type.Params.List[0].Names) == 0 {
		return ""
	}
	return fn.Type.Params.List[0].Names[0].Name
}

// adds says whether fn calls Add on its first parameter, or hands it to one of the functions that does.
func adds(fn *ast.FuncDecl, functions map[string]*ast.FuncDecl) bool {
	if fn == nil || fn.Body == nil {
		return false
	}
	f, found := parameter(fn), false
	ast.Inspect(fn.Body, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || found {
			return !found
		}
		switch callee := call.Fun.(type) {
		case *ast.SelectorExpr:
			x, ok := callee.X.(*ast.Ident)
			found = ok && x.Name == f && callee.Sel.Name == "Add"
		case *ast.Ident:
			if len(call.Args) > 0 && callee.Name != fn.Name.Name {
				x, ok := call.Args[0].(*ast.Ident)
				found = ok && x.Name == f && adds(functions[callee.Name], functions)
			}
		}
		return !found
	})
	return found
}
