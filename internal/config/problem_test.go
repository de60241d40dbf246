package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestProblems loads every testdata/*.yaml and compares all that is told of it with the .txt beside it. Lines that begin with
// #env, #set and #nofile say what stands around the file.
func TestProblems(t *testing.T) {
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("no test data: ", err)
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".yaml"), func(t *testing.T) {
			t.Parallel()
			got := told(t, name)
			golden := strings.TrimSuffix(name, ".yaml") + ".txt"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("%s says\n%s\nwant\n%s", name, got, want)
			}
			// No test file's secret may show, whatever is wrong around it.
			for _, secret := range []string{"hush", "aaaaaaaa", "wonderland", "-of-these-secrets"} {
				if strings.Contains(got, secret) {
					t.Errorf("a secret shows in\n%s", got)
				}
			}
		})
	}
}

// told is everything Load says about a file, one problem or warning a line.
func told(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	s := Sources{File: name}
	for line := range strings.Lines(string(text)) {
		kind, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		switch kind {
		case "#env":
			s.Environ = append(s.Environ, rest)
		case "#set":
			s.Set = append(s.Set, rest)
		case "#nofile":
			s.File = ""
		}
	}
	l, err := Load(s)
	if err != nil {
		var e *Error
		if !errors.As(err, &e) {
			t.Fatalf("Load: %v, want an *Error", err)
		}
		return err.Error() + "\n"
	}
	var b strings.Builder
	for _, w := range l.Warnings {
		b.WriteString("warning: " + w.String() + "\n")
	}
	return b.String() + "ok\n"
}
