package archtest

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// theTwo are the commands that a newcomer needs.
var theTwo = []string{"go run ./cmd/turnout serve", "go test ./..."}

// TestReadme runs nothing for real, but asks each command in README.md whether it
// exists: paths must, and the binary's commands and flags are asked for help.
func TestReadme(t *testing.T) {
	top, err := root()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(top, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	commands := fencedCommands(string(text))
	for _, c := range theTwo {
		if !slices.ContainsFunc(commands, func(words []string) bool { return strings.Join(words, " ") == c }) {
			t.Errorf("README.md does not show the command %q in a fenced block", c)
		}
	}
	var binary string
	for _, words := range commands {
		for _, word := range words {
			if p, ok := strings.CutPrefix(strings.TrimSuffix(word, "/..."), "./"); ok && words[0] == "go" {
				if _, err := os.Stat(filepath.Join(top, p)); err != nil {
					t.Errorf("README.md: %s: %v", strings.Join(words, " "), err)
				}
			}
		}
		arguments, ok := turnoutArguments(words)
		if !ok {
			continue
		}
		if binary == "" {
			binary = build(t, top)
		}
		checkHelp(t, binary, arguments)
	}
}

// TestFencedCommands shows what counts as a command.
func TestFencedCommands(t *testing.T) {
	t.Parallel()
	got := fencedCommands("Text with go nothing.\n```sh\n# a comment\n$ go test ./... # all\nA=b turnout serve \\\n  --config x\n```\ngo also nothing\n```yaml\nrealm: x\n```\n")
	want := [][]string{{"go", "test", "./..."}, {"turnout", "serve", "--config", "x"}}
	if !slices.EqualFunc(got, want, slices.Equal[[]string]) {
		t.Errorf("got %q, want %q", got, want)
	}
	if a, ok := turnoutArguments([]string{"go", "run", "./cmd/turnout", "serve"}); !ok || !slices.Equal(a, []string{"serve"}) {
		t.Errorf("turnoutArguments: %q, %v", a, ok)
	}
}

// fencedCommands splits the lines of shell blocks into words, without comments,
// prompts and assignments. Quotes are not understood: no command needs them to be found.
func fencedCommands(text string) [][]string {
	var commands [][]string
	shell := false
	text = strings.ReplaceAll(text, "\\\n", " ")
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if language, ok := strings.CutPrefix(line, "```"); ok {
			shell = !shell && slices.Contains([]string{"", "sh", "bash", "console", "shell"}, language)
			continue
		}
		line, _, _ = strings.Cut(line, " #")
		if !shell || strings.HasPrefix(line, "#") {
			continue
		}
		words := strings.Fields(strings.TrimPrefix(line, "$ "))
		for len(words) > 0 && strings.Contains(words[0], "=") {
			words = words[1:]
		}
		if len(words) > 0 {
			commands = append(commands, words)
		}
	}
	return commands
}

// turnoutArguments are the arguments of a line that runs the binary.
func turnoutArguments(words []string) ([]string, bool) {
	if words[0] == "turnout" || words[0] == "./turnout" {
		return words[1:], true
	}
	if len(words) > 3 && words[0] == "go" && words[1] == "run" && words[2] == "./cmd/turnout" {
		return words[3:], true
	}
	return nil, false
}

func build(t *testing.T, top string) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "turnout")
	if runtime.GOOS == "windows" {
		binary += ".exe"
	}
	command := exec.Command("go", "build", "-o", binary, "./cmd/turnout")
	command.Dir = top
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", command, err, out)
	}
	return binary
}

// checkHelp asks for help on the leading words that are no flags, and looks for the flags in it.
func checkHelp(t *testing.T, binary string, arguments []string) {
	t.Helper()
	n := slices.IndexFunc(arguments, func(a string) bool { return strings.ContainsAny(a, "-./:|>=") })
	if n < 0 {
		n = len(arguments)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second) // help that serves instead would go on for ever
	defer cancel()
	out, err := exec.CommandContext(ctx, binary, append(slices.Clone(arguments[:n]), "--help")...).CombinedOutput()
	if err != nil {
		t.Errorf("README.md: turnout %s: %v\n%s", strings.Join(arguments, " "), err, out)
	}
	for _, a := range arguments[n:] {
		name, _, _ := strings.Cut(a, "=")
		if strings.HasPrefix(name, "--") && !strings.Contains(string(out), name) {
			t.Errorf("README.md: turnout %s: its help does not know %s", strings.Join(arguments, " "), name)
		}
	}
}
