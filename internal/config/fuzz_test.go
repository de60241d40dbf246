package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// FuzzLoad reads any text as a file, a variable and a flag: Load never panics, its problems stay on a line each, and
// what it accepts is printed as something it accepts again.
func FuzzLoad(f *testing.F) {
	f.Add([]byte(minimal))
	f.Add([]byte(Example))
	names, err := filepath.Glob("testdata/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s := Sources{File: "f", ReadFile: func(name string) ([]byte, error) {
			if name == "f" {
				return text, nil
			}
			return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
		}}
		l, err := Load(s)
		oneLineEach(t, err)
		if err == nil {
			again, err := l.YAML()
			if err != nil {
				t.Fatal(err)
			}
			before := string(text)
			text = again
			if _, err := Load(s); err != nil && !masked(err) {
				t.Fatalf("%q loads, and printed as\n%s\nit does not: %v", before, again, err)
			}
		}
		for _, name := range []string{"TURNOUT_LISTEN", "TURNOUT_RELAY", "TURNOUT_AUTH_SECRETS", "TURNOUT_AUTH_USERS", "TURNOUT_RELAY_LIFETIME_MAX", "TURNOUT_REALM"} {
			_, err := Load(Sources{Environ: []string{name + "=" + string(text)}, Set: []string{string(text)}, ReadFile: s.ReadFile})
			oneLineEach(t, err)
		}
	})
}

// masked says whether all that is wrong is that secrets are printed as three stars.
func masked(err error) bool {
	var e *Error
	return errors.As(err, &e) && !slices.ContainsFunc(e.Problems, func(p Problem) bool { return secretVariable(p.Key) == "" })
}

func oneLineEach(t *testing.T, err error) {
	t.Helper()
	var e *Error
	if err != nil && !errors.As(err, &e) {
		t.Fatalf("%v is no *Error", err)
	}
	if e == nil {
		return
	}
	if len(e.Problems) == 0 {
		t.Fatal("an error without a problem")
	}
	for _, p := range e.Problems {
		if strings.ContainsAny(p.String(), "\n\r\x1b\x00") {
			t.Fatalf("a problem breaks the line: %q", p)
		}
	}
}

// TestDeepNesting reads texts that would exhaust the stack of a parser that does not bound its depth.
func TestDeepNesting(t *testing.T) {
	t.Parallel()
	for _, unit := range []string{"[", "{", "- ", "a: ", "{a: ", "[{a: ", "? ", "&a ", "!a ", "-\n "} {
		text := strings.Repeat(unit, maxSize/len(unit))
		if _, err := load(t, text, Sources{}, nil); err == nil {
			t.Errorf("%q repeated is accepted", unit)
		}
	}
	if _, err := load(t, minimal+strings.Repeat("#\n", maxSize), Sources{}, nil); err == nil {
		t.Error("a file beyond the bound is accepted")
	}
}
