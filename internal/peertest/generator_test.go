package peertest

import (
	"encoding/json"
	"io"
	"net/netip"
	"os/exec"
	"testing"
	"time"

	"turnout/bench"
)

// A generator is a running one of "turnout bench", a process of its own.
type generator struct {
	job     bench.Job
	printed *log
	in      io.Closer // whose end is the generator's
	answer  chan answered
}

type answered struct {
	m   bench.Measurement
	err error
}

// flowsOf is a load of so many flows of so many small packets a second each, there and back.
func flowsOf(flows int, rate float64) bench.Scenario {
	return bench.Scenario{
		Name: "flows", Purpose: bench.Traffic, Transport: bench.UDP, Flows: flows, Payload: 160,
		Direction: bench.Echo, Carrier: bench.Channel, Rate: rate, Workers: 1,
	}
}

// startGenerator has a generator make its allocations, one for each flow and each a user's of its own,
// relay for some time, and give them back. It ends early with the test. The pid is the server's, whose
// sockets are looked at; 0 for none.
func startGenerator(t *testing.T, server netip.AddrPort, pid int, s bench.Scenario, duration time.Duration) *generator {
	t.Helper()
	name, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	g := &generator{
		job: bench.Job{
			Scenario: s, Server: server, Spread: true, Local: netip.MustParseAddr("127.0.0.1"),
			Credentials: bench.Credentials{Secret: secret, Expires: time.Now().Add(time.Hour)},
			Duration:    duration, Release: true, Seed: 1,
		},
		printed: &log{}, answer: make(chan answered, 1),
	}
	if pid != 0 {
		g.job.ServerPIDs = []int{pid}
	}
	command := exec.CommandContext(t.Context(), name, "bench", "generate")
	command.Stderr = g.printed
	command.WaitDelay = 10 * time.Second
	in, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	g.in = in
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	if err := json.NewEncoder(in).Encode(g.job); err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		var a answered
		a.err = json.NewDecoder(out).Decode(&a.m)
		if err := command.Wait(); a.err == nil {
			a.err = err
		}
		g.answer <- a
	}()
	t.Cleanup(func() {
		in.Close()
		<-over
	})
	return g
}

// over says whether it has ended.
func (g *generator) over() bool { return len(g.answer) > 0 }

// flow waits for the end of the load, and wants every packet that was sent to have arrived or to
// be one that a socket of the kernel had no room for. Packets are counted both ways at once: a
// packet has arrived when the peer has sent it back and its client has it.
func (g *generator) flow(t *testing.T) *bench.Flow {
	t.Helper()
	a := <-g.answer
	if a.err != nil || a.m.Traffic == nil {
		t.Fatalf("the generator: %v\n%s", a.err, g.printed)
	}
	f := a.m.Traffic
	t.Logf("%d flows for %v: %d packets of %d planned sent, %d lost; sockets dropped %d (relay's) and %d (generator's); round trip %v (median), %v (99 %%)",
		g.job.Scenario.Flows, f.Elapsed, f.Sent, f.Planned, f.Lost, f.ServerDropped, f.Dropped, f.Latency.Percentile(50), f.Latency.Percentile(99))
	if f.Sent == 0 || f.Lost > f.ServerDropped+f.Dropped {
		t.Errorf("%d of %d packets are lost, and sockets dropped %d", f.Lost, f.Sent, f.ServerDropped+f.Dropped)
	}
	if f.Corrupt+f.Misdelivered+f.Duplicate > 0 {
		t.Errorf("%d packets are corrupt, %d came to another flow, %d twice: %s", f.Corrupt, f.Misdelivered, f.Duplicate, f.Evidence)
	}
	return f
}
