package config

import (
	"bytes"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the generated files and golden files")

// generated are the files made from the struct tree, relative to this package.
var generated = map[string]func(t *testing.T) []byte{
	"config.example.yaml":         exampleFile,
	"../../deploy/turnout.yaml":   exampleFile,
	"../../docs/configuration.md": referencePage,
}

func TestGeneratedFiles(t *testing.T) {
	for name, generate := range generated {
		want := generate(t)
		if *update {
			if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(name, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is stale: run go test ./internal/config -update", name)
		}
	}
}

// comments reads the field comments of this package: "Config.Realm" → its comment on one line.
func comments(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, name := range []string{"alternate.go", "api.go", "config.go", "oauth.go", "secret.go", "value.go"} {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			s, ok := spec.Type.(*ast.StructType)
			if !ok {
				return true
			}
			for _, field := range s.Fields.List {
				for _, id := range field.Names {
					all[spec.Name.Name+"."+id.Name] = strings.Join(strings.Fields(field.Doc.Text()), " ")
				}
			}
			return true
		})
	}
	return all
}

// describe splits a field's comment from what it says of restarts.
func describe(t *testing.T, all map[string]string, f field) (text, restart string) {
	t.Helper()
	text = all[f.owner.Name()+"."+f.name]
	if text == "" {
		t.Errorf("%s (%s.%s) has no comment", f.path, f.owner.Name(), f.name)
	}
	if f.section {
		return text, ""
	}
	for _, restart := range []string{"Reloadable.", "Needs a restart."} {
		if rest, ok := strings.CutSuffix(text, " "+restart); ok {
			if f.reloadable() != (restart == "Reloadable.") {
				t.Errorf("%s: its comment says %s and its tag reload another thing", f.path, restart)
			}
			return rest, restart
		}
	}
	t.Errorf("%s: its comment must end with Reloadable. or Needs a restart.", f.path)
	return text, ""
}

func exampleFile(t *testing.T) []byte {
	t.Helper()
	all := comments(t)
	var b strings.Builder
	b.WriteString(`# turnout's configuration. Generated: every key there is, with its default.
#
# A line that begins with "# key:" shows a default; remove the "# " to change it. A key left out, or zero or empty, has its default.
# Every key has an environment variable that overrides it: TURNOUT_RELAY_LIFETIME_MAX is relay.lifetime.max; lists and maps are JSON there.
# Try it with: turnout config check --config FILE. A key that turnout does not know is an error.
`)
	for _, f := range schema {
		depth := strings.Count(f.path, ".")
		indent := strings.Repeat("  ", depth)
		text, restart := describe(t, all, f)
		if !strings.HasSuffix(b.String(), ":\n") || depth == 0 {
			b.WriteString("\n")
		}
		if f.section {
			comment(&b, indent, text)
			b.WriteString(indent + f.key + ":\n")
			continue
		}
		value, shown := f.tag.Lookup("example")
		comment(&b, indent, text+" "+notes(f, restart, shown))
		if !shown {
			value, indent = f.tag.Get("default"), indent+"# "
		}
		b.WriteString(strings.TrimRight(indent+f.key+": "+value, " ") + "\n")
	}
	return []byte(b.String())
}

// comment writes text above a key.
func comment(b *strings.Builder, indent, text string) {
	for _, line := range wrap(text, 118-len(indent)) {
		b.WriteString(indent + "# " + line + "\n")
	}
}

// notes ends a comment: the words it may be, the default where another value is shown, restarts.
func notes(f field, restart string, shown bool) string {
	var parts []string
	if words := f.tag.Get("oneof"); words != "" {
		parts = append(parts, "One of "+strings.ReplaceAll(words, "|", ", ")+".")
	}
	if d := f.tag.Get("default"); d != "" && shown && d != "[]" {
		parts = append(parts, "Default: "+d+".")
	}
	return strings.Join(append(parts, restart), " ")
}

