package bench

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// WriteMarkdown writes the report for people: what it was measured on, one table for traffic and one for allocations, and
// what limits the figures.
func (r *Report) WriteMarkdown(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# Measured on %s\n\n", r.Date.UTC().Format("2 January 2006"))
	if r.Commit != "" {
		fmt.Fprintf(&b, "- commit %s\n", r.Commit)
	}
	fmt.Fprintf(&b, "- %s, %s, Linux %s, %s, load %s when it began\n", r.Host.CPU, plural(r.Host.CPUs, "CPU"), r.Host.Kernel, r.Host.Go, r.Host.Load)
	for _, s := range r.Servers {
		fmt.Fprintf(&b, "- %s: %s\n", s.Name, s.Version)
	}
	fmt.Fprintf(&b, "- %s of %v after %v of warm-up, servers in changing order", plural(r.Rounds, "round"), r.Duration, r.Warmup)
	if r.Discarded {
		b.WriteString(", after one that does not count")
	}
	b.WriteString("\n")
	if r.Command != "" {
		fmt.Fprintf(&b, "- made by `%s`\n", r.Command)
	}
	b.WriteString("\nFigures are medians of the rounds, with the least and the greatest in brackets.\n")
	r.writeTraffic(&b)
	r.writeAllocations(&b)
	r.writeNotes(&b)
	r.writeCommands(&b)
	_, err := io.WriteString(w, b.String())
	return err
}

// of calls f for every scenario of a purpose, with its servers.
func (r *Report) of(p Purpose, f func(ScenarioResult)) (found bool) {
	for _, s := range r.Results {
		if s.Scenario.Purpose == p {
			f(s)
			found = true
		}
	}
	return found
}

func (r *Report) writeTraffic(b *strings.Builder) {
	var rows strings.Builder
	found := r.of(Traffic, func(s ScenarioResult) {
		for _, x := range s.Servers {
			m := x.Summary
			if len(x.Rounds) == 0 {
				fmt.Fprintf(&rows, "| %s | %s | failed | | | | | | | |\n", s.Scenario.Name, x.Server)
				continue
			}
			fmt.Fprintf(&rows, "| %s | %s | %s | %s | %s | %s | %s | %s | %s | %s |\n", s.Scenario.Name, x.Server,
				spread(m.Relayed, 1, "%.0f"), spread(m.Loss, 100, "%.2f %%"), spread(m.CPU, 1, "%.0f"), spread(m.MachineCPU, 1, "%.0f"),
				spread(m.Busy, 1, "%.2f"), latency(m.Percentiles["50"]), latency(m.Percentiles["99"]), latency(m.Percentiles["99.9"]))
		}
	})
	if !found {
		return
	}
	b.WriteString("\n## Traffic\n\n")
	b.WriteString("Relayed counts packets that were delivered whole; an echo is two, there and back. CPU is the server's processor time for each of them,\n")
	b.WriteString("machine that of everything on the host but the generator, busy how many processors the server used. Latency is from client to peer,\n")
	b.WriteString("and back where the peer echoes; in a closed loop it is mostly the queue that the generator keeps full.\n\n")
	b.WriteString("| scenario | server | relayed/s | loss | CPU, ns | machine, ns | busy | p50 | p99 | p99.9 |\n")
	b.WriteString("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n")
	b.WriteString(rows.String())
}

func (r *Report) writeAllocations(b *strings.Builder) {
	var rows strings.Builder
	found := r.of(Allocations, func(s ScenarioResult) {
		for _, x := range s.Servers {
			m := x.Summary
			if len(x.Rounds) == 0 {
				fmt.Fprintf(&rows, "| %s | %s | %d | failed | | |\n", s.Scenario.Name, x.Server, s.Scenario.Flows)
				continue
			}
			fmt.Fprintf(&rows, "| %s | %s | %d | %s | %s | %s |\n", s.Scenario.Name, x.Server, s.Scenario.Flows,
				spread(m.AllocationsPerSecond, 1, "%.0f"), spread(m.AllocationCPU, 1, "%.1f"), spread(m.AllocationMemory, 1, "%.0f"))
		}
	})
	if !found {
		return
	}
	b.WriteString("\n## Allocations\n\n")
	b.WriteString("Each client is a user of its own: an Allocate request, a challenge, an authenticated request. Memory is the server's resident\n")
	b.WriteString("size with every channel bound, less that before, without what the kernel keeps for a socket (about 3 KB).\n\n")
	b.WriteString("| scenario | server | allocations | set up/s | CPU each, µs | memory each, B |\n")
	b.WriteString("| --- | --- | --- | --- | --- | --- |\n")
	b.WriteString(rows.String())
}

func (r *Report) writeNotes(b *strings.Builder) {
	b.WriteString("\n## Scenarios and notes\n\n")
	for _, s := range r.Results {
		fmt.Fprintf(b, "- **%s**: %s (%s)\n", s.Scenario.Name, s.Scenario.About, s.Scenario)
		for _, n := range s.notes() {
			fmt.Fprintf(b, "  - %s: %s\n", strings.Join(n.servers, ", "), n.text)
		}
		for _, x := range s.Servers {
			for _, n := range x.Failures {
				fmt.Fprintf(b, "  - %s: a measurement failed: %s\n", x.Server, strings.ReplaceAll(n, "\n", " "))
			}
		}
	}
}

// A note is what several servers have in common.
type note struct {
	text    string
	servers []string
}

// notes are those of all servers, each once, in the order of their first server.
func (s ScenarioResult) notes() []note {
	var all []note
	for _, x := range s.Servers {
		for _, text := range x.Summary.Notes {
			i := slices.IndexFunc(all, func(n note) bool { return n.text == text })
			if i < 0 {
				i = len(all)
				all = append(all, note{text: text})
			}
			all[i].servers = append(all[i].servers, x.Server)
		}
	}
	return all
}

func (r *Report) writeCommands(b *strings.Builder) {
	if len(r.Results) == 0 {
		return
	}
	b.WriteString("\n## Command lines\n\n```\n")
	for _, x := range r.Results[0].Servers {
		if len(x.Command) > 0 {
			fmt.Fprintf(b, "%s\n", strings.Join(x.Command, " "))
		}
	}
	b.WriteString("```\n")
}

// spread is a figure times factor, with its extent where it has one.
func spread(s Spread, factor float64, format string) string {
	if s == (Spread{}) {
		return "0"
	}
	median, least, most := fmt.Sprintf(format, s.Median*factor), fmt.Sprintf(format, s.Min*factor), fmt.Sprintf(format, s.Max*factor)
	if least == most {
		return median
	}
	return fmt.Sprintf("%s (%s–%s)", median, strings.TrimSuffix(least, " %"), strings.TrimSuffix(most, " %"))
}

// latency is a spread of microseconds, rounded to three digits.
func latency(s Spread) string {
	text := func(us float64) string { return roundTime(time.Duration(us * float64(time.Microsecond))).String() }
	if s.Min == s.Max {
		return text(s.Median)
	}
	return fmt.Sprintf("%s (%s–%s)", text(s.Median), text(s.Min), text(s.Max))
}

// roundTime keeps three digits.
func roundTime(d time.Duration) time.Duration {
	unit := time.Duration(1)
	for d/unit >= 1000 {
		unit *= 10
	}
	return d.Round(unit)
}
