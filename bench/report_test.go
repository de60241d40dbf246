package bench

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the golden files")

// golden compares a text with a file.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not what was made; go test ./bench -update writes:\n%s", file, got)
	}
}

// trafficRun is a round of one second, busy tenths of a processor, with every latency the same.
func trafficRun(delivered, lost uint64, busy int, latency time.Duration) Run {
	f := &Flow{
		Elapsed: time.Second, Delivered: delivered, Sent: delivered + lost, Lost: lost,
		ServerCPU: time.Duration(busy) * 100 * time.Millisecond, GeneratorCPU: 500 * time.Millisecond,
		MachineCPU: time.Duration(busy)*100*time.Millisecond + 600*time.Millisecond,
		Latency:    NewLatency(), IO: IO{10, 100, 20, 200},
	}
	f.Latency.Record(latency)
	return Run{
		Measurement: Measurement{Setup: SetUp{Allocations: 10, Elapsed: time.Millisecond}, Traffic: f, Memory: &Memory{1 << 20, 2 << 20}},
		Layout:      Layout{Server: []int{0}, Generator: []int{1}},
	}
}

func setUpRun(elapsed, cpu time.Duration, memory int64) Run {
	return Run{
		Measurement: Measurement{Setup: SetUp{Allocations: 1000, Elapsed: elapsed, ServerCPU: cpu}, Memory: &Memory{1 << 20, 1<<20 + memory}},
		Layout:      Layout{Shared: true},
	}
}

// testReport has two servers, the second of which has trouble.
func testReport(t *testing.T) *Report {
	t.Helper()
	voice, err := ScenarioNamed("voice")
	if err != nil {
		t.Fatal(err)
	}
	flow, err := ScenarioNamed("one-flow-1200")
	if err != nil {
		t.Fatal(err)
	}
	setUp, err := ScenarioNamed("set-up")
	if err != nil {
		t.Fatal(err)
	}
	late := trafficRun(40000, 100, 5, 3*time.Millisecond)
	late.Traffic.Planned, late.Traffic.Lateness, late.Traffic.Corrupt, late.Traffic.Evidence = 50000, 5*time.Millisecond, 1, "4 bytes: 00010203"
	late.Traffic.Dropped, late.Traffic.ServerDropped, late.Traffic.MachineCPU = 90, 10, 1900*time.Millisecond
	r := &Report{
		Date: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC), Commit: "0123456789ab", Command: "turnout bench compare",
		Host:    Host{Kernel: "6.18.0", CPU: "A Processor", CPUs: 2, Go: "go1.26", Load: "0.10 0.20 0.30 1/100 42"},
		Servers: []Described{{"turnout", "(devel)"}, {"coturn", "4.6.1"}},
		Rounds:  3, Discarded: true, Warmup: 300 * time.Millisecond, Duration: time.Second,
		Results: []ScenarioResult{
			{voice, []ServerResult{
				{Server: "turnout", Command: []string{"turnout", "serve", "--config", "DIR/turnout.yaml"}, Rounds: []Run{
					trafficRun(50000, 0, 4, 30*time.Microsecond), trafficRun(49000, 0, 5, 40*time.Microsecond), trafficRun(50500, 0, 4, 35*time.Microsecond)}},
				{Server: "coturn", Command: []string{"turnserver", "-c", "DIR/turnserver.conf"}, Rounds: []Run{
					trafficRun(50000, 0, 6, 300*time.Microsecond), late, trafficRun(45000, 5000, 7, 350*time.Microsecond)}},
			}},
			{flow, []ServerResult{
				{Server: "turnout", Rounds: []Run{trafficRun(200000, 0, 10, time.Millisecond)}},
				{Server: "coturn", Rounds: []Run{trafficRun(100000, 0, 3, time.Millisecond)}},
			}},
			{setUp, []ServerResult{
				{Server: "turnout", Rounds: []Run{setUpRun(50*time.Millisecond, 10*time.Millisecond, 1<<20), setUpRun(40*time.Millisecond, 10*time.Millisecond, 2<<20)}},
				{Server: "coturn", Rounds: []Run{setUpRun(100*time.Millisecond, 60*time.Millisecond, 20<<20)}},
			}},
		},
	}
	for i := range r.Results {
		for k := range r.Results[i].Servers {
			x := &r.Results[i].Servers[k]
			x.Summary = summarize(r.Results[i].Scenario, x.Rounds, r.Host.CPUs)
		}
	}
	return r
}

