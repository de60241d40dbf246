package bench

import (
	"context"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// fails is a server that does not start.
func fails(name string) Server {
	return Server{
		Name: name, Command: broken,
		Version: func(context.Context) (string, error) { return "0", nil },
	}
}

// TestCompareFailures goes on after a measurement that failed, but not after many.
func TestCompareFailures(t *testing.T) {
	t.Parallel()
	s := small(func(*Scenario) {})
	var told []string
	done := func(server, scenario string) { told = append(told, server+" "+scenario) }
	plan := Plan{Scenarios: []Scenario{s}, Servers: []Server{fails("a"), fails("b")}, Rounds: 1}
	report, err := new(Runner).Compare(t.Context(), plan, done)
	if err != nil || report.Rounds != 1 || len(report.Failures()) != 2 || strings.Join(told, ", ") != "b small, a small" {
		t.Errorf("got %v, %d rounds, failures %q, told %q", err, report.Rounds, report.Failures(), told)
	}
	var b strings.Builder
	if err := report.WriteMarkdown(&b); err != nil || !strings.Contains(b.String(), "b: a measurement failed: b: it ended before it served; it printed: out of order") ||
		!strings.Contains(b.String(), "| small | b | failed |") {
		t.Errorf("%v: the failure is not in the report:\n%s", err, &b)
	}
	plan.Rounds, plan.Discard = 5, true
	report, err = new(Runner).Compare(t.Context(), plan, done)
	if err == nil || !strings.Contains(err.Error(), "3 measurements failed") || report.Rounds != 0 {
		t.Errorf("got %v, %d rounds", err, report.Rounds)
	}
}

// TestCompareInterrupted ends with the rounds there are.
func TestCompareInterrupted(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	slow := Server{
		Name: "slow", Version: func(context.Context) (string, error) { return "0", nil },
		Command: func(ctx context.Context, _ Place) (*exec.Cmd, error) {
			return exec.CommandContext(ctx, "sleep", "3600"), nil
		},
	}
	time.AfterFunc(100*time.Millisecond, cancel)
	report, err := new(Runner).Compare(ctx, Plan{Scenarios: Scenarios[:1], Servers: []Server{slow}, Rounds: 2}, func(string, string) {})
	if err == nil || !strings.Contains(err.Error(), "interrupted") || report.Rounds != 0 {
		t.Errorf("got %v, %+v", err, report)
	}
}

// TestPlan refuses what no process can hold, before anything starts.
func TestPlan(t *testing.T) {
	t.Parallel()
	if limit := DescriptorLimit(); limit > 0 {
		s := small(func(s *Scenario) { s.Flows = limit })
		if _, err := new(Runner).Compare(t.Context(), Plan{Scenarios: []Scenario{s}, Servers: []Server{fails("a")}, Rounds: 1}, nil); err == nil {
			t.Errorf("%d flows fit a limit of %d descriptors", limit, limit)
		}
	}
	if got := (Plan{Scenarios: Scenarios[:2], Servers: make([]Server, 3), Rounds: 5, Discard: true}).Steps(); got != 36 {
		t.Errorf("%d steps, want 36", got)
	}
}

// TestCompareInterruptedEarly is interrupted while servers are asked for their versions.
func TestCompareInterruptedEarly(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	s := fails("a")
	s.Version = func(ctx context.Context) (string, error) {
		cancel()
		return "", context.Canceled
	}
	_, err := new(Runner).Compare(ctx, Plan{Scenarios: Scenarios[:1], Servers: []Server{s}, Rounds: 1}, func(string, string) {})
	if err == nil || err.Error() != "interrupted" {
		t.Errorf("got %v", err)
	}
	if _, err := Pion(ctx, "..", t.TempDir()); err == nil || err.Error() != "interrupted" {
		t.Errorf("building pion's server: got %v", err)
	}
}
