package metrics

import (
	"slices"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"turnout/relay"
)

// TestHistogram reads a histogram as a scraper does that takes native buckets: spans with gaps, and deltas.
func TestHistogram(t *testing.T) {
	t.Parallel()
	d := prometheus.NewDesc("turnout_example_seconds", "An example.", []string{"direction"}, nil)
	var m dto.Metric
	err := newHistogram(d, relay.Histogram{
		Count: 21, Sum: 4.5, Schema: 2, Zero: 3, ZeroThreshold: 0.25, First: -7,
		Buckets: []uint64{0, 4, 2, 0, 0, 0, 0, 0, 0, 0, 0, 5, 7},
		Classic: []relay.ClassicBucket{{UpTo: 0.5, Count: 9}, {UpTo: 1, Count: 14}},
	}, "to_peer").Write(&m)
	if err != nil {
		t.Fatal(err)
	}
	h := m.Histogram
	if h.GetSampleCount() != 21 || h.GetSampleSum() != 4.5 || h.GetSchema() != 2 || h.GetZeroCount() != 3 || h.GetZeroThreshold() != 0.25 || h.CreatedTimestamp != nil {
		t.Errorf("%v", h)
	}
	if len(m.Label) != 1 || m.Label[0].GetName() != "direction" || m.Label[0].GetValue() != "to_peer" {
		t.Errorf("labels %v", m.Label)
	}
	type bucket struct {
		index int32
		count int64
	}
	var native []bucket
	index, count, k := int32(0), int64(0), 0
	for _, span := range h.PositiveSpan {
		index += span.GetOffset()
		for range span.GetLength() {
			count += h.PositiveDelta[k]
			k++
			if count != 0 {
				native = append(native, bucket{index, count})
			}
			index++
		}
	}
	if want := []bucket{{-6, 4}, {-5, 2}, {4, 5}, {5, 7}}; k != len(h.PositiveDelta) || !slices.Equal(native, want) {
		t.Errorf("native buckets %v of %d, want %v", native, len(h.PositiveDelta), want)
	}
	var classic []relay.ClassicBucket
	for _, b := range h.Bucket {
		classic = append(classic, relay.ClassicBucket{UpTo: b.GetUpperBound(), Count: b.GetCumulativeCount()})
	}
	if want := []relay.ClassicBucket{{UpTo: 0.5, Count: 9}, {UpTo: 1, Count: 14}}; !slices.Equal(classic, want) {
		t.Errorf("classic buckets %v, want %v", classic, want)
	}
}

// TestEmptyHistogram has a scraper see a native histogram in one that nothing was counted in.
func TestEmptyHistogram(t *testing.T) {
	t.Parallel()
	var m dto.Metric
	d := prometheus.NewDesc("turnout_example_seconds", "An example.", nil, nil)
	if err := newHistogram(d, relay.Histogram{ZeroThreshold: 0.25, Classic: []relay.ClassicBucket{{UpTo: 1}}}).Write(&m); err != nil {
		t.Fatal(err)
	}
	if h := m.Histogram; h.Schema == nil || h.GetZeroThreshold() != 0.25 || h.GetSampleCount() != 0 || len(h.Bucket) != 1 {
		t.Errorf("%v", h)
	}
}
