package bench

import (
	"fmt"
	"io"
	"strings"
)

// WriteFigures writes the part of docs/performance.md that a comparison fills: what it was measured on, what a relayed packet and
// an allocation cost, latency and loss at a fixed rate, and which goals are reached.
func (r *Report) WriteFigures(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "`%s` of %s", r.Command, r.Date.UTC().Format("2 January 2006"))
	if r.Commit != "" {
		fmt.Fprintf(&b, " at commit %s", r.Commit)
	}
	fmt.Fprintf(&b, ": %s of %v; ", plural(r.Rounds, "round"), r.Duration)
	for i, s := range r.Servers {
		if i > 0 {
			fmt.Fprintf(&b, "%s %s; ", s.Name, s.Version)
		}
	}
	fmt.Fprintf(&b, "%s, Linux %s, %s, load %s when it began.\nMedians, with the least and the greatest round.\n\n",
		r.Host.CPU, r.Host.Kernel, plural(r.Host.CPUs, "CPU"), r.Host.Load)
	r.figureTable(&b, Traffic, "µs of CPU for a relayed packet", func(_ Scenario, m Summary) string { return spread(m.CPU, 0.001, "%.2f") })
	r.figureTable(&b, Traffic, "99th percentile of latency at a fixed rate, and loss", func(s Scenario, m Summary) string {
		if s.Rate == 0 {
			return ""
		}
		return latency(m.Percentiles["99"]) + ", " + spread(m.Loss, 100, "%.2f %%")
	})
	r.figureTable(&b, Allocations, "µs of CPU to set up an allocation, with authentication", func(_ Scenario, m Summary) string { return spread(m.AllocationCPU, 1, "%.1f") })
	r.figureTable(&b, Allocations, "bytes of memory of an allocation, with a channel", func(_ Scenario, m Summary) string { return spread(m.AllocationMemory, 1, "%.0f") })
	b.WriteString("| goal | figure | |\n| --- | --- | --- |\n")
	for _, g := range Goals {
		if v, ok := g.judge(r); ok {
			fmt.Fprintf(&b, "| %s | %s | %s |\n", g.Sentence, v.Figure, v)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// figureTable has a row for each scenario of a purpose and a column for each server; rows without a figure are left out.
func (r *Report) figureTable(b *strings.Builder, p Purpose, title string, figure func(Scenario, Summary) string) {
	fmt.Fprintf(b, "| %s |", title)
	for _, s := range r.Servers {
		fmt.Fprintf(b, " %s |", s.Name)
	}
	b.WriteString("\n|" + strings.Repeat(" --- |", 1+len(r.Servers)) + "\n")
	r.of(p, func(s ScenarioResult) {
		row := ""
		for _, x := range s.Servers {
			f := figure(s.Scenario, x.Summary)
			if f == "" {
				return
			}
			row += " " + f + " |"
		}
		fmt.Fprintf(b, "| %s |%s\n", s.Scenario.Name, row)
	})
	b.WriteString("\n")
}
