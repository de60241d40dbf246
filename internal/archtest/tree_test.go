package archtest

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// A file is one parsed Go file of the module.
type file struct {
	path      string // from the module's root, with slashes
	dir       string // the package's folder from the root, "." for the root
	source    []byte
	ast       *ast.File
	fset      *token.FileSet
	test      bool
	generated bool
}

// A tree is what the rules look at: the module's Go files by path, whatever
// system they are built for, and the other files that exist.
type tree struct {
	module string
	files  []*file         // sorted by path
	exists map[string]bool // every file and folder that is no Go file
}

// A finding is one violation of a rule.
type finding struct {
	where string // file:line, file or package
	what  string // what is wrong and what to do about it
}

func (f finding) String() string { return f.where + ": " + f.what }

// newTree parses Go sources by path. Paths that do not end in .go are noted as existing.
func newTree(module string, sources map[string]string) (*tree, error) {
	t := &tree{module: module, exists: map[string]bool{}}
	for _, p := range slices.Sorted(maps.Keys(sources)) {
		if !strings.HasSuffix(p, ".go") {
			t.exists[p] = true
			continue
		}
		fset := token.NewFileSet()
		parsed, err := parser.ParseFile(fset, p, sources[p], parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, fmt.Errorf("parse: %w", err)
		}
		t.files = append(t.files, &file{
			path: p, dir: path.Dir(p), source: []byte(sources[p]), ast: parsed, fset: fset,
			test: strings.HasSuffix(p, "_test.go"), generated: ast.IsGenerated(parsed),
		})
	}
	return t, nil
}

// at is a position of a file as file:line.
func (f *file) at(p token.Pos) string {
	return f.path + ":" + strconv.Itoa(f.fset.Position(p).Line)
}

// lines is how many lines the file has.
func (f *file) lines() int { return bytes.Count(f.source, []byte("\n")) }

// imports yields the paths a file imports, with the spec for its position.
func (f *file) imports(yield func(string, *ast.ImportSpec) bool) {
	for _, spec := range f.ast.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil || !yield(p, spec) {
			return
		}
	}
}

// importName is the name under which f knows the package imported from p, "" when it does not import it.
func (f *file) importName(p string) string {
	for q, spec := range f.imports {
		if q != p {
			continue
		}
		if spec.Name != nil {
			return spec.Name.Name
		}
		return path.Base(p)
	}
	return ""
}

// selectors yields every pkg.Name of a file for the package imported from p.
func (f *file) selectors(p string) func(yield func(string, token.Pos) bool) {
	return func(yield func(string, token.Pos) bool) {
		name := f.importName(p)
		if name == "" {
			return
		}
		more := true
		ast.Inspect(f.ast, func(n ast.Node) bool {
			s, ok := n.(*ast.SelectorExpr)
			if !ok || !more {
				return more
			}
			if x, ok := s.X.(*ast.Ident); ok && x.Name == name {
				more = yield(s.Sel.Name, s.Pos())
			}
			return more
		})
	}
}

// in says whether a file belongs to one of the packages, named by folder.
func (f *file) in(dirs ...string) bool { return slices.Contains(dirs, f.dir) }

// packages groups the files by folder.
func (t *tree) packages() map[string][]*file {
	ps := map[string][]*file{}
	for _, f := range t.files {
		ps[f.dir] = append(ps[f.dir], f)
	}
	return ps
}

// ours is the folder of an imported package of this module, "" and false for any other.
func (t *tree) ours(p string) (string, bool) {
	if p == t.module {
		return ".", true
	}
	return strings.CutPrefix(p, t.module+"/")
}

// root is the folder of the module's go.mod, above the one tests run in.
var root = sync.OnceValues(func() (string, error) {
	dir, err := os.Getwd()
	for err == nil {
		if _, e := os.Stat(filepath.Join(dir, "go.mod")); e == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("no go.mod above the working directory")
		}
		dir = parent
	}
	return "", err
})

// module reads and parses the module once for all tests.
var module = sync.OnceValues(func() (*tree, error) {
	top, err := root()
	if err != nil {
		return nil, err
	}
	sources := map[string]string{}
	err = filepath.WalkDir(top, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(top, p)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if d.IsDir() {
			if skipFolder(p, rel, d.Name()) {
				return fs.SkipDir
			}
			sources[rel] = ""
			return nil
		}
		if !strings.HasSuffix(rel, ".go") {
			sources[rel] = ""
			return nil
		}
		text, err := os.ReadFile(p)
		sources[rel] = string(text)
		return err
	})
	if err != nil {
		return nil, err
	}
	name, err := moduleName(top)
	if err != nil {
		return nil, err
	}
	return newTree(name, sources)
})

// skipFolder says which folders are no part of the module: those the go command
// ignores, except testdata (which holds no packages but fuzz seeds), those of
// installed npm packages, and modules of their own.
func skipFolder(p, rel, name string) bool {
	if rel == "." {
		return false
	}
	if strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") || name == "node_modules" {
		return true
	}
	_, err := os.Stat(filepath.Join(p, "go.mod"))
	return err == nil
}

func moduleName(top string) (string, error) {
	text, err := os.ReadFile(filepath.Join(top, "go.mod"))
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(text)) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "module "); ok {
			return strings.TrimSpace(name), nil
		}
	}
	return "", errors.New("go.mod names no module")
}
