package deploy

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/prometheus/client_golang/prometheus"

	"turnout/internal/metrics"
	"turnout/internal/secure"
	"turnout/relay"
)

// ruleFile is what these tests read of rules.yml and alerts.yml.
type ruleFile struct {
	Groups []struct {
		Rules []struct {
			Record, Alert, Expr string
			Labels, Annotations map[string]string
		}
	}
}

func rules(t *testing.T, name string) ruleFile {
	t.Helper()
	var f ruleFile
	if err := yaml.Unmarshal([]byte(read(t, name)), &f); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if len(f.Groups) == 0 || len(f.Groups[0].Rules) == 0 {
		t.Fatalf("%s has no rule", name)
	}
	return f
}

// metricName matches the metrics in a query: those of turnout, the process and the Go
// runtime, and recorded ones, which have a colon. selector is one with its labels.
var (
	metricName  = regexp.MustCompile(`\b(?:(?:turnout|process|go)_[a-z0-9_]+|turnout:[a-z0-9_:]+)`)
	selector    = regexp.MustCompile(`\bturnout[_:]([a-z0-9_:]+)\{([^}]*)\}`)
	labelNeedle = regexp.MustCompile(`([a-z_]+)(?:!=|=~|!~|=)"([^"]*)"`)
)

// histogramSuffix ends the names of a histogram's series.
var histogramSuffix = regexp.MustCompile(`_(?:bucket|sum|count)$`)

// declared are the metrics that a relay has, by name.
func declared(t *testing.T) map[string]bool {
	t.Helper()
	registry := metrics.New(metrics.Build{}, func() (relay.Stats, bool) { return relay.Stats{}, false }, func() secure.Stats { return secure.Stats{} },
		metrics.NewService(func() metrics.Reading { return metrics.Reading{} }))
	names := map[string]bool{}
	ch := make(chan *prometheus.Desc)
	go func() { registry.Describe(ch); close(ch) }()
	for d := range ch {
		_, rest, _ := strings.Cut(d.String(), `fqName: "`)
		name, _, _ := strings.Cut(rest, `"`)
		names[name] = true
	}
	if !names["turnout_allocations"] || !names["process_open_fds"] {
		t.Fatalf("metrics are missing: %v", names)
	}
	return names
}

// checkQuery wants every metric and every label value that is a word of turnout's to exist.
func checkQuery(t *testing.T, where, query string, known map[string]bool) {
	t.Helper()
	found := metricName.FindAllString(query, -1)
	if len(found) == 0 && !strings.HasPrefix(query, "up{") {
		t.Errorf("%s: no metric in %q", where, query)
	}
	for _, name := range found {
		if !known[name] && !known[histogramSuffix.ReplaceAllString(name, "")] {
			t.Errorf("%s: there is no metric %s", where, name)
		}
	}
	for _, wrong := range wrongWords(query) {
		t.Errorf("%s: there is no %s", where, wrong)
	}
}

// wrongWords are the words of a query's matchers that their labels do not have, of labels with a closed set; patterns of words are left out.
func wrongWords(query string) (wrong []string) {
	for _, m := range selector.FindAllStringSubmatch(query, -1) {
		name := histogramSuffix.ReplaceAllString(m[1], "")
		if recorded, _, ok := strings.Cut(name, ":"); ok {
			name = recorded + "_total" // a rate of this metric, or of one that has no words of its own
		}
		for _, pair := range labelNeedle.FindAllStringSubmatch(m[2], -1) {
			words, closed := metrics.Words(name, pair[1])
			for word := range strings.SplitSeq(pair[2], "|") {
				if closed && !strings.ContainsAny(word, ".*+[(") && !slices.Contains(words, word) {
					wrong = append(wrong, name+" with "+pair[1]+" "+word)
				}
			}
		}
	}
	return wrong
}

// TestRuleMetrics holds the rules against the metrics that turnout declares.
func TestRuleMetrics(t *testing.T) {
	t.Parallel()
	known := declared(t)
	tests, page := read(t, "prometheus/rules_test.yml"), read(t, "../docs/operating.md")
	for _, file := range []string{"prometheus/rules.yml", "prometheus/alerts.yml"} {
		for _, g := range rules(t, file).Groups {
			for _, r := range g.Rules {
				checkQuery(t, file+", "+r.Record+r.Alert, r.Expr, known)
				if r.Record != "" {
					known[r.Record] = true
					continue
				}
				if strings.Count(tests, "alertname: "+r.Alert) != 2 {
					t.Errorf("%s: prometheus/rules_test.yml does not show it firing and quiet", r.Alert)
				}
				if !strings.Contains(page, "**"+r.Alert+"**") {
					t.Errorf("%s: docs/operating.md does not say what to do about it", r.Alert)
				}
				if !slices.Contains([]string{"page", "ticket"}, r.Labels["severity"]) || r.Annotations["summary"] == "" {
					t.Errorf("%s: severity %q, summary %q", r.Alert, r.Labels["severity"], r.Annotations["summary"])
				}
			}
		}
	}
}

// TestCheckQuery shows that a wrong word is found.
func TestCheckQuery(t *testing.T) {
	t.Parallel()
	for _, query := range []string{"rate(turnout_dropped_total[5m])", "turnout:nothing:ratio > 1", "process_fds"} {
		for _, name := range metricName.FindAllString(query, -1) {
			if declared(t)[name] {
				t.Errorf("%s: %s is declared", query, name)
			}
		}
		if !metricName.MatchString(query) {
			t.Errorf("no metric is seen in %s", query)
		}
	}
	for query, want := range map[string]int{
		`turnout_drops_total{job="turnout",reason="send_buffer"}`:                              0,
		`turnout_drops_total{reason="sent_buffer"}`:                                            1,
		`turnout:drops:rate5m{reason=~"send_buffer|sent_buffer"}`:                              1,
		`turnout_authentications_total{result!~"ok|fine"} / turnout_degraded{reason="stores"}`: 2,
		`rate(turnout_http_request_duration_seconds_bucket{listener="apis"}[5m])`:              1,
		`turnout_degraded{reason!~"certificate_.*"}`:                                           0,
	} {
		if wrong := wrongWords(query); len(wrong) != want {
			t.Errorf("%s: found %q, want %d", query, wrong, want)
		}
	}
}

// TestOperatingNames wants every metric that the operator's page names to exist.
func TestOperatingNames(t *testing.T) {
	t.Parallel()
	known := declared(t)
	for _, g := range rules(t, "prometheus/rules.yml").Groups {
		for _, r := range g.Rules {
			known[r.Record] = true
		}
	}
	checkQuery(t, "docs/operating.md", read(t, "../docs/operating.md"), known)
}

// TestPromtool has Prometheus' own tool read the files and run the rules over made-up series.
func TestPromtool(t *testing.T) {
	tools(t)
	t.Parallel()
	tool(t, "promtool", "check", "config", "prometheus/prometheus.yml") // and the rules that it names
	tool(t, "promtool", "check", "rules", "--lint=all", "--lint-fatal", "prometheus/rules.yml", "prometheus/alerts.yml")
	tool(t, "promtool", "test", "rules", "prometheus/rules_test.yml")
}
