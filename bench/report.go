package bench

import (
	"encoding/json"
	"io"
	"time"
)

// A Report is everything that a comparison found. As JSON it holds every round.
type Report struct {
	Date      time.Time
	Commit    string // of turnout
	Command   string // that made the report
	Host      Host
	Servers   []Described
	Rounds    int  // counted
	Discarded bool // one more came first, and is not counted
	Warmup    time.Duration
	Duration  time.Duration // of a round's window
	Results   []ScenarioResult
}

// A Described server is one that took part.
type Described struct{ Name, Version string }

// A ScenarioResult is all servers under one scenario, in the order of Report.Servers.
type ScenarioResult struct {
	Scenario Scenario
	Servers  []ServerResult
}

// A ServerResult is one server's rounds that count.
type ServerResult struct {
	Server  string
	Command []string // of one round: ports and folders differ from round to round
	Rounds  []Run
	Summary Summary
	// Failures are why measurements failed, which are in no figure.
	Failures []string `json:",omitempty"`
}

// Failures are those of all servers under all scenarios.
func (r *Report) Failures() []string {
	var all []string
	for _, s := range r.Results {
		for _, x := range s.Servers {
			all = append(all, x.Failures...)
		}
	}
	return all
}

// WriteJSON writes the report for programs.
func (r *Report) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", " ")
	return e.Encode(r)
}

// Corrupt is how many packets of all counted rounds arrived damaged or at another client than theirs.
func (r *Report) Corrupt() uint64 {
	var n uint64
	for _, s := range r.Results {
		for _, x := range s.Servers {
			n += x.Summary.Corrupt
		}
	}
	return n
}

// Delivered says whether every scenario with traffic delivered packets, in every round of every server.
func (r *Report) Delivered() bool {
	for _, s := range r.Results {
		for _, x := range s.Servers {
			for _, run := range x.Rounds {
				if s.Scenario.Purpose == Traffic && (run.Traffic == nil || run.Traffic.Delivered == 0) {
					return false
				}
			}
		}
	}
	return true
}
