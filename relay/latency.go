package relay

import (
	"time"

	"turnout/allocation"
	"turnout/internal/netio"
)

// Latency is measured where the system tells when it received a packet, which costs time on every packet of a socket: so
// at one of LatencySample relay sockets all the time, and at each listener one of LatencySample parts of a second.

// A stamped packet is one that waits to be sent and whose time of arrival is known.
type stamped struct {
	distribution int
	received     int64 // Unix time in nanoseconds
}

// sampleRelay has the relay socket of an allocation tell when packets arrive, if it is of the sample.
func (w *worker) sampleRelay(id allocation.ID, s netio.Socket) {
	if w.latencySample > 0 && id.Index()%w.latencySample == 0 {
		w.stamp(s, true)
	}
}

// sampleListener has a new listener tell when packets arrive, if the worker's others do.
func (w *worker) sampleListener(s netio.Socket) {
	if w.sampling {
		w.stamp(s, true)
	}
}

// sampleListeners begins or ends this worker's part of a second: once a second, and at the first round behind it.
func (w *worker) sampleListeners(on bool) {
	if w.latencySample <= 1 || on == w.sampling {
		return // none, or all the time
	}
	w.sampling = on
	for _, s := range w.listeners {
		w.stamp(s, on)
	}
}

// sampled says whether the part of a second that began at w.tidied is over.
func (w *worker) sampled() bool {
	return w.sampling && w.now >= w.tidied+allocation.Time(allocation.Second)/allocation.Time(w.latencySample)
}

// stamp switches times of arrival on or off at a socket, where the system has them.
func (w *worker) stamp(s netio.Socket, on bool) {
	if st, ok := s.(netio.Stamper); ok {
		_ = st.Stamp(on) // its packets are in no sample then
	}
}

// sampleLatency notes that the packet being served was queued.
func (w *worker) sampleLatency(distribution int) {
	w.stamped = append(w.stamped, stamped{distribution, w.received})
}

// observeLatency counts what was sent just now. The system's clock may have been set meanwhile: what would be a time before
// 0 counts as 0.
func (w *worker) observeLatency() {
	if len(w.stamped) == 0 {
		return
	}
	now := time.Now().UnixNano()
	for _, p := range w.stamped {
		w.counters.observe(p.distribution, uint64(max(0, now-p.received)))
	}
	w.stamped = w.stamped[:0]
}
