package relay

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestHistogramBuckets counts random values both by a distribution and by the definition of either kind of bucket.
func TestHistogramBuckets(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for i, s := range scales {
		var d distribution
		var values []uint64
		lowest, highest := s.bounds[0], s.bounds[len(s.bounds)-1]
		for range 20000 {
			values = append(values, uint64(math.Exp(random.Float64()*math.Log(float64(highest)*4))))
		}
		values = append(values, 0, lowest, lowest+1, highest, highest+1, math.MaxUint64>>20)
		for _, b := range s.bounds {
			values = append(values, b, b+1)
		}
		sum := uint64(0)
		for _, v := range values {
			d.observe(s, v)
			sum += v
		}
		h := s.histogram(d.counts[:], d.sum)
		if h.Count != uint64(len(values)) || h.Sum != float64(sum)/s.unit {
			t.Errorf("distribution %d: %d values of %g, want %d of %g", i, h.Count, h.Sum, len(values), float64(sum)/s.unit)
		}
		atMost := func(bound float64) (n uint64) {
			for _, v := range values {
				if v <= uint64(bound*s.unit+1e-3) {
					n++
				}
			}
			return n
		}
		if want := atMost(h.ZeroThreshold); h.Zero != want {
			t.Errorf("distribution %d: %d up to %g, want %d", i, h.Zero, h.ZeroThreshold, want)
		}
		below, base := h.Zero, math.Pow(2, math.Pow(2, -float64(h.Schema)))
		if floor := math.Pow(base, float64(h.First-1)); math.Abs(floor/h.ZeroThreshold-1) > 1e-9 {
			t.Errorf("distribution %d: buckets begin above %g, and zero ends at %g", i, floor, h.ZeroThreshold)
		}
		for k, n := range h.Buckets {
			bound := math.Exp2(float64(int(h.First)+k) / math.Exp2(float64(h.Schema)))
			want := atMost(bound) - below
			if k == len(h.Buckets)-1 {
				want = h.Count - below
			}
			if n != want {
				t.Errorf("distribution %d: %d in the bucket up to %g, want %d", i, n, bound, want)
			}
			below += n
		}
		for _, b := range h.Classic {
			if want := atMost(b.UpTo); b.Count != want {
				t.Errorf("distribution %d: %d up to %g, want %d", i, b.Count, b.UpTo, want)
			}
		}
	}
}

// TestDistributionPublishes shows values once they are published, all of them, and only theirs.
func TestDistributionPublishes(t *testing.T) {
	t.Parallel()
	var c counters
	for i, v := range []uint64{0, 1, 1, 64, 512, 513, math.MaxUint64 >> 1} {
		c.observe(distributionReads, v)
		if got := c.distributions[distributionReads].publishedSum.Load(); got != 0 {
			t.Fatalf("value %d shows before it is published", i)
		}
	}
	d := &c.distributions[distributionReads]
	d.publish()
	n := uint64(0)
	for i := range d.published {
		if d.published[i].Load() != d.counts[i] {
			t.Errorf("count %d is %d, published %d", i, d.counts[i], d.published[i].Load())
		}
		n += d.published[i].Load()
	}
	if n != 7 || d.publishedSum.Load() != d.sum || d.changed != [len(d.changed)]uint64{} {
		t.Errorf("%d published, sum %d of %d", n, d.publishedSum.Load(), d.sum)
	}
}

func BenchmarkObserve(b *testing.B) {
	var d distribution
	b.ReportAllocs()
	for n := uint64(0); b.Loop(); n++ {
		d.observe(latencyScale, n*7919%1e6)
	}
}
