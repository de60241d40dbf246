package metrics

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"turnout/auth/identity"
	"turnout/internal/api"
	"turnout/internal/secure"
	"turnout/relay"
)

var update = flag.Bool("update", false, "write docs/metrics.md")

// A documented metric is one of turnout's as it is shown.
type documented struct {
	name, kind, help string
	labels           []string
}

// gathered are all of them, in the order of their declaration.
func gathered(t *testing.T) []documented {
	t.Helper()
	expires := map[string]time.Time{"tls.cert": time.Unix(1, 0)}
	registry := New(Build{}, func() (relay.Stats, bool) { return relay.Stats{WorkersCPU: make([]time.Duration, 1)}, true },
		func() secure.Stats { return secure.Stats{Expiries: expires} }, exampleService())
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string]documented{}
	for _, f := range families {
		d := documented{name: f.GetName(), kind: strings.ToLower(f.GetType().String()), help: f.GetHelp()}
		for _, l := range f.GetMetric()[0].GetLabel() {
			d.labels = append(d.labels, l.GetName())
		}
		byName[d.name] = d
	}
	var list []documented
	for _, name := range declaredNames() {
		d, ok := byName[name]
		if !ok {
			t.Errorf("%s is declared and not shown", name)
			continue
		}
		list = append(list, d)
	}
	return list
}

var fqName = regexp.MustCompile(`fqName: "([^"]+)"`)

// declaredNames are the names of all metrics, in the order of their declaration.
func declaredNames() (names []string) {
	for _, d := range all {
		names = append(names, fqName.FindStringSubmatch(d.String())[1])
	}
	for _, f := range families {
		names = append(names, f.name)
	}
	return names
}

// unit is what a metric counts or measures, as its name says.
func unit(d documented) string {
	name := strings.TrimSuffix(d.name, "_total")
	switch {
	case strings.HasSuffix(name, "_timestamp_seconds"):
		return "seconds since 1970"
	case strings.HasSuffix(name, "_seconds"):
		return "seconds"
	case strings.HasSuffix(name, "_bytes"):
		return "bytes"
	case strings.HasSuffix(name, "_info"):
		return "–"
	case strings.HasPrefix(d.help, "1 ") || strings.HasPrefix(d.help, "0 "):
		return "0 or 1"
	}
	return "a number"
}

// page is docs/metrics.md.
func page(list []documented) string {
	var b strings.Builder
	b.WriteString("# Metrics\n\n" +
		"<!-- Written by go test ./internal/metrics -update. -->\n\n" +
		"What `/metrics` shows, on `admin.listen` and `metrics.listen`, besides the metrics of the Go runtime and the process.\n" +
		"Counters begin at 0 with the process. Histograms have classic buckets, and native ones for a Prometheus that asks for them.\n" +
		"No label has a value that a client chose: [each](#labels) is a word of a closed set, or comes from the configuration.\n\n" +
		"| name | type | labels | unit | meaning |\n| --- | --- | --- | --- | --- |\n")
	for _, d := range list {
		labels := strings.Join(d.labels, ", ")
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", d.name, d.kind, labels, unit(d), strings.ReplaceAll(d.help, "|", `\|`))
	}
	b.WriteString("\n## Questions\n\n`deploy/prometheus` has rules and alerts made of these metrics, `deploy/grafana` a dashboard.\n")
	for _, e := range Examples {
		fmt.Fprintf(&b, "\n%s\n\n```promql\n%s\n```\n", e.Question, e.Query)
	}
	b.WriteString("\n## Labels\n\n")
	for _, d := range list {
		short := strings.TrimPrefix(d.name, prefix)
		for _, label := range d.labels {
			if short == "drops_total" {
				continue // below
			}
			if words, ok := Words(short, label); ok {
				fmt.Fprintf(&b, "- `%s`, `%s`: `%s`\n", d.name, label, strings.Join(words, "`, `"))
			} else {
				fmt.Fprintf(&b, "- `%s`, `%s`: %s\n", d.name, label, configured[label])
			}
		}
	}
	b.WriteString("\n### Reasons of drops\n\n| `reason` | meaning |\n| --- | --- |\n")
	for _, d := range relay.Drops() {
		fmt.Fprintf(&b, "| `%s` | %s |\n", d, d.Sentence())
	}
	for _, d := range secure.Drops() {
		fmt.Fprintf(&b, "| `%s` | %s |\n", d, d.Sentence())
	}
	return b.String()
}

// TestPage compares docs/metrics.md with the declarations.
func TestPage(t *testing.T) {
	t.Parallel()
	name := filepath.Join("..", "..", "docs", "metrics.md")
	want := page(gathered(t))
	if *update {
		if err := os.WriteFile(name, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Error("docs/metrics.md is not what the declarations say: go test ./internal/metrics -update")
	}
}

// TestWords wants every label to have a closed set or to come from elsewhere than a client, and the words that are written
// down here to be those of the packages that say them.
func TestWords(t *testing.T) {
	t.Parallel()
	used := map[string]bool{}
	for _, d := range gathered(t) {
		short := strings.TrimPrefix(d.name, prefix)
		for _, label := range d.labels {
			used[short+"."+label], used[label] = true, true
			all, isClosed := Words(short, label)
			if where := configured[label]; isClosed == (where != "") || isClosed && len(all) == 0 {
				t.Errorf("%s of %s: closed set %v, or comes from %q", label, short, all, where)
			}
		}
	}
	for key := range closed {
		if !used[key] {
			t.Errorf("words of %s, which there is not", key)
		}
	}
	for label := range configured {
		if !used[label] {
			t.Errorf("label %s, which there is not", label)
		}
	}
	var kinds []string
	for _, k := range identity.Kinds() {
		kinds = append(kinds, k.String())
	}
	for _, c := range []struct {
		metric, label string
		want          []string
	}{
		{"credentials_total", "dialect", api.DialectNames()}, {"credentials_total", "result", api.Results()}, {"tokens_total", "result", api.Results()},
		{"user_changes_total", "change", api.Changes()}, {"store_operations_total", "operation", identity.Operations()},
		{"store_operations_total", "kind", kinds}, {"store_errors_total", "reason", identity.Faults()},
	} {
		if got, _ := Words(c.metric, c.label); !slices.Equal(got, c.want) {
			t.Errorf("%s of %s: %q, and it is said %q", c.label, c.metric, got, c.want)
		}
	}
}

var _ prometheus.Collector = (*Service)(nil)
