package bench

import (
	"fmt"
	"slices"
	"time"
)

// A Spread is a figure over several rounds.
type Spread struct{ Median, Min, Max float64 }

// spreadOf is the spread of values; the median of an even number is the mean of the middle two.
func spreadOf(values []float64) Spread {
	if len(values) == 0 {
		return Spread{}
	}
	v := slices.Sorted(slices.Values(values))
	n := len(v)
	return Spread{Median: (v[(n-1)/2] + v[n/2]) / 2, Min: v[0], Max: v[n-1]}
}

// A Summary is what the rounds of one server under one scenario say together. Figures that were not measured are zero.
type Summary struct {
	Rounds int

	Relayed     Spread            // packets that the server relayed and that were delivered, a second; an echo is two
	Loss        Spread            // share of the sent packets, 0 to 1
	CPU         Spread            // nanoseconds of the server's processor time, a relayed packet
	MachineCPU  Spread            // likewise, of all that ran on the host but the generator
	Busy        Spread            // processors that the server kept busy
	Percentiles map[string]Spread // latency in microseconds, by percentile: "50", "99" …
	Corrupt     uint64            // corrupt and misdelivered packets of all rounds
	Duplicate   uint64

	AllocationsPerSecond Spread
	AllocationCPU        Spread // microseconds of the server's processor time, an allocation
	AllocationMemory     Spread // bytes of the server's resident size, an allocation

	Notes []string // what a reader must know to believe the figures
}

// percentiles are those of latencies in a report.
var percentiles = []struct {
	name string
	p    float64
}{{"50", 50}, {"90", 90}, {"99", 99}, {"99.9", 99.9}}

// cpuOfPacket is the server's CPU for one of the packets that it relayed, in nanoseconds.
func cpuOfPacket(s Scenario, f *Flow) float64 {
	return float64(f.ServerCPU) / (float64(s.Relays()) * float64(f.Delivered))
}

// summarize sums up the rounds of one server, on a host with so many CPUs.
func summarize(s Scenario, rounds []Run, cpus int) Summary {
	sum := Summary{Rounds: len(rounds), Percentiles: map[string]Spread{}}
	over := func(figure func(Run) (float64, bool)) Spread {
		var values []float64
		for _, r := range rounds {
			if v, ok := figure(r); ok {
				values = append(values, v)
			}
		}
		return spreadOf(values)
	}
	traffic := func(figure func(*Flow) float64) Spread {
		return over(func(r Run) (float64, bool) {
			if r.Traffic == nil || r.Traffic.Delivered == 0 {
				return 0, false
			}
			return figure(r.Traffic), true
		})
	}
	relays := float64(s.Relays())
	sum.Relayed = traffic(func(f *Flow) float64 { return relays * float64(f.Delivered) / f.Elapsed.Seconds() })
	sum.Loss = traffic(func(f *Flow) float64 { return ratio(float64(f.Lost), float64(f.Sent)) })
	sum.CPU = traffic(func(f *Flow) float64 { return cpuOfPacket(s, f) })
	sum.MachineCPU = traffic(func(f *Flow) float64 { return float64(f.MachineCPU-f.GeneratorCPU) / (relays * float64(f.Delivered)) })
	sum.Busy = traffic(func(f *Flow) float64 { return f.ServerCPU.Seconds() / f.Elapsed.Seconds() })
	for _, p := range percentiles {
		sum.Percentiles[p.name] = over(func(r Run) (float64, bool) {
			if r.Traffic == nil || r.Traffic.Latency.Count() == 0 { // of nothing that arrived there is no latency
				return 0, false
			}
			return microseconds(r.Traffic.Latency.Percentile(p.p)), true
		})
	}
	sum.AllocationsPerSecond = over(func(r Run) (float64, bool) {
		return float64(r.Setup.Allocations) / r.Setup.Elapsed.Seconds(), true
	})
	sum.AllocationCPU = over(func(r Run) (float64, bool) {
		return microseconds(r.Setup.ServerCPU) / float64(r.Setup.Allocations), r.Memory != nil
	})
	sum.AllocationMemory = over(func(r Run) (float64, bool) {
		if r.Memory == nil {
			return 0, false
		}
		return float64(r.Memory.After-r.Memory.Before) / float64(r.Setup.Allocations), true
	})
	for _, r := range rounds {
		if r.Traffic != nil {
			sum.Corrupt += r.Traffic.Corrupt + r.Traffic.Misdelivered
			sum.Duplicate += r.Traffic.Duplicate
		}
	}
	sum.Notes = notes(s, rounds, sum, cpus)
	return sum
}

func ratio(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

func microseconds(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// What makes a figure the generator's and not the server's.
const (
	saturated    = 0.9                  // share of its processors that a server at its limit uses
	crowded      = 0.1                  // share of the host's processors that other programs may use
	punctual     = 0.99                 // share of the planned packets that have to be sent
	tolerated    = 2 * time.Millisecond // that the generator may send late
	noticedDrops = 0.001                // share of packets that the generator's own sockets dropped
)

// notes says what limits the figures.
func notes(s Scenario, rounds []Run, sum Summary, cpus int) []string {
	var idle, busy, short, late, dropped, shared, serverDropped int
	for _, r := range rounds {
		if r.Layout.Shared {
			shared++
		}
		f := r.Traffic
		if f == nil {
			continue
		}
		processors := max(min(s.Workers, len(r.Layout.Server)), 1)
		if s.Rate == 0 && r.Memory != nil && f.ServerCPU.Seconds() < saturated*f.Elapsed.Seconds()*float64(processors) {
			idle++
		}
		if others := f.MachineCPU - f.ServerCPU - f.GeneratorCPU; r.Memory != nil && others.Seconds() > crowded*f.Elapsed.Seconds()*float64(cpus) {
			busy++
		}
		if s.Rate > 0 && float64(f.Sent) < punctual*float64(f.Planned) {
			short++
		}
		if f.Lateness > tolerated {
			late++
		}
		if float64(f.Dropped+f.Refused) > noticedDrops*float64(f.Sent) {
			dropped++
		}
		if f.ServerDropped > 0 {
			serverDropped++
		}
	}
	var ns []string
	note := func(n int, text string) {
		if n > 0 {
			ns = append(ns, fmt.Sprintf("%s (%d of %s)", text, n, plural(len(rounds), "round")))
		}
	}
	note(idle, "the server had processor time to spare, so that the generator or other programs were the limit: compare CPU per packet, not packets per second")
	note(busy, "other programs used more than a tenth of the machine")
	note(short, "the generator sent less than planned")
	note(late, fmt.Sprintf("the generator sent late, 99th percentile over %v: latencies are partly its own", tolerated))
	note(dropped, "the generator's sockets lost packets: loss is partly its own")
	note(serverDropped, "the server's sockets had no room for some packets")
	note(shared, "server and generator shared a processor")
	if sum.Corrupt > 0 {
		ns = append(ns, fmt.Sprintf("%s arrived corrupt or at another client%s", plural(int(sum.Corrupt), "packet"), evidence(rounds)))
	}
	return ns
}

// evidence is that of the first round that has some.
func evidence(rounds []Run) string {
	for _, r := range rounds {
		if r.Traffic != nil && r.Traffic.Evidence != "" {
			return ", one of " + r.Traffic.Evidence
		}
	}
	return ""
}
