package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestStoreFolder takes a relative store.path from the file, as all paths there, and never past a store in the working directory.
func TestStoreFolder(t *testing.T) {
	root := t.TempDir()
	t.Chdir(root) // so that nothing else may run beside this test
	for _, c := range []struct {
		name, path, environ string
		there               []string // folders
		want, wrong         string
	}{
		{"neither", "state", "", nil, "neither/etc/state", ""},
		{"beside the file", "state", "", []string{"etc/state"}, "beside the file/etc/state", ""},
		{"both", "state", "", []string{"etc/state", "state"}, "both/etc/state", ""},
		{"working directory", "state", "", []string{"state"}, "", `:3: store.path: "state" is relative to this file and means ` + filepath.Join(root, "working directory/etc/state") +
			", which is not there, while " + filepath.Join(root, "working directory/state") + " is, relative to where turnout was started; write out the path of the one that is meant"},
		{"absolute", "/srv/turnout", "", []string{"state"}, "/srv/turnout", ""},
		{"variable", "state", "TURNOUT_STORE_PATH=other", []string{"etc/state"}, "other", ""},
	} {
		if err := os.MkdirAll(filepath.Join(root, c.name, "etc"), 0o700); err != nil {
			t.Fatal(err)
		}
		t.Chdir(filepath.Join(root, c.name))
		for _, folder := range c.there {
			if err := os.MkdirAll(folder, 0o700); err != nil {
				t.Fatal(err)
			}
		}
		file := filepath.Join(root, c.name, "etc", "turnout.yaml")
		text := "listen: udp://127.0.0.1:1\nauth: {secrets: [a-secret-of-some-length]}\nstore: {path: " + c.path + "}\n"
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		var environ []string
		if c.environ != "" {
			environ = []string{c.environ}
		}
		l, err := Load(Sources{File: file, Environ: environ})
		switch want := c.want; {
		case c.wrong != "":
			if err == nil || !strings.HasSuffix(err.Error(), c.wrong) {
				t.Errorf("%s: %v, want %s", c.name, err, c.wrong)
			}
		case err != nil:
			t.Errorf("%s: %v", c.name, err)
		default:
			if !filepath.IsAbs(want) && c.environ == "" {
				want = filepath.Join(root, want)
			}
			if l.Store.Path != want {
				t.Errorf("%s: %s, want %s", c.name, l.Store.Path, want)
			}
		}
	}
}
