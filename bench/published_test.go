package bench

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

var publish = flag.Bool("publish", false, "write the figures of the latest comparison into docs/performance.md and the picture into README.md")

const (
	figuresBegin = "<!-- figures: begin (written by go test ./bench -run TestPublished -publish, from the latest bench/results) -->\n"
	figuresEnd   = "<!-- figures: end -->\n"
)

// TestPublished compares what is published with the latest comparison: its tables in docs/performance.md, its report beside
// it, and its picture there and in README.md.
func TestPublished(t *testing.T) {
	t.Parallel()
	results, err := filepath.Glob("results/*.json")
	if err != nil || len(results) == 0 {
		t.Fatalf("no results: %v, %v", results, err)
	}
	latest := slices.Max(results)
	text, err := os.ReadFile(latest)
	if err != nil {
		t.Fatal(err)
	}
	var r Report
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatalf("%s: %v", latest, err)
	}
	picture := strings.TrimSuffix(latest, ".json") + ".svg"
	if svg, err := os.ReadFile(picture); err != nil || !strings.Contains(string(svg), "<svg") {
		t.Errorf("%s: no picture: %v", picture, err)
	}
	var report, figures strings.Builder
	if err := r.WriteMarkdown(&report); err != nil {
		t.Fatal(err)
	}
	if kept, err := os.ReadFile(strings.TrimSuffix(latest, ".json") + ".md"); err != nil || string(kept) != report.String() {
		t.Errorf("the report beside %s is another one's: %v", latest, err)
	}
	if err := r.WriteFigures(&figures); err != nil {
		t.Fatal(err)
	}
	shown := func(from string) string {
		return fmt.Sprintf("![CPU for a relayed packet, latency and memory of turnout, coturn and pion/turn](%sbench/%s)\n", from, picture)
	}
	compare(t, "../docs/performance.md", figures.String()+"\n"+shown("../"))
	compare(t, "../README.md", shown(""))
}

// compare compares a generated part of a document, or writes it.
func compare(t *testing.T, name, want string) {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), figuresBegin)
	got, after, ended := strings.Cut(rest, figuresEnd)
	if !ok || !ended {
		t.Fatalf("%s has no place for figures: %q … %q", name, figuresBegin, figuresEnd)
	}
	if got == want {
		return
	}
	if !*publish {
		t.Errorf("%s does not have the figures of the latest comparison: go test ./bench -run TestPublished -publish\ngot:\n%s\nwant:\n%s", name, got, want)
		return
	}
	if err := os.WriteFile(name, []byte(before+figuresBegin+want+figuresEnd+after), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestGoals judges a report by hand-made figures: the machine is half as fast in its second round, and what is compared is
// compared round by round.
func TestGoals(t *testing.T) {
	t.Parallel()
	server := func(name string, ns ...int) (r ServerResult) {
		r = ServerResult{Server: name, Summary: Summary{Rounds: len(ns)}}
		for _, n := range ns {
			r.Rounds = append(r.Rounds, Run{Measurement: Measurement{Traffic: &Flow{Delivered: 1000, ServerCPU: time.Duration(2000 * n)}}})
			r.Summary.CPU = Spread{float64(ns[0]), float64(ns[0]), float64(ns[0])}
		}
		return r
	}
	lossy := ServerResult{Server: "turnout", Summary: Summary{Rounds: 1, Loss: Spread{0.01, 0.01, 0.02}}}
	flow, ten := Scenario{Name: "one-flow-1200", Direction: Echo}, Scenario{Name: "ten-flows", Direction: Echo}
	r := &Report{Results: []ScenarioResult{
		{flow, []ServerResult{server("turnout", 400, 800, 400), server("coturn", 2400, 4800, 2600), server("pion", 3200, 6400, 3600)}},
		{ten, []ServerResult{server("turnout", 1000, 2000), server("coturn", 2000), server("pion", 1000, 2800)}},
		{Scenario{Name: "voice"}, []ServerResult{lossy}},
	}}
	var got []string
	for _, g := range Goals {
		if v, ok := g.judge(r); ok {
			got = append(got, v.Figure+": "+v.String())
		}
	}
	want := []string{"0.40 µs: reached", "6.00 times (6.00–6.50): missed by 34 %", "8.00 times (8.00–9.00): reached",
		"1.20 times (1.00–1.40): missed by 17 %", "1.000 % (at most 2.000): missed"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
