package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"turnout/relay"
)

// A histogram is one reading of what the relay counted: classic and native buckets both, which the constant histograms of
// client_golang do not have together. A Prometheus that asks for native ones gets them, any other the classic ones.
type histogram struct {
	prometheus.Metric // native
	classic           []relay.ClassicBucket
}

// newHistogram makes a metric of d's, with labels as d declares them.
func newHistogram(d *prometheus.Desc, h relay.Histogram, labels ...string) prometheus.Metric {
	buckets := map[int]int64{}
	for i, n := range h.Buckets {
		if n > 0 {
			buckets[int(h.First)+i] = int64(n)
		}
	}
	native := prometheus.MustNewConstNativeHistogram(d, h.Count, h.Sum, buckets, nil, h.Zero, h.Schema, h.ZeroThreshold, time.Time{}, labels...)
	return histogram{native, h.Classic}
}

// Write implements prometheus.Metric.
func (h histogram) Write(m *dto.Metric) error {
	if err := h.Metric.Write(m); err != nil {
		return err
	}
	m.Histogram.CreatedTimestamp = nil // not known
	for _, b := range h.classic {
		m.Histogram.Bucket = append(m.Histogram.Bucket, &dto.Bucket{UpperBound: new(b.UpTo), CumulativeCount: new(b.Count)})
	}
	return nil
}

// collectHistograms gives those of one reading.
func collectHistograms(ch chan<- prometheus.Metric, s relay.Stats) {
	ch <- newHistogram(duration, s.AllocationSeconds)
	ch <- newHistogram(allocationBytes, s.AllocationBytes)
	ch <- newHistogram(reads, s.Reads)
	ch <- newHistogram(latency, s.LatencyToPeers, "to_peer")
	ch <- newHistogram(latency, s.LatencyToClients, "to_client")
}
