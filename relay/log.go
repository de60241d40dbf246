package relay

import (
	"context"
	"log/slog"
	"net/netip"
	"time"

	"turnout/allocation"
)

// An endedAllocation is what the log tells of an allocation: who had which
// relayed address when, since abuse reports name nothing else.
type endedAllocation struct {
	subject        string
	client         netip.AddrPort
	transport      allocation.Transport
	relayed        [2]netip.AddrPort // by family index; zero where there was none
	started, ended time.Time
	traffic        allocation.Traffic
	why            EndReason
}

// logEnd hands the line of an allocation that began at a Unix time to the log's
// goroutine: a worker does no I/O of this kind. When the log cannot keep up lines
// are left out, and counted in the next.
func (w *worker) logEnd(a *allocation.Allocation, subject string, started uint32, why EndReason) {
	e := endedAllocation{
		subject: subject, client: a.FiveTuple().Client, transport: a.FiveTuple().Transport,
		started: time.Unix(int64(started), 0), ended: w.wall,
		traffic: *a.Traffic(), why: why,
	}
	for _, ipv6 := range [...]bool{false, true} {
		if a.Has(ipv6) {
			e.relayed[family(ipv6)] = a.Relayed(ipv6)
		}
	}
	select {
	case w.ended <- e:
	default:
		w.unlogged.Add(1)
	}
}

// runLog writes a line for each allocation that ends.
func (s *Server) runLog() {
	for e := range s.ended {
		attrs := []slog.Attr{
			slog.String("subject", e.subject),
			slog.String("client", e.client.String()),
			slog.String("transport", e.transport.String()),
		}
		for _, r := range e.relayed {
			if r.IsValid() {
				attrs = append(attrs, slog.String("relayed", r.String()))
			}
		}
		attrs = append(attrs,
			slog.Time("start", e.started), slog.Time("end", e.ended),
			slog.Uint64("packets_from_client", e.traffic.PacketsIn), slog.Uint64("bytes_from_client", e.traffic.BytesIn),
			slog.Uint64("packets_to_client", e.traffic.PacketsOut), slog.Uint64("bytes_to_client", e.traffic.BytesOut),
			slog.String("why", e.why.String()))
		if n := s.unlogged.Swap(0); n > 0 {
			attrs = append(attrs, slog.Uint64("lines_left_out_before", n))
		}
		s.log.LogAttrs(context.Background(), slog.LevelInfo, "allocation ended", attrs...)
	}
}
