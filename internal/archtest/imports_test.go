package archtest

import (
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// mayImport lists, for each package, which packages of this module its files
// other than tests may import. Imports go one way: from the command down to the
// four packages that know nothing of each other.
var mayImport = map[string][]string{
	"stun":                 {},
	"allocation":           {},
	"auth":                 {},
	"auth/token":           {"auth"},
	"auth/identity":        {"auth"},
	"internal/netio":       {},
	"internal/secure":      {"internal/netio"},
	"internal/offload":     {},
	"internal/config":      {},
	"internal/metrics":     {"relay", "allocation", "internal/secure"},
	"internal/admin":       {"relay", "allocation", "internal/admin/page", "internal/tally", "internal/web"},
	"internal/admin/page":  {"internal/site"},
	"internal/api":         {"auth", "auth/token", "auth/identity", "internal/api/page", "internal/tally", "internal/web"},
	"internal/api/page":    {"internal/site"},
	"internal/site":        {},
	"internal/tally":       {},
	"internal/web":         {},
	"internal/top":         {}, // a client of the admin API like any other
	"internal/archtest":    {},
	"internal/ci":          {},                         // for tests alone
	"internal/callers":     {"stun", "internal/netio"}, // likewise
	"internal/conformance": {},
	"internal/peertest":    {},
	"internal/ports":       {}, // for tests alone
	"deploy":               {},
	"relay":                {"allocation", "auth", "stun", "internal/netio"},
	"client":               {"stun", "internal/netio"},
	"bench":                {"stun", "internal/netio"}, // no client: a load generator has no business with its comforts
	"cmd/turnout":          {"*"},
}

// dataPlane are the packages that every relayed packet passes through.
var dataPlane = []string{"allocation", "auth", "relay", "stun"}

// dataPlaneForbids are packages that the data plane must not contain, even indirectly, by prefix.
var dataPlaneForbids = []string{
	"net/http", "expvar", "encoding/xml", "text/template", "html/template",
	"github.com/golang-jwt", "github.com/prometheus", "github.com/goccy/go-yaml", "gopkg.in/yaml", "go.yaml.in",
	"github.com/spf13", "github.com/nats-io", "go.etcd.io/bbolt", "github.com/HdrHistogram", "gonum.org", "turnout/bench",
}

// kernelImports may be imported only by kernelPackages, by prefix.
var kernelImports = []string{"unsafe", "syscall", "golang.org/x/sys", "github.com/cilium/ebpf", "C"}

var kernelPackages = []string{"internal/netio", "internal/offload"}

var importRules = []rule{
	{
		name:  "import directions",
		check: importDirections,
		bad: map[string]string{
			"stun/a.go":          "package stun\nimport _ \"turnout/auth\"\n",
			"internal/util/a.go": "package util\n",
			"relay/a.go":         "package relay\nimport _ \"turnout/client\"\n",
		},
		good: map[string]string{
			"relay/a.go":       "package relay\nimport _ \"turnout/stun\"\n",
			"relay/a_test.go":  "package relay\nimport _ \"turnout/client\"\n",
			"cmd/turnout/a.go": "package main\nimport _ \"turnout/relay\"\n",
		},
	},
	{
		name:  "one package owns the kernel",
		check: kernelOwner,
		bad: map[string]string{
			"relay/a.go":       "package relay\nimport \"unsafe\"\nvar _ unsafe.Pointer\n",
			"relay/b.go":       "package relay\nimport \"golang.org/x/sys/unix\"\nvar _ = unix.AF_INET\n",
			"cmd/turnout/a.go": "package main\nimport \"syscall\"\nvar _ = syscall.Getpid()\n",
		},
		good: map[string]string{
			"internal/netio/a.go": "package netio\nimport \"unsafe\"\nvar _ unsafe.Pointer\n",
			"cmd/turnout/a.go":    "package main\nimport \"syscall\"\nvar _ = syscall.SIGTERM\n",
			"cmd/turnout/b.go":    "package main\nimport \"syscall\"\nvar _ = syscall.ENOSPC\n",
			"relay/a_test.go":     "package relay\nimport \"unsafe\"\nvar _ unsafe.Pointer\n",
		},
	},
}

// importDirections checks the table above, on every system's files.
func importDirections(t *tree) []finding {
	var fs []finding
	for dir, files := range t.packages() {
		allowed, known := mayImport[dir]
		if !known {
			if slices.ContainsFunc(files, func(f *file) bool { return !f.test }) {
				fs = append(fs, finding{dir, "a new package: decide what it may import and add it to mayImport in internal/archtest"})
			}
			continue
		}
		for _, f := range files {
			for p, spec := range f.imports {
				q, ok := t.ours(p)
				if !ok || f.test || slices.Contains(allowed, "*") || slices.Contains(allowed, q) {
					continue
				}
				fs = append(fs, finding{f.at(spec.Pos()), fmt.Sprintf("%s must not import %s (it may import %s): pass in what is needed, or declare a small interface here", dir, q, listed(allowed))})
			}
		}
	}
	return fs
}

func listed(names []string) string {
	if len(names) == 0 {
		return "nothing of ours"
	}
	return strings.Join(names, ", ")
}

// kernelOwner keeps unsafe and system calls in one place. The names of signals
// and of errors are no system calls: the command needs them to be stopped, and to
// say what to do about a full disk. Tests are left out, since they are not part of
// what runs.
func kernelOwner(t *tree) []finding {
	var fs []finding
	for _, f := range t.files {
		if f.test || f.in(kernelPackages...) {
			continue
		}
		for p, spec := range f.imports {
			if !slices.ContainsFunc(kernelImports, func(k string) bool { return within(p, k) }) || p == "syscall" && onlyNames(f) {
				continue
			}
			fs = append(fs, finding{f.at(spec.Pos()), fmt.Sprintf("%s imports %s: system calls and unsafe belong to %s; add what is needed to its interface", f.dir, p, strings.Join(kernelPackages, " and "))})
		}
	}
	return fs
}

func onlyNames(f *file) bool {
	for name := range f.selectors("syscall") {
		isError := name == strings.ToUpper(name) && strings.HasPrefix(name, "E")
		if !isError && !strings.HasPrefix(name, "SIG") && name != "Signal" {
			return false
		}
	}
	return true
}

// within says whether an import path is prefix itself or lies below it.
func within(p, prefix string) bool { return p == prefix || strings.HasPrefix(p, prefix+"/") }

// TestDataPlane lists everything the data plane is made of, as the go command sees it.
func TestDataPlane(t *testing.T) {
	m, err := module()
	if err != nil {
		t.Fatal(err)
	}
	present := m.packages()
	args := []string{"list", "-deps", "-f", "{{.ImportPath}}"}
	for _, p := range dataPlane {
		if present[p] != nil {
			args = append(args, "./"+p)
		}
	}
	top, err := root()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command("go", args...)
	command.Dir = top
	out, err := command.Output()
	if err != nil {
		t.Fatalf("%s: %v", command, err)
	}
	for _, p := range forbidden(strings.Fields(string(out))) {
		t.Errorf("the data plane (%s) contains %s: move what needs it to cmd, internal/api or internal/metrics (go list -deps tells the way it came)", strings.Join(dataPlane, ", "), p)
	}
	if got := forbidden([]string{"net/http/httptrace", "net", "github.com/prometheus/client_golang"}); len(got) != 2 {
		t.Errorf("the rule finds %v, want two", got)
	}
}

// forbidden are those of the packages that the data plane must not contain.
func forbidden(packages []string) []string {
	return slices.DeleteFunc(slices.Clone(packages), func(p string) bool {
		return !slices.ContainsFunc(dataPlaneForbids, func(prefix string) bool { return within(p, prefix) })
	})
}
