package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"turnout/internal/netio"
)

// A Runner starts servers and generators, one pair at a time, and measures.
type Runner struct {
	// Binary is the program that "bench generate" and "bench peer" are commands of: this one.
	Binary string
	// Warmup and Duration are how long packets flow before they are counted, and while.
	Warmup, Duration time.Duration
}

// Bounds of Runner.Duration, and what a run may take besides.
const (
	MinDuration  = 100 * time.Millisecond
	MaxDuration  = 2 * time.Minute // channels and permissions live for five
	setUpPerFlow = 5 * time.Millisecond
	runOverhead  = time.Minute
)

// A Run is one measurement of one server.
type Run struct {
	Measurement
	Command []string `json:",omitempty"` // of the server
	Layout  Layout
}

// Run starts a server, measures it under the scenario and stops it again.
func (r *Runner) Run(ctx context.Context, server Server, s Scenario) (run Run, err error) {
	if server.running.IsValid() {
		return r.runAgainst(ctx, server, s)
	}
	dir, err := os.MkdirTemp("", "turnout-bench-")
	if err != nil {
		return run, err
	}
	defer os.RemoveAll(dir)
	place, err := newPlace(dir, s.Flows, s.Workers)
	if err != nil {
		return run, err
	}
	j := Job{
		Scenario: s, Server: place.Addr, Spread: true, Local: place.Peer,
		Credentials: Credentials{Secret: place.Secret, Expires: time.Now().Add(time.Hour)},
	}
	if s.Transport == TLS {
		if j.Roots, err = place.certify(time.Now()); err != nil {
			return run, err
		}
		j.Server, j.ServerName = place.TLS, place.TLS.Addr().String()
	}
	run.Layout = NewLayout(netio.Processors(), s.Workers)
	k, err := launch(ctx, server.Name, run.Layout.Server, func(ctx context.Context) (*exec.Cmd, error) {
		return server.Command(ctx, place)
	})
	if err != nil {
		return run, err
	}
	defer k.stop()
	run.Command = commandLine(k.command.Args, dir)
	if err := awaitServer(ctx, place.Addr, j.Server, k.ended); err != nil {
		return run, k.failed(err)
	}
	j.ServerPIDs = []int{k.command.Process.Pid}
	finish := server.accompany(ctx, place)
	run.Measurement, err = r.generate(ctx, j, run.Layout.Generator)
	if err = errors.Join(err, finish()); err != nil {
		return run, fmt.Errorf("%s, scenario %s: %w", server.Name, s.Name, err)
	}
	return run, nil
}

// accompany begins what goes on beside a server; finish ends it.
func (s Server) accompany(ctx context.Context, at Place) (finish func() error) {
	if s.beside == nil {
		return func() error { return nil }
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- s.beside(ctx, at) }()
	return func() error { cancel(); return <-ended }
}

// commandLine is a command as a report shows it: without the folders of this host.
func commandLine(args []string, dir string) []string {
	shown := slices.Clone(args)
	for i := range shown {
		shown[i] = strings.ReplaceAll(shown[i], dir, "DIR")
	}
	shown[0] = filepath.Base(shown[0])
	return shown
}

// Running is a server that somebody else runs, for Compare and Run; its processor time and memory are not seen. Its certificate
// has to be host's.
func Running(at netip.AddrPort, host string, c Credentials) Server {
	return Server{
		Name: at.String(), running: at, host: host, login: c,
		Version: func(context.Context) (string, error) { return "not started here", nil },
	}
}

// runAgainst measures such a server.
func (r *Runner) runAgainst(ctx context.Context, server Server, s Scenario) (run Run, err error) {
	local, err := localFor(server.running)
	if err != nil {
		return run, err
	}
	run.Layout = Layout{Shared: server.running.Addr().IsLoopback()}
	run.Measurement, err = r.generate(ctx, Job{
		Scenario: s, Server: server.running, ServerName: server.host, Spread: server.spread(), Local: local, Credentials: server.login, Release: true,
	}, nil)
	if err != nil {
		return run, fmt.Errorf("scenario %s: %w", s.Name, err)
	}
	return run, nil
}

// generate runs a generator process, and the peer in another one where it is for streams.
func (r *Runner) generate(ctx context.Context, j Job, processors []int) (m Measurement, err error) {
	j.Warmup, j.Duration, j.Seed = r.Warmup, r.Duration, rand.Uint64()
	limit := time.Duration(j.Scenario.Flows)*setUpPerFlow + j.Warmup + j.Duration + runOverhead
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("not done after %v", limit))
	defer cancel()
	if j.Scenario.Transport != UDP {
		peer, err := openDialogue(ctx, "peer", processors, PeerJob{j.Local}, r.Binary, "bench", "peer")
		if err != nil {
			return m, err
		}
		defer peer.stop()
		var at PeerAddress
		if err := peer.answer(&at); err != nil {
			return m, err
		}
		j.Peer, j.PeerPID = at.Addr, peer.command.Process.Pid
	}
	d, err := openDialogue(ctx, "generator", processors, j, r.Binary, "bench", "generate")
	if err != nil {
		return m, err
	}
	defer d.stop()
	if err := d.answer(&m); err != nil {
		if ctx.Err() != nil {
			return m, context.Cause(ctx)
		}
		return m, err
	}
	return m, nil
}

// String is the scenario in a few words, for tables.
func (s Scenario) String() string {
	parts := []string{strings.ToUpper(string(s.Transport)), plural(s.Flows, "flow")}
	switch {
	case s.Purpose == Allocations:
		return strings.Join(append(parts, "no traffic"), ", ")
	case s.Rate > 0:
		parts = append(parts, fmt.Sprintf("%g packets/s each", s.Rate))
	default:
		parts = append(parts, fmt.Sprintf("%d under way each", s.Window))
	}
	parts = append(parts, fmt.Sprintf("%d B", s.Payload), string(s.Direction))
	if s.Segmented {
		parts = append(parts, "segmented")
	}
	if s.Carrier == Indication {
		parts = append(parts, "indications")
	}
	if s.Workers > 1 {
		parts = append(parts, plural(s.Workers, "worker"))
	}
	return strings.Join(parts, ", ")
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
