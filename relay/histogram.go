package relay

import (
	"math"
	"slices"
)

// A Histogram is how often values of which size were seen: in exponential buckets, as Prometheus' native histograms have
// them, and in classic ones with round bounds. Both are exact. Values are in the unit that its field in [Stats] names.
type Histogram struct {
	Count uint64
	Sum   float64

	// Schema says how wide exponential buckets are: each bound is 2^(2^-Schema) times the one before.
	Schema int32
	// Zero is how many values were at most ZeroThreshold: too small to tell apart.
	Zero          uint64
	ZeroThreshold float64
	// First is the index of Buckets[0]. The bucket with index i has what is at most 2^(i·2^-Schema), and above the bound
	// before. The last one has what is above its bound, too.
	First   int32
	Buckets []uint64

	// Classic are those with round bounds, in ascending order.
	Classic []ClassicBucket
}

// A ClassicBucket is how many values were at most UpTo: those of the buckets before it are among them.
type ClassicBucket struct {
	UpTo  float64
	Count uint64
}

// A scale is what a histogram is counted by: the bounds of both kinds together, so that either can be made of the counts.
type scale struct {
	schema      int32
	first, last int32 // indexes of the exponential buckets; the bound below the first is the zero threshold
	classic     []float64
	unit        float64 // how many of the whole numbers that are counted make one of the histogram's unit

	bounds []uint64 // in ascending order, as whole numbers
}

// maxBounds is how many bounds a scale has at most.
const maxBounds = 128

// newScale has exponential bounds from 2^low to 2^high, and classic ones in between.
func newScale(schema int32, low, high int, unit float64, classic ...float64) *scale {
	s := &scale{schema: schema, first: int32(low)<<schema + 1, last: int32(high) << schema, classic: classic, unit: unit}
	for i := s.first - 1; i <= s.last; i++ {
		s.bounds = append(s.bounds, s.whole(s.bound(i)))
	}
	for _, b := range classic {
		s.bounds = append(s.bounds, s.whole(b))
	}
	slices.Sort(s.bounds)
	s.bounds = slices.Compact(s.bounds)
	if len(s.bounds) > maxBounds || slices.Min(classic) < s.bound(s.first-1) || slices.Max(classic) > s.bound(s.last) {
		panic("relay: a histogram's bounds are too many or too far apart")
	}
	return s
}

// bound is the upper bound of the exponential bucket i.
func (s *scale) bound(i int32) float64 { return math.Exp2(float64(i) / float64(int32(1)<<s.schema)) }

// whole is the largest whole number that is at most a bound; the fraction added makes up for what multiplying loses.
func (s *scale) whole(bound float64) uint64 { return uint64(bound*s.unit + 1e-3) }

// histogram makes one of counts, of which the last is of what is above every bound.
func (s *scale) histogram(counts []uint64, sum uint64) Histogram {
	h := Histogram{
		Sum: float64(sum) / s.unit, Schema: s.schema, ZeroThreshold: s.bound(s.first - 1), First: s.first,
		Buckets: make([]uint64, s.last-s.first+1), Classic: make([]ClassicBucket, len(s.classic)),
	}
	exponential, classic := s.first-1, 0
	for i, n := range counts[:len(s.bounds)+1] {
		for i < len(s.bounds) && exponential < s.last && s.whole(s.bound(exponential)) < s.bounds[i] {
			exponential++
		}
		for classic < len(s.classic) && (i == len(s.bounds) || s.whole(s.classic[classic]) < s.bounds[i]) {
			h.Classic[classic] = ClassicBucket{s.classic[classic], h.Count}
			classic++
		}
		h.Count += n
		if exponential < s.first {
			h.Zero += n
		} else {
			h.Buckets[exponential-s.first] += n
		}
	}
	return h
}
