package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"turnout/bench"
)

// A benchRequest is what the flags of bench and bench compare ask for.
type benchRequest struct {
	scenarios        []string
	rounds           int
	duration, warmup time.Duration
	json             bool

	// of bench alone
	quick, allowRemote              bool
	server                          string
	transport, direction, carrier   string
	flows, payload, window, workers int
	rate                            float64
	changed                         func(flag string) bool

	// of bench compare alone
	servers []string
	out     string
}

// Bounds of what a comparison may ask for, so that it ends.
const (
	maxRounds     = 100
	quickDuration = time.Second
	quickFlows    = 2000
)

func (a *app) benchCommand() *cobra.Command {
	var r benchRequest
	var list strings.Builder
	for _, s := range bench.Scenarios {
		fmt.Fprintf(&list, "  %-18s %s\n", s.Name, s.About)
	}
	c := &cobra.Command{
		Use:   "bench SCENARIO... | --quick | --server host:port SCENARIO...",
		Short: "Measure a relay under load",
		Long: "Measure a relay under load: one that is started for it, or the one that --server names.\n" +
			"Load goes to loopback only, unless --allow-remote says otherwise. The report goes to standard output.\n" +
			"With --server, TURN_USERNAME and TURN_CREDENTIAL are the credentials, as turnout credentials --format env\n" +
			"prints them. Flags such as --flows change the named scenarios.\n\nScenarios:\n" + list.String(),
		Args: cobra.ArbitraryArgs, DisableFlagsInUseLine: true,
		RunE: func(c *cobra.Command, args []string) error {
			a.ran = true
			r.scenarios, r.changed = args, c.Flags().Changed
			return a.bench(c.Context(), &r)
		},
	}
	r.flags(c, 3)
	f := c.Flags()
	f.BoolVar(&r.quick, "quick", false, "one round of one second of every scenario, which fails if a packet is damaged or none arrives")
	f.StringVar(&r.server, "server", "", "`host:port` of a relay that is running already")
	f.BoolVar(&r.allowRemote, "allow-remote", false, "let --server be on another host: whoever runs it has to agree")
	f.StringVar(&r.transport, "transport", "", "udp, tcp or tls")
	f.StringVar(&r.direction, "direction", "", "up, down or echo")
	f.StringVar(&r.carrier, "carrier", "", "channel or indication")
	f.IntVar(&r.flows, "flows", 0, "allocations, each with one peer")
	f.IntVar(&r.payload, "payload", 0, "bytes of a packet")
	f.Float64Var(&r.rate, "rate", 0, "packets a second of each flow; 0: as many as arrive")
	f.IntVar(&r.window, "window", 0, "packets that a flow without a rate has under way")
	f.IntVar(&r.workers, "workers", 0, "relaying threads of the server")
	c.AddCommand(a.benchCompareCommand())
	for name, do := range map[string]func(context.Context) error{
		"generate": func(ctx context.Context) error { return bench.Generate(ctx, os.Stdin, a.stdout) },
		"peer":     func(ctx context.Context) error { return bench.ServePeer(ctx, os.Stdin, a.stdout) },
	} {
		part := a.command(name, "A process of bench, which starts it by itself", "", do)
		part.Hidden = true
		c.AddCommand(part)
	}
	return c
}

func (a *app) benchCompareCommand() *cobra.Command {
	var r benchRequest
	c := &cobra.Command{
		Use:   "compare [SCENARIO...]",
		Short: "Measure turnout beside coturn and pion/turn, on loopback",
		Long: "Measure turnout beside coturn and pion/turn on loopback, in rounds with changing order, and write the report as\n" +
			"JSON, Markdown and SVG. It needs the source of turnout, and Go, to build pion's server and the pictures;\n" +
			"coturn is the system's turnserver. Without scenarios, all of turnout bench --help.",
		Args: cobra.ArbitraryArgs, DisableFlagsInUseLine: true,
		RunE: func(c *cobra.Command, args []string) error {
			a.ran = true
			r.scenarios, r.changed = args, c.Flags().Changed
			return a.benchCompare(c.Context(), &r)
		},
	}
	r.flags(c, 5)
	c.Flags().StringSliceVar(&r.servers, "servers", comparedServers, "which servers; another build of turnout by its path")
	c.Flags().StringVar(&r.out, "out", "", "`FOLDER` for the report; bench/results of the source if absent")
	return c
}

