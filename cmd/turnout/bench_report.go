package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"turnout/bench"
)

// benchCompare measures several servers side by side and writes the report to files.
func (a *app) benchCompare(ctx context.Context, r *benchRequest) error {
	if len(r.scenarios) == 0 {
		for _, s := range bench.Scenarios {
			r.scenarios = append(r.scenarios, s.Name)
		}
	}
	scenarios, err := r.chosen()
	if err != nil {
		return err
	}
	plan := bench.Plan{Scenarios: scenarios, Rounds: r.rounds, Discard: true}
	runner, err := r.runner()
	if err != nil {
		return err
	}
	if err := r.checkServers(); err != nil {
		return err
	}
	source, err := bench.Source(".")
	if err != nil {
		return err
	}
	if r.out == "" {
		r.out = filepath.Join(source, "bench", "results")
	}
	if err := os.MkdirAll(r.out, 0o755); err != nil { // now, not when ten minutes were spent on a report
		return err
	}
	programs, err := os.MkdirTemp("", "turnout-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(programs)
	if plan.Servers, err = a.benchServers(ctx, r, runner.Binary, source, programs); err != nil {
		return err
	}
	report, err := a.measure(ctx, runner, plan)
	if report == nil || report.Rounds == 0 {
		return err
	}
	report.Commit, report.Command = bench.Commit(context.WithoutCancel(ctx), source), "turnout "+strings.Join(os.Args[1:], " ")
	if err == nil {
		err = verdict(report, true)
	}
	return joined(a.keepReport(ctx, r.out, report, source, programs), a.writeReport(report, r.json), err)
}

// comparedServers are those of a comparison, and knownServers those that it knows by name: the others tell what watching turnout
// costs. It takes any other turnout by the path of its binary.
var (
	comparedServers = []string{"turnout", "coturn", "pion"}
	knownServers    = append(slices.Clone(comparedServers), "turnout-watched", "turnout-unwatched")
)

// isBinary says whether a server is named by a path: an earlier build of turnout, say, to see what a change has done.
func isBinary(server string) bool { return strings.ContainsRune(server, filepath.Separator) }

// checkServers looks for names that are not known, or twice there.
func (r *benchRequest) checkServers() error {
	for i, name := range r.servers {
		if !slices.Contains(knownServers, name) && !isBinary(name) {
			return usage("--servers %s: no server %q, but %s, and other builds of turnout by their path", strings.Join(r.servers, ","), name, strings.Join(knownServers, ", "))
		}
		if slices.Contains(r.servers[:i], name) {
			return usage("--servers %s names %s twice", strings.Join(r.servers, ","), name)
		}
	}
	return nil
}

// benchServers are those that were asked for. One that is not installed is left out with a warning, unless it was named.
func (a *app) benchServers(ctx context.Context, r *benchRequest, self, source, programs string) ([]bench.Server, error) {
	var servers []bench.Server
	for _, name := range r.servers {
		s, err := bench.Turnout(self), error(nil)
		switch {
		case name == "turnout-watched":
			s = bench.Watched(self)
		case name == "turnout-unwatched":
			s = bench.Unwatched(self)
		case name == "coturn":
			s, err = bench.Coturn()
		case name == "pion":
			s, err = bench.Pion(ctx, source, programs)
		case isBinary(name):
			s = bench.Turnout(name)
			s.Name = name
		}
		var missing *bench.MissingError
		if errors.As(err, &missing) && !r.changed("servers") {
			fmt.Fprintln(a.stderr, "turnout: warning: left out:", err)
			continue
		}
		if err != nil {
			return nil, err
		}
		servers = append(servers, s)
	}
	return servers, nil
}

// measure runs a plan, and says on stderr how far it is.
func (a *app) measure(ctx context.Context, runner *bench.Runner, plan bench.Plan) (*bench.Report, error) {
	progress := bench.NewProgress(a.stderr, terminal(a.stderr), plan.Steps())
	defer progress.End()
	report, err := runner.Compare(ctx, plan, progress.Step)
	if report != nil {
		report.Date = a.now()
	}
	return report, err
}

// writeReport prints a report.
func (a *app) writeReport(report *bench.Report, json bool) error {
	if json {
		return report.WriteJSON(a.stdout)
	}
	return report.WriteMarkdown(a.stdout)
}

// keepReport writes a report into files of a folder, named after its date.
func (a *app) keepReport(ctx context.Context, folder string, report *bench.Report, source, programs string) error {
	name := filepath.Join(folder, report.Date.UTC().Format("2006-01-02"))
	draw := func(w io.Writer) error { return report.Draw(context.WithoutCancel(ctx), source, programs, w) }
	for _, f := range []struct {
		extension string
		write     func(io.Writer) error
	}{{".json", report.WriteJSON}, {".md", report.WriteMarkdown}, {".svg", draw}} {
		if err := writeFile(name+f.extension, f.write); err != nil {
			return err
		}
		fmt.Fprintln(a.stderr, "wrote", name+f.extension)
	}
	return nil
}

// writeFile leaves no file that is not whole.
func writeFile(name string, write func(io.Writer) error) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	if err := joined(write(f), f.Close()); err != nil {
		return joined(err, os.Remove(name))
	}
	return nil
}

// verdict fails a run in which measurements failed, and a strict one, of which others read the status, also when packets were
// damaged or none arrived.
func verdict(report *bench.Report, strict bool) error {
	if failures := report.Failures(); len(failures) > 0 {
		return fmt.Errorf("%d measurements failed, the first: %s", len(failures), failures[0])
	}
	switch {
	case !strict:
		return nil
	case report.Corrupt() > 0:
		return fmt.Errorf("%d packets arrived damaged or at another client", report.Corrupt())
	case !report.Delivered():
		return errors.New("a scenario delivered nothing")
	}
	return nil
}

// joined is errors.Join, but nil stays nil and one error itself.
func joined(errs ...error) error {
	errs = slices.DeleteFunc(errs, func(err error) bool { return err == nil })
	if len(errs) == 1 {
		return errs[0]
	}
	return errors.Join(errs...)
}
