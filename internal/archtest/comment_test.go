package archtest

import (
	"fmt"
	"go/ast"
	"go/token"
	"regexp"
	"slices"
	"strings"
)

// wellKnown methods have their meaning from an interface of the standard library.
var wellKnown = []string{"Error", "String", "Unwrap", "Is", "As", "Len", "Less", "Swap", "MarshalText", "UnmarshalText", "MarshalJSON", "UnmarshalJSON", "LogValue"}

// leftOpen are marks of unfinished work, spelt so that this file has none.
var leftOpen = regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X)\b`)

var commentRules = []rule{
	{
		name:  "one package comment",
		check: packageComments,
		bad: map[string]string{
			"relay/a.go":      "package relay\n",
			"relay/b.go":      "// This is the relay.\npackage relay\n",
			"relay/c_test.go": "package relay\n",
		},
		good: map[string]string{
			"relay/a.go":       "// Package relay relays.\npackage relay\n",
			"cmd/turnout/a.go": "// Turnout is the one binary.\npackage main\n",
		},
	},
	{
		name:  "exported names are documented",
		check: exportedDocs,
		bad: map[string]string{
			"auth/a.go":  "package auth\nfunc F() {}\n",
			"auth/b.go":  "package auth\nfunc (k *Key) ID() string { return \"\" }\n",
			"auth/c.go":  "package auth\ntype Key struct{}\n",
			"auth/d.go":  "package auth\nvar X = 1\n",
			"auth/e.go":  "package auth\n// A T is an interface.\ntype T interface { M(); N() }\n",
			"auth/f.go":  "package auth\n// A Config is it.\ntype Config struct { Users int }\n",
			"relay/g.go": "package relay\nconst (\nA = 1\n)\n",
		},
		good: map[string]string{
			"auth/a.go":      "package auth\n// F is f.\nfunc F() {}\nfunc (k key) ID() {}\nfunc (k *Key) Error() string { return \"\" }\n",
			"auth/d.go":      "package auth\n// A T can m.\ntype T interface { M() }\n",
			"auth/b.go":      "package auth\n// Kinds of x.\nconst (\nA = 1\nB = 2\n)\nvar X = 1 // what x is\n",
			"auth/e.go":      "package auth\n// A Kind is a kind.\ntype Kind int\nconst (\nA Kind = iota\nB\n)\n",
			"auth/c.go":      "package auth\n// A Config is it.\ntype Config struct {\nUsers int // how many\n// Names are many.\nNames []string\nunexported int\n}\n",
			"auth/a_test.go": "package auth\nfunc F() {}\n",
		},
	},
	{
		name:  "nothing is left open",
		check: openEnds,
		bad: map[string]string{
			"auth/a.go":      "package auth\n// TO" + "DO: write it.\n",
			"auth/a_test.go": "package auth\nvar _ = \"FIX" + "ME\"\n",
		},
		good: map[string]string{
			"auth/a.go": "package auth\n// Nothing is to be done.\nvar _ = \"mastodon\"\n",
		},
	},
}

// packageComments wants one comment on one file of each package, in the shape that go doc expects.
func packageComments(t *tree) []finding {
	var fs []finding
	for dir, files := range t.packages() {
		// Of a package that has only tests, the tests are its files.
		onlyTests := !slices.ContainsFunc(files, func(f *file) bool { return !f.test })
		var comments []*file
		for _, f := range files {
			if f.ast.Doc != nil && (onlyTests || !f.test) {
				comments = append(comments, f)
			}
		}
		switch {
		case len(comments) == 0:
			fs = append(fs, finding{dir, "no package comment: say in one file what the package is for and what it leaves to others"})
		case len(comments) > 1:
			var paths []string
			for _, f := range comments {
				paths = append(paths, f.path)
			}
			fs = append(fs, finding{dir, "several package comments (" + strings.Join(paths, ", ") + "): keep one, and leave an empty line between the others and their package clause"})
		default:
			f := comments[0]
			if name := f.ast.Name.Name; name != "main" && !strings.HasPrefix(f.ast.Doc.Text(), "Package "+name+" ") {
				fs = append(fs, finding{f.path, "the package comment begins with \"Package " + name + " …\""})
			}
		}
	}
	return fs
}

func exportedDocs(t *tree) []finding {
	var fs []finding
	for _, f := range t.files {
		if f.test || f.generated || f.ast.Name.Name == "main" {
			continue
		}
		missing := func(name *ast.Ident, kind string) {
			if name.IsExported() {
				fs = append(fs, finding{f.at(name.Pos()), fmt.Sprintf("%s %s has no comment: say what it means, its units, the errors to test for", kind, name.Name)})
			}
		}
		for _, d := range f.ast.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Doc == nil && !(d.Recv != nil && (slices.Contains(wellKnown, d.Name.Name) || !exportedReceiver(d))) {
					missing(d.Name, "function")
				}
			case *ast.GenDecl:
				undocumented(d, missing)
			}
		}
	}
	return fs
}

// undocumented calls missing for the names of a declaration without a comment of
// their own, beside them or on their group.
func undocumented(d *ast.GenDecl, missing func(*ast.Ident, string)) {
	enumeration := false
	for _, spec := range d.Specs {
		switch s := spec.(type) {
		case *ast.TypeSpec:
			if s.Doc == nil && s.Comment == nil && (d.Doc == nil || d.Lparen.IsValid()) {
				missing(s.Name, "type")
			}
			if s.Name.IsExported() {
				members(s, missing)
			}
		case *ast.ValueSpec:
			// The values of an enumeration are told by the comment of their type.
			if d.Tok == token.CONST && s.Values != nil {
				enumeration = isLocalType(s.Type)
			}
			if s.Doc != nil || s.Comment != nil || d.Doc != nil || enumeration {
				continue
			}
			for _, name := range s.Names {
				missing(name, d.Tok.String())
			}
		}
	}
}

// isLocalType says whether x names a type of this package, which has a comment of its own.
func isLocalType(x ast.Expr) bool {
	name, ok := x.(*ast.Ident)
	return ok && name.IsExported()
}

// members looks at the methods of interfaces, and at the fields of configurations:
// those are what a caller sets with nothing but the comment to go by.
func members(s *ast.TypeSpec, missing func(*ast.Ident, string)) {
	var list *ast.FieldList
	switch x := s.Type.(type) {
	case *ast.InterfaceType:
		if x.Methods.NumFields() > 1 { // the comment of a type with one method is about that method
			list = x.Methods
		}
	case *ast.StructType:
		if strings.HasSuffix(s.Name.Name, "Config") {
			list = x.Fields
		}
	}
	if list == nil {
		return
	}
	for _, m := range list.List {
		if m.Doc != nil || m.Comment != nil {
			continue
		}
		for _, name := range m.Names {
			missing(name, "member")
		}
	}
}

// exportedReceiver says whether a method belongs to an exported type.
func exportedReceiver(d *ast.FuncDecl) bool {
	x := d.Recv.List[0].Type
	for {
		switch y := x.(type) {
		case *ast.StarExpr:
			x = y.X
		case *ast.IndexExpr:
			x = y.X
		case *ast.IndexListExpr:
			x = y.X
		case *ast.Ident:
			return y.IsExported()
		default:
			return true
		}
	}
}

func openEnds(t *tree) []finding {
	var fs []finding
	for _, f := range t.files {
		for _, at := range leftOpen.FindAllIndex(f.source, -1) {
			pos := f.fset.File(f.ast.FileStart).Pos(at[0])
			fs = append(fs, finding{f.at(token.Pos(pos)), "work left open: do it now, or open an issue and say in a sentence what is not there"})
		}
	}
	return fs
}
