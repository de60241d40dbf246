package main

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"turnout/internal/admin"
)

// A trouble is a fault that there is now.
type trouble struct {
	fault fault
	what  string // which one, of several that can have it: a configuration key, an issuer's name; may be empty
	err   error  // for the log, which unlike /readyz is read by the operator alone; may be nil
}

// message is the trouble in a sentence.
func (t trouble) message() string {
	if t.what == "" {
		return faults[t.fault].sentence
	}
	return t.what + ": " + faults[t.fault].sentence
}

// A probe looks at one part of turnout. It answers at once, from any goroutine.
type probe func() []trouble

// A health knows what is wrong with the process. Whoever makes a part that can fail gives it a probe.
type health struct {
	mu     sync.Mutex
	names  []string         // in the order of their first set; guarded by mu
	probes map[string]probe // by name; guarded by mu
}

// set gives the part of this name a probe, in place of the one it had.
func (h *health) set(name string, p probe) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.probes == nil {
		h.probes = map[string]probe{}
	}
	if _, known := h.probes[name]; !known {
		h.names = append(h.names, name)
	}
	h.probes[name] = p
}

// look asks every probe.
func (h *health) look() (all []trouble) {
	h.mu.Lock()
	probes := make([]probe, 0, len(h.names))
	for _, name := range h.names {
		probes = append(probes, h.probes[name])
	}
	h.mu.Unlock()
	for _, p := range probes {
		all = append(all, p()...)
	}
	return all
}

// reasons are what /readyz says.
func (h *health) reasons() (all []admin.Reason) {
	for _, t := range h.look() {
		all = append(all, admin.Reason{Reason: t.fault.String(), Message: t.message()})
	}
	return all
}

// degraded yields every fault, and whether there is one of it.
func (h *health) degraded(yield func(reason string, is bool)) {
	var now [numFaults]bool
	for _, t := range h.look() {
		now[t.fault] = true
	}
	for f := range numFaults {
		yield(f.String(), now[f])
	}
}

// healthEvery is how often is looked after what has gone wrong, for the log: a log that is read by programs should know
// within the second that the metrics know in.
const healthEvery = time.Second

// watch logs what goes wrong and what is right again, until stop is called.
func (h *health) watch(log *slog.Logger) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var watching sync.WaitGroup
	watching.Go(func() {
		tick := time.NewTicker(healthEvery)
		defer tick.Stop()
		for told := map[string]fault{}; ; {
			told = h.tell(log, told)
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	})
	return func() {
		cancel()
		watching.Wait()
	}
}

// tell logs the difference between what was told and what is, and gives the latter, by message.
func (h *health) tell(log *slog.Logger, told map[string]fault) map[string]fault {
	now := map[string]fault{}
	for _, t := range h.look() {
		message := t.message()
		if _, known := told[message]; !known {
			attrs := []any{"reason", t.fault.String(), "means", message}
			if t.err != nil {
				attrs = append(attrs, "error", t.err)
			}
			log.Warn("degraded", attrs...)
		}
		now[message] = t.fault
	}
	for message, f := range told {
		if _, still := now[message]; !still {
			log.Info("no longer degraded", "reason", f.String(), "was", message)
		}
	}
	return now
}
