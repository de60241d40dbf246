package archtest

import (
	"fmt"
	"go/ast"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// emptyNames say nothing about what is inside.
var emptyNames = []string{"util", "utils", "common", "types", "manager", "managers", "helper", "helpers", "misc"}

var nameRules = []rule{
	{
		name:  "names say something",
		check: emptyWords,
		bad: map[string]string{
			"relay/types.go":             "package relay\n",
			"relay/stream_util.go":       "package relay\n",
			"internal/common/address.go": "package common\n",
			"relay/helpers_test.go":      "package relay\n",
		},
		good: map[string]string{
			"relay/message_type.go": "package relay\n",
			"relay/worker.go":       "package relay\n",
		},
	},
	{
		name:  "no Get prefix",
		check: getPrefix,
		bad: map[string]string{
			"auth/a.go": "package auth\nfunc (k *Key) GetID() string { return \"\" }\n",
			"auth/b.go": "package auth\ntype T interface { GetID() string }\n",
		},
		good: map[string]string{
			"auth/a.go": "package auth\nfunc (k *Key) Getaway() {}\nfunc get() {}\ntype T interface { ID() string }\n",
		},
	},
	{
		name:  "receivers are one letter",
		check: receivers,
		bad: map[string]string{
			"auth/a.go": "package auth\nfunc (key *Key) ID() string { return \"\" }\n",
			"auth/b.go": "package auth\nfunc (this *Key) ID() string { return \"\" }\n",
		},
		good: map[string]string{
			"auth/a.go": "package auth\nfunc (k *Key) ID() string { return \"\" }\nfunc (Key) Name() string { return \"\" }\n",
		},
	},
	{
		name:  "errors are phrases",
		check: errorTexts,
		bad: map[string]string{
			"auth/a.go": "package auth\nimport \"errors\"\nvar _ = errors.New(\"failed to open\")\n",
			"auth/b.go": "package auth\nimport \"fmt\"\nvar _ = fmt.Errorf(\"Open key: %w\", err)\n",
			"auth/c.go": "package auth\nimport \"errors\"\nvar _ = errors.New(\"no key.\")\n",
		},
		good: map[string]string{
			"auth/a.go": "package auth\nimport \"fmt\"\nvar _ = fmt.Errorf(\"open key: %w\", err)\n",
			"auth/b.go": "package auth\nimport \"errors\"\nvar _ = errors.New(\"TURN server unreachable\")\n",
		},
	},
}

func emptyWords(t *tree) []finding {
	var fs []finding
	for _, f := range t.files {
		name := strings.TrimSuffix(strings.TrimSuffix(path.Base(f.path), ".go"), "_test")
		for word := range strings.SplitSeq(name, "_") {
			if slices.Contains(emptyNames, word) {
				fs = append(fs, finding{f.path, fmt.Sprintf("%q says nothing: name the file after the noun or verb it is about", word)})
			}
		}
		if slices.Contains(emptyNames, f.ast.Name.Name) {
			fs = append(fs, finding{f.path, fmt.Sprintf("package %s says nothing: name it after what it provides", f.ast.Name.Name)})
		}
	}
	return fs
}

// hasGet says whether a name is an exported one with the prefix Get.
func hasGet(name string) bool {
	rest, ok := strings.CutPrefix(name, "Get")
	r, _ := utf8.DecodeRuneInString(rest)
	return ok && (rest == "" || unicode.IsUpper(r))
}

func getPrefix(t *tree) []finding {
	var fs []finding
	for _, f := range t.files {
		found := func(n *ast.Ident) {
			if hasGet(n.Name) {
				fs = append(fs, finding{f.at(n.Pos()), fmt.Sprintf("%s: leave out Get, the noun is enough", n.Name)})
			}
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				found(n.Name)
			case *ast.InterfaceType:
				for _, m := range n.Methods.List {
					for _, name := range m.Names {
						found(name)
					}
				}
			}
			return true
		})
	}
	return fs
}

func receivers(t *tree) []finding {
	var fs []finding
	for _, f := range t.files {
		for _, d := range f.ast.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Recv == nil || f.generated {
				continue
			}
			for _, field := range fn.Recv.List {
				for _, name := range field.Names {
					if utf8.RuneCountInString(name.Name) != 1 {
						fs = append(fs, finding{f.at(name.Pos()), fmt.Sprintf("receiver %s of %s: one letter, the same for the whole type", name.Name, fn.Name.Name)})
					}
				}
			}
		}
	}
	return fs
}

// capitalised matches a first word with one capital: an acronym or a type's name such as TURN or AddrPort may begin an error.
var capitalised = regexp.MustCompile(`^[A-Z][a-z]+( |:|$)`)

func errorTexts(t *tree) []finding {
	var fs []finding
	for _, f := range t.files {
		if f.test {
			continue
		}
		errorsName, fmtName := f.importName("errors"), f.importName("fmt")
		ast.Inspect(f.ast, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) == 0 {
				return true
			}
			s, ok := call.Fun.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			x, ok := s.X.(*ast.Ident)
			if !ok || !(x.Name == errorsName && s.Sel.Name == "New" || x.Name == fmtName && s.Sel.Name == "Errorf") {
				return true
			}
			literal, ok := call.Args[0].(*ast.BasicLit)
			if !ok {
				return true
			}
			text, err := strconv.Unquote(literal.Value)
			if err == nil && (strings.Contains(text, "failed to") || capitalised.MatchString(text) || strings.HasSuffix(text, ".") || strings.HasSuffix(text, "\n")) {
				fs = append(fs, finding{f.at(call.Pos()), fmt.Sprintf("error %q: a phrase of what was tried, lower case, without \"failed to\" and without a full stop", text)})
			}
			return true
		})
	}
	return fs
}