// flags are those of both commands.
func (r *benchRequest) flags(c *cobra.Command, rounds int) {
	c.Flags().IntVar(&r.rounds, "rounds", rounds, "rounds that count; one more comes first and does not")
	c.Flags().DurationVar(&r.duration, "duration", 2*time.Second, "how long packets are counted in a round")
	c.Flags().DurationVar(&r.warmup, "warmup", 300*time.Millisecond, "how long they flow before that")
	c.Flags().BoolVar(&r.json, "json", false, "print the report as JSON, with every round, in place of Markdown")
}

// bench measures one relay.
func (a *app) bench(ctx context.Context, r *benchRequest) error {
	scenarios, err := r.chosen()
	if err != nil {
		return err
	}
	runner, err := r.runner()
	if err != nil {
		return err
	}
	plan := bench.Plan{Scenarios: scenarios, Rounds: r.rounds, Discard: true}
	if r.quick {
		plan.Rounds, plan.Discard, runner.Duration = 1, false, quickDuration
	}
	if r.server == "" {
		plan.Servers = []bench.Server{bench.Turnout(runner.Binary)}
	} else if plan.Servers, err = a.benchTarget(ctx, r); err != nil {
		return err
	}
	report, err := a.measure(ctx, runner, plan)
	if report == nil || report.Rounds == 0 {
		return err
	}
	if err == nil {
		err = verdict(report, r.quick)
	}
	return joined(a.writeReport(report, r.json), err)
}

// benchTarget is the relay that is running already.
func (a *app) benchTarget(ctx context.Context, r *benchRequest) ([]bench.Server, error) {
	target, err := bench.ResolveTarget(ctx, r.server, r.allowRemote)
	if err != nil {
		return nil, err
	}
	var c bench.Credentials
	for _, v := range a.environ {
		switch name, value, _ := strings.Cut(v, "="); name {
		case "TURN_USERNAME":
			c.Username = value
		case "TURN_CREDENTIAL":
			c.Password = value
		}
	}
	if c.Username == "" || c.Password == "" {
		return nil, usage("--server needs credentials: set TURN_USERNAME and TURN_CREDENTIAL, as turnout credentials --format env prints them")
	}
	host, _, err := net.SplitHostPort(r.server)
	if err != nil {
		return nil, err
	}
	return []bench.Server{bench.Running(target, host, c)}, nil
}

// chosen are the scenarios that the command names, as the flags change them.
func (r *benchRequest) chosen() ([]bench.Scenario, error) {
	var all []bench.Scenario
	if r.quick {
		if len(r.scenarios) > 0 || r.server != "" {
			return nil, usage("--quick runs every scenario against a relay of its own; leave out the others")
		}
		for _, s := range bench.Scenarios {
			s.Flows = min(s.Flows, quickFlows)
			all = append(all, s)
		}
		return all, nil
	}
	if len(r.scenarios) == 0 {
		return nil, usage("bench needs a scenario, or --quick; see turnout bench --help")
	}
	for _, name := range r.scenarios {
		s, err := bench.ScenarioNamed(name)
		if err != nil {
			return nil, &usageError{err.Error()}
		}
		r.change(&s)
		if err := s.Check(); err != nil {
			return nil, &usageError{err.Error()}
		}
		all = append(all, s)
	}
	return all, nil
}

// change sets what flags were given for.
func (r *benchRequest) change(s *bench.Scenario) {
	for flag, set := range map[string]func(){
		"transport": func() { s.Transport = bench.Transport(r.transport) },
		"direction": func() { s.Direction = bench.Direction(r.direction) },
		"carrier":   func() { s.Carrier = bench.Carrier(r.carrier) },
		"flows":     func() { s.Flows = r.flows },
		"payload":   func() { s.Payload = r.payload },
		"rate":      func() { s.Rate = r.rate },
		"window":    func() { s.Window, s.Burst = r.window, min(s.Burst, r.window) },
		"workers":   func() { s.Workers = r.workers },
	} {
		if r.changed(flag) {
			set()
		}
	}
}

func (r *benchRequest) runner() (*bench.Runner, error) {
	switch {
	case r.rounds < 1 || r.rounds > maxRounds:
		return nil, usage("--rounds %d is not between 1 and %d", r.rounds, maxRounds)
	case r.duration < bench.MinDuration || r.duration > bench.MaxDuration:
		return nil, usage("--duration %v is not between %v and %v", r.duration, bench.MinDuration, bench.MaxDuration)
	case r.warmup < 0 || r.warmup > bench.MaxDuration:
		return nil, usage("--warmup %v is not between 0 and %v", r.warmup, bench.MaxDuration)
	}
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program, of which the generator is a part: %w", err)
	}
	return &bench.Runner{Binary: self, Warmup: r.warmup, Duration: r.duration}, nil
}