func referencePage(t *testing.T) []byte {
	t.Helper()
	all := comments(t)
	var b strings.Builder
	b.WriteString(`# Configuration

Generated from ` + "`internal/config`" + `: every key this version has.

turnout reads a YAML file (` + "`--config FILE`" + `), environment variables above it, and ` + "`--set key=value`" + ` above both.
A key left out, or zero or empty, has its default. Unknown keys, and keys whose feature this version does not have, are errors;
` + "`turnout config check`" + ` tells all of them at once, each with its line. ` + "`turnout config print`" + ` shows what is in use, secrets as ` + "`***`" + `,
and ` + "`turnout config example`" + ` a file to start from.

- Lists and maps are JSON in a variable; a list of one may be written as the item alone. A variable set to nothing counts as not set.
- Secrets stand in a file or in a variable, never on a command line: ` + "`TURNOUT_AUTH_SECRETS_FILE`" + ` and ` + "`TURNOUT_AUTH_USERS_FILE`" + ` name a file that holds the value.
- Without a file, and with no listener named by a variable or ` + "`--set`" + `, turnout serves loopback only: UDP and TCP on port 3478 of 127.0.0.1 and ::1,
  relayed addresses 127.0.0.1 and ::1, the service on http://127.0.0.1:8080, the operator's listener on 127.0.0.1:9478. In this mode alone loopback peers
  are allowed.
- With a file, a part runs only if it is named: without ` + "`listen`" + ` no relay, without ` + "`api.listen`" + ` no service.
- Where a service runs, and where there is neither file nor secret nor user, what is not configured (secret, access keys, resource, keys of tokens) is made
  on the first start and kept in the store.
- ` + "`TURNOUT_CONNECTION_STRING`" + `, or ` + "`TURNOUT_CONNECTION_STRING_FILE`" + `, is for the commands that ask a running service; serving does not look at it.

`)
	for _, f := range schema {
		text, restart := describe(t, all, f)
		if f.section {
			fmt.Fprintf(&b, "## %s\n\n%s\n\n", f.path, text)
			continue
		}
		fmt.Fprintf(&b, "### %s\n\n%s %s\n\n", f.path, text, restart)
		fmt.Fprintf(&b, "- value: %s\n", valueInWords(f))
		if d := f.tag.Get("default"); d != "" && d != "[]" && d != "{}" {
			fmt.Fprintf(&b, "- default: `%s`\n", d)
		} else {
			b.WriteString("- default: none\n")
		}
		fmt.Fprintf(&b, "- variable: `%s`\n", variable(f.path))
		if f.tag.Get("secret") != "" {
			fmt.Fprintf(&b, "- variable that names a file: `%s_FILE`\n", variable(f.path))
		}
		b.WriteString(items(all, f))
		b.WriteString("\n")
	}
	b.WriteString("## Not in this version\n\nThese keys are fixed, and errors until their feature is there:\n")
	for _, u := range unavailable {
		b.WriteString("`" + u + "` ")
	}
	return []byte(strings.TrimRight(b.String(), " ") + "\n")
}

// valueInWords is what a key takes.
func valueInWords(f field) string {
	if f.tag.Get("shape") == "" && f.typ.Kind() == reflect.String && f.tag.Get("oneof") == "" {
		return "text"
	}
	return shape(f.typ, f.tag)
}

// items describes the keys of a list's items, or of a map's.
func items(all map[string]string, f field) string {
	if k := f.typ.Kind(); k != reflect.Slice && k != reflect.Map || !mapped(f.typ.Elem()) {
		return ""
	}
	var b strings.Builder
	b.WriteString("- keys of an item:\n")
	for _, sub := range fieldsOf(f.typ.Elem()) {
		fmt.Fprintf(&b, "  - `%s`: %s\n", sub.key, all[sub.owner.Name()+"."+sub.name])
	}
	return b.String()
}

var unbroken = regexp.MustCompile("`[^`]*`|\\{[^}]*\\}")

// wrap breaks text into lines of at most width letters, and not inside code.
func wrap(text string, width int) []string {
	text = unbroken.ReplaceAllStringFunc(text, func(code string) string { return strings.ReplaceAll(code, " ", "\u00a0") })
	var lines []string
	line := ""
	for _, word := range strings.Split(text, " ") {
		word = strings.ReplaceAll(word, "\u00a0", " ")
		if line != "" && len(line)+1+len(word) > width {
			lines, line = append(lines, line), ""
		}
		line = strings.TrimSpace(line + " " + word)
	}
	return append(lines, line)
}
