package bench

import (
	"slices"
	"strings"
)

// A Chart is a picture of a report, as the program in bench/plot draws it.
type Chart struct {
	Title, X, Y string
	Kind        string // "lines" have X and Y values, "bars" have Labels and Y values
	LogX, LogY  bool
	Labels      []string `json:",omitempty"` // of a bar chart's groups
	Ticks       []Tick   `json:",omitempty"` // of the X axis, in place of numbers
	Series      []Series
}

// A Tick is a place on an axis with its name.
type Tick struct {
	At   float64
	Name string
}

// A Series is one server's values. Low and High, where they are, are the extent of the rounds.
type Series struct {
	Name      string
	X         []float64 `json:",omitempty"`
	Y         []float64
	Low, High []float64 `json:",omitempty"`
}

// latencyScenario is the scenario whose latencies are drawn: at a fixed rate latency is the server's, in a closed loop the queue's.
const latencyScenario = "voice"

// Charts are the pictures of a report; those without anything to show are left out.
func (r *Report) Charts() []Chart {
	charts := []Chart{r.throughputChart(), r.costChart(), r.latencyChart(), r.memoryChart()}
	kept := charts[:0]
	for _, c := range charts {
		if slices.ContainsFunc(c.Series, func(s Series) bool { return len(s.Y) > 0 }) {
			kept = append(kept, c)
		}
	}
	return kept
}

// perServer makes a series of each server, of the scenarios of a purpose.
func (r *Report) perServer(p Purpose, add func(*Series, ScenarioResult, Summary)) []Series {
	all := make([]Series, len(r.Servers))
	for i, s := range r.Servers {
		all[i].Name = s.Name
		r.of(p, func(x ScenarioResult) { add(&all[i], x, x.Servers[i].Summary) })
	}
	return all
}

// addSpread appends a figure times factor and its extent.
func (s *Series) addSpread(f Spread, factor float64) {
	s.Y = append(s.Y, f.Median*factor)
	s.Low = append(s.Low, f.Min*factor)
	s.High = append(s.High, f.Max*factor)
}

// throughputChart is what the server relays for each processor that it keeps busy: at a fixed rate it relays what is sent,
// and at its limit it keeps one busy, so that neither figure alone says much.
func (r *Report) throughputChart() Chart {
	c := Chart{Title: "Throughput against CPU", Y: "thousand packets a second, one processor", Kind: "bars", Labels: r.scenarioNames(Traffic)}
	c.Series = r.perServer(Traffic, func(s *Series, _ ScenarioResult, m Summary) { s.addRate(m.CPU) })
	return c
}

// addRate appends how many thousand packets a second of the processor's time are enough for, by its nanoseconds a packet; none
// where nothing was relayed.
func (s *Series) addRate(cost Spread) {
	rate := func(ns float64) float64 {
		if ns <= 0 {
			return 0
		}
		return 1e6 / ns
	}
	s.Y = append(s.Y, rate(cost.Median))
	s.Low = append(s.Low, rate(cost.Max))
	s.High = append(s.High, rate(cost.Min))
}

// scenarioNames are the names of the scenarios of a purpose as people write them.
func (r *Report) scenarioNames(p Purpose) (names []string) {
	r.of(p, func(s ScenarioResult) { names = append(names, strings.ReplaceAll(s.Scenario.Name, "-", " ")) })
	return names
}

func (r *Report) costChart() Chart {
	c := Chart{Title: "CPU for a relayed packet", Y: "microseconds of the server", Kind: "bars", Labels: r.scenarioNames(Traffic)}
	c.Series = r.perServer(Traffic, func(s *Series, _ ScenarioResult, m Summary) { s.addSpread(m.CPU, 1e-3) })
	return c
}

func (r *Report) latencyChart() Chart {
	c := Chart{Title: "Latency there and back, 1,000 calls", X: "percentile", Y: "milliseconds", Kind: "lines", LogX: true, LogY: true}
	for _, p := range percentiles {
		c.Ticks = append(c.Ticks, Tick{rank(p.p), p.name})
	}
	c.Series = r.perServer(Traffic, func(s *Series, x ScenarioResult, m Summary) {
		if x.Scenario.Name != latencyScenario || m.Percentiles["50"].Min == 0 {
			return // or nothing arrived, of which there is no latency
		}
		for _, p := range percentiles {
			s.X = append(s.X, rank(p.p))
			s.addSpread(m.Percentiles[p.name], 1e-3)
		}
	})
	return c
}

// rank spreads percentiles so that each further nine takes the same room on a logarithmic axis: one packet of rank is slower.
func rank(percentile float64) float64 { return 100 / (100 - percentile) }

func (r *Report) memoryChart() Chart {
	c := Chart{Title: "Memory of an allocation", Y: "kilobytes of the server", Kind: "bars", Labels: r.scenarioNames(Allocations)}
	c.Series = r.perServer(Allocations, func(s *Series, _ ScenarioResult, m Summary) { s.addSpread(m.AllocationMemory, 1e-3) })
	return c
}
