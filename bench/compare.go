package bench

import (
	"context"
	"errors"
	"fmt"
)

// maxFailures is how many measurements of a comparison may fail: its other rounds are worth having, but whatever fails
// always shall not do so for an hour.
const maxFailures = 3

// A Plan is what Compare does.
type Plan struct {
	Scenarios []Scenario
	Servers   []Server
	Rounds    int  // counted ones
	Discard   bool // one more round ahead of them, in which caches and clocks warm up
}

// Steps is how many measurements the plan has.
func (p Plan) Steps() int {
	n := p.Rounds
	if p.Discard {
		n++
	}
	return n * len(p.Scenarios) * len(p.Servers)
}

// check looks for what cannot work before anything is started.
func (p Plan) check() error {
	var errs []error
	for _, s := range p.Scenarios {
		for _, x := range p.Servers {
			errs = append(errs, CheckDescriptors(s, x.spread(), DescriptorLimit()))
		}
	}
	return errors.Join(errs...)
}

// Compare measures every server under every scenario, once a round, in an order that changes from round to round. done is told of
// each measurement. One that fails is named in the report. When ctx ends, or too many fail, the report has the rounds so far,
// beside the error.
func (r *Runner) Compare(ctx context.Context, p Plan, done func(server, scenario string)) (*Report, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	report := &Report{Host: ThisHost(), Discarded: p.Discard, Warmup: r.Warmup, Duration: r.Duration}
	for _, s := range p.Servers {
		version, err := s.Version(ctx)
		if ctx.Err() != nil {
			return nil, errInterrupted
		}
		if err != nil {
			return nil, fmt.Errorf("version of %s: %w", s.Name, err)
		}
		report.Servers = append(report.Servers, Described{s.Name, version})
	}
	for _, s := range p.Scenarios {
		result := ScenarioResult{Scenario: s}
		for _, x := range p.Servers {
			result.Servers = append(result.Servers, ServerResult{Server: x.Name})
		}
		report.Results = append(report.Results, result)
	}
	first := 0
	if p.Discard {
		first = -1
	}
	var err error
	for round := first; round < p.Rounds && err == nil; round++ {
		if err = r.round(ctx, p, round, report, done); err == nil && round >= 0 {
			report.Rounds++
		}
	}
	for i := range report.Results {
		for k := range report.Results[i].Servers {
			x := &report.Results[i].Servers[k]
			x.Summary = summarize(report.Results[i].Scenario, x.Rounds, report.Host.CPUs)
		}
	}
	return report, err
}

// round measures everything once; round -1 is forgotten.
func (r *Runner) round(ctx context.Context, p Plan, round int, report *Report, done func(server, scenario string)) error {
	for i, s := range p.Scenarios {
		for _, k := range Order(len(p.Servers), round+1) {
			if ctx.Err() != nil {
				return errInterrupted
			}
			run, err := r.Run(ctx, p.Servers[k], s)
			if ctx.Err() != nil {
				return errInterrupted // what came of that is no news
			}
			done(p.Servers[k].Name, s.Name)
			x := &report.Results[i].Servers[k]
			switch {
			case err != nil:
				x.Failures = append(x.Failures, err.Error())
				if len(report.Failures()) >= maxFailures {
					return fmt.Errorf("%d measurements failed: %w", maxFailures, err)
				}
			case round >= 0:
				x.Command = run.Command
				x.Rounds = append(x.Rounds, run)
			}
		}
	}
	return nil
}
