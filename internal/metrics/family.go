package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// A family is the declaration of a metric that a [Service] has.
type family struct {
	name, help string
	labels     []string
	buckets    []float64 // of a histogram; nil for others
	desc       *prometheus.Desc
}

// families are all of them, in the order of their declaration.
var families []*family

func declare(name, help string, labels ...string) *family {
	f := &family{name: prefix + name, help: help, labels: labels, desc: prometheus.NewDesc(prefix+name, help, labels, nil)}
	families = append(families, f)
	return f
}

// declareSeconds declares a histogram with these classic buckets, in seconds.
func declareSeconds(name, help string, buckets []float64, labels ...string) *family {
	f := declare(name, help, labels...)
	f.buckets = buckets
	return f
}

func (f *family) counter() *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: f.name, Help: f.help}, f.labels)
}

// histogram has classic buckets, for every Prometheus, and native ones, which are exact to a tenth and cost nothing while
// empty, for those that ask for them.
func (f *family) histogram() *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: f.name, Help: f.help, Buckets: f.buckets,
		NativeHistogramBucketFactor:     1.1,
		NativeHistogramMaxBucketNumber:  160, // factor 1.1 over six decades
		NativeHistogramMinResetDuration: time.Hour,
	}, f.labels)
}
