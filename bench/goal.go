package bench

import (
	"fmt"
	"math"
)

// A Goal is what turnout is to reach in a comparison.
type Goal struct {
	Sentence string
	// judge finds the figure in a report, and says whether it is reached and by how much it is missed, 0.1 for a tenth;
	// not ok where the report lacks what it takes.
	judge func(r *Report) (reached Verdict, ok bool)
}

// A Verdict is what a report says about a goal.
type Verdict struct {
	Figure string
	Missed float64 // by what share; 0 or less: reached
}

// Goals are those of this relay, in the order of docs/performance.md.
var Goals = []Goal{
	{"one flow of 1,200 bytes in trains: at most 0.5 µs of CPU a relayed packet", atMost("one-flow-1200", 500)},
	{"… and an eighth of coturn's", times("one-flow-1200", "coturn", 8)},
	{"… and an eighth of pion's", times("one-flow-1200", "pion", 8)},
	{"10 flows in a closed loop: 1.25 times better than coturn (1.4 wished)", times("ten-flows", "coturn", 1.25)},
	{"… and 1.4 times better than pion", times("ten-flows", "pion", 1.4)},
	{"200 flows in a closed loop: 1.25 times better than coturn", times("many-flows", "coturn", 1.25)},
	{"1,000 flows of 50 packets a second: CPU no worse than coturn's", times("voice", "coturn", 1)},
	{"… the 99th percentile of latency below coturn's", fasterVoice},
	{"… and no loss", lossless},
	{"indications in place of channels: at most a tenth dearer", against("indications", "ten-flows", 1.1)},
	{"set-up with authentication: at least 25,000 allocations a second and processor", setUpRate},
	{"… at most 30 µs of CPU each", setUp(30, "µs", func(m Summary) float64 { return m.AllocationCPU.Median })},
	{"an allocation with a channel: at most 2,048 bytes of resident memory", memory},
	{"two workers: at most 1.15 times one worker's CPU a packet at the same load", against("voice-two-workers", "voice", 1.15)},
}

// summaryOf is what a server's rounds under a scenario say.
func (r *Report) summaryOf(scenario, server string) (Summary, bool) {
	for _, s := range r.Results {
		if s.Scenario.Name != scenario {
			continue
		}
		for _, x := range s.Servers {
			if x.Server == server && x.Summary.Rounds > 0 {
				return x.Summary, true
			}
		}
	}
	return Summary{}, false
}

// over is by what share a figure exceeds its bound.
func over(figure, bound float64) float64 { return figure/bound - 1 }

func atMost(scenario string, ns float64) func(*Report) (Verdict, bool) {
	return func(r *Report) (Verdict, bool) {
		m, ok := r.summaryOf(scenario, "turnout")
		return Verdict{fmt.Sprintf("%.2f µs", m.CPU.Median/1000), over(m.CPU.Median, ns)}, ok && m.CPU.Median > 0
	}
}

// times wants turnout's CPU a packet to be so many times less than another server's.
func times(scenario, other string, factor float64) func(*Report) (Verdict, bool) {
	return func(r *Report) (Verdict, bool) {
		got, ok := r.ratio(scenario, other, scenario, "turnout")
		return Verdict{perRound(got), over(factor, got.Median)}, ok
	}
}

// against compares two scenarios of turnout.
func against(scenario, like string, factor float64) func(*Report) (Verdict, bool) {
	return func(r *Report) (Verdict, bool) {
		got, ok := r.ratio(scenario, "turnout", like, "turnout")
		return Verdict{perRound(got), over(got.Median, factor)}, ok
	}
}

func perRound(s Spread) string {
	return fmt.Sprintf("%.2f times (%.2f–%.2f)", s.Median, s.Min, s.Max)
}

// ratio is how many times the CPU a packet of the second is in the first, round by round: what was measured in one round was
// measured within seconds or minutes, while the speed of a machine that others share may change by half during a comparison.
// It is not ok where a round of either is missing.
func (r *Report) ratio(scenario, server, toScenario, toServer string) (Spread, bool) {
	a, b := r.cpuOf(scenario, server), r.cpuOf(toScenario, toServer)
	if len(a) == 0 || len(a) != len(b) {
		return Spread{}, false
	}
	for i := range a {
		if b[i] == 0 {
			return Spread{}, false
		}
		a[i] /= b[i]
	}
	return spreadOf(a), true
}

// cpuOf is a server's CPU a packet in each round of a scenario.
func (r *Report) cpuOf(scenario, server string) (all []float64) {
	for _, s := range r.Results {
		for _, x := range s.Servers {
			if s.Scenario.Name != scenario || x.Server != server {
				continue
			}
			for _, round := range x.Rounds {
				if f := round.Traffic; f != nil && f.Delivered > 0 {
					all = append(all, cpuOfPacket(s.Scenario, f))
				}
			}
		}
	}
	return all
}

func fasterVoice(r *Report) (Verdict, bool) {
	m, ok := r.summaryOf("voice", "turnout")
	o, also := r.summaryOf("voice", "coturn")
	if !ok || !also {
		return Verdict{}, false
	}
	return Verdict{latency(m.Percentiles["99"]) + ", coturn " + latency(o.Percentiles["99"]), over(m.Percentiles["99"].Median, o.Percentiles["99"].Median)}, true
}

func lossless(r *Report) (Verdict, bool) {
	m, ok := r.summaryOf("voice", "turnout")
	v := Verdict{Figure: fmt.Sprintf("%.3f %% (at most %.3f)", 100*m.Loss.Median, 100*m.Loss.Max)}
	if m.Loss.Median > 0 {
		v.Missed = math.Inf(1)
	}
	return v, ok
}

// setUp wants a figure of the scenario of that name to be at most so much.
func setUp(bound float64, unit string, figure func(Summary) float64) func(*Report) (Verdict, bool) {
	return func(r *Report) (Verdict, bool) {
		m, ok := r.summaryOf("set-up", "turnout")
		return Verdict{fmt.Sprintf("%.1f %s", figure(m), unit), over(figure(m), bound)}, ok && figure(m) > 0
	}
}

func setUpRate(r *Report) (Verdict, bool) {
	m, ok := r.summaryOf("set-up", "turnout")
	return Verdict{fmt.Sprintf("%.0f", m.AllocationsPerSecond.Median), over(25000, m.AllocationsPerSecond.Median)}, ok && m.AllocationsPerSecond.Median > 0
}

func memory(r *Report) (Verdict, bool) {
	m, ok := r.summaryOf("memory", "turnout")
	return Verdict{fmt.Sprintf("%.0f bytes", m.AllocationMemory.Median), over(m.AllocationMemory.Median, 2048)}, ok && m.AllocationMemory.Median > 0
}

// String says what became of the goal.
func (v Verdict) String() string {
	switch {
	case v.Missed <= 0:
		return "reached"
	case math.IsInf(v.Missed, 1):
		return "missed"
	}
	return fmt.Sprintf("missed by %.0f %%", math.Ceil(100*v.Missed))
}