func TestMarkdown(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := testReport(t).WriteMarkdown(&b); err != nil {
		t.Fatal(err)
	}
	golden(t, "report.md", b.Bytes())
}

func TestCharts(t *testing.T) {
	t.Parallel()
	text, err := json.MarshalIndent(testReport(t).Charts(), "", " ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "charts.json", append(text, '\n'))
	if charts := new(Report).Charts(); len(charts) != 0 {
		t.Errorf("an empty report has charts: %v", charts)
	}
}

// TestReportJSON reads back what was written, histograms included.
func TestReportJSON(t *testing.T) {
	t.Parallel()
	r := testReport(t)
	var b bytes.Buffer
	if err := r.WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	var back Report
	if err := json.Unmarshal(b.Bytes(), &back); err != nil {
		t.Fatal(err)
	}
	var again bytes.Buffer
	if err := back.WriteJSON(&again); err != nil {
		t.Fatal(err)
	}
	if b.String() != again.String() {
		t.Error("a report is another one after writing and reading")
	}
	if got := back.Results[0].Servers[1].Rounds[0].Traffic.Latency.Percentile(50); got.Round(time.Microsecond) != 300*time.Microsecond {
		t.Errorf("the latency read back is %v, want 300µs", got)
	}
}

func TestReportVerdict(t *testing.T) {
	t.Parallel()
	r := testReport(t)
	if r.Corrupt() != 1 || !r.Delivered() {
		t.Errorf("corrupt %d, delivered %v; want 1, true", r.Corrupt(), r.Delivered())
	}
	r.Results[1].Servers[0].Rounds[0].Traffic.Delivered = 0
	if r.Delivered() {
		t.Error("a round without a packet counts as delivered")
	}
}

// TestSummaryOfNothing has rounds in which nothing that was sent arrived: they have no latency, not one of nothing.
func TestSummaryOfNothing(t *testing.T) {
	t.Parallel()
	voice, err := ScenarioNamed(latencyScenario)
	if err != nil {
		t.Fatal(err)
	}
	silent := trafficRun(1, 1, 1, time.Second)
	silent.Traffic.Latency = NewLatency()
	sum := summarize(voice, []Run{silent, trafficRun(1, 0, 1, time.Millisecond)}, 2)
	if got := sum.Percentiles["50"]; got.Min != got.Max || got.Min < 1000 {
		t.Errorf("the latency is %+v, want that of the second round", got)
	}
	r := Report{Servers: []Described{{Name: "a"}}, Results: []ScenarioResult{{voice, []ServerResult{{Server: "a", Summary: summarize(voice, []Run{silent}, 2)}}}}}
	for _, c := range r.Charts() {
		if c.Kind == "lines" {
			t.Errorf("latencies of nothing are drawn: %+v", c)
		}
	}
}

func TestSpread(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		values []float64
		want   Spread
	}{
		{nil, Spread{}}, {[]float64{3}, Spread{3, 3, 3}}, {[]float64{5, 1, 3}, Spread{3, 1, 5}}, {[]float64{4, 1, 2, 9}, Spread{3, 1, 9}},
	} {
		if got := spreadOf(c.values); got != c.want {
			t.Errorf("%v: got %+v, want %+v", c.values, got, c.want)
		}
	}
}

func TestProgress(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		terminal bool
		want     string
	}{
		{false, "0 of 4: starting\n1 of 4: turnout, voice, 30s left\n2 of 4: coturn, voice, 10s left\n"},
		{true, "\r\x1b[K[" + strings.Repeat("░", 30) + "] 0/4  starting" +
			"\r\x1b[K[" + strings.Repeat("█", 7) + strings.Repeat("░", 23) + "] 1/4, 30s left  turnout, voice" +
			"\r\x1b[K[" + strings.Repeat("█", 15) + strings.Repeat("░", 15) + "] 2/4, 10s left  coturn, voice\r\x1b[K"},
	} {
		var b strings.Builder
		at := time.Unix(0, 0)
		p := &Progress{w: &b, terminal: c.terminal, steps: 4, began: at, now: func() time.Time { return at }}
		p.show("starting")
		at = at.Add(10 * time.Second)
		p.Step("turnout", "voice")
		p.Step("coturn", "voice")
		p.End()
		if b.String() != c.want {
			t.Errorf("terminal %v: got %q, want %q", c.terminal, b.String(), c.want)
		}
	}
}
