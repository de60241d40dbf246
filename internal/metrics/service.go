package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// A Reading is what is read at each scrape of the parts of the process that are not the relay. Words are of closed sets.
type Reading struct {
	Degraded      func(yield func(reason string, is bool)) // every reason there can be; required
	Configuration Configuration
	Log           func(yield func(level string, lines uint64)) // every level; required
	LogLost       uint64                                       // lines that could not be written
	LogLeftOut    uint64                                       // lines of which there were too many
	Store         *Store                                       // nil where there is none
	Issuers       []Issuer                                     // those that are configured
}

// A Configuration is the one in use, and what came of the last attempt to load one.
type Configuration struct {
	Hash              string    // of the one in use; tells nothing of its secrets
	Loaded            time.Time // when the one in use was read
	Failed            bool      // the last reload did
	Reloads, Failures uint64
}

// A Store is the state of what is kept.
type Store struct {
	Up                  bool
	Bytes               int64       // of the file; 0 where there is none
	Connection          *Connection // to NATS; nil without
	Subjects, Usernames int         // revocations
}

// A Connection is one to the store of a fleet.
type Connection struct {
	Up         bool
	Reconnects uint64
	Behind     time.Duration // for how long changes may have been missed
}

// An Issuer is another one's whose tokens are taken.
type Issuer struct {
	Name    string
	Keys    int
	Fetched time.Time // zero: never
	Fetches func(yield func(result string, n uint64))
}

// A Service counts what the service does, and reads the state of its parts at each scrape. It outlives reloads. Safe for
// concurrent use. Make it with NewService.
type Service struct {
	read            func() Reading
	storeOperations *prometheus.CounterVec
	storeErrors     *prometheus.CounterVec
	delay, teardown *prometheus.HistogramVec
	requests        *prometheus.CounterVec
	requestSeconds  *prometheus.HistogramVec
	credentials     *prometheus.CounterVec
	tokens          *prometheus.CounterVec
	userChanges     *prometheus.CounterVec
}

// NewService makes a Service. read is called at every scrape, from any goroutine.
func NewService(read func() Reading) *Service {
	s := &Service{
		read:            read,
		storeOperations: storeOperations.counter(), storeErrors: storeErrors.counter(),
		delay: delay.histogram(), teardown: teardown.histogram(),
		requests: httpRequests.counter(), requestSeconds: httpSeconds.histogram(),
		credentials: credentials.counter(), tokens: tokens.counter(), userChanges: userChanges.counter(),
	}
	s.delay.WithLabelValues() // shown before the first revocation, too
	s.teardown.WithLabelValues()
	return s
}

// counted are the parts that count by themselves.
func (s *Service) counted() []prometheus.Collector {
	return []prometheus.Collector{
		s.storeOperations, s.storeErrors, s.delay, s.teardown, s.requests, s.requestSeconds, s.credentials, s.tokens, s.userChanges,
	}
}

// StoreOperation counts an operation on records of a kind. reason says why it failed; empty if it did not. All words must be
// of closed sets.
func (s *Service) StoreOperation(operation, kind, reason string) {
	s.storeOperations.WithLabelValues(operation, kind).Inc()
	if reason != "" {
		s.storeErrors.WithLabelValues(operation, reason).Inc()
	}
}

// Revoked notes how long after a revocation this process knew of it, and where live allocations were ended, when the last of
// them was.
func (s *Service) Revoked(known, ended time.Duration, allocations int) {
	s.delay.WithLabelValues().Observe(max(known, 0).Seconds())
	if allocations > 0 {
		s.teardown.WithLabelValues().Observe(max(ended, 0).Seconds())
	}
}

// Describe tells every metric there can be.
func (s *Service) Describe(ch chan<- *prometheus.Desc) {
	for _, f := range families {
		ch <- f.desc
	}
}

// Collect reads everything once.
func (s *Service) Collect(ch chan<- prometheus.Metric) {
	for _, c := range s.counted() {
		c.Collect(ch)
	}
	r := s.read()
	e := emitter{ch}
	r.Degraded(func(reason string, is bool) { e.gauge(degraded, float64(boolean(is)), reason) })
	e.gauge(configInfo, 1, r.Configuration.Hash)
	e.gauge(configLoaded, seconds(r.Configuration.Loaded))
	e.gauge(configFits, float64(boolean(!r.Configuration.Failed)))
	e.counter(configReloads, r.Configuration.Reloads, "ok")
	e.counter(configReloads, r.Configuration.Failures, "failed")
	r.Log(func(level string, lines uint64) { e.counter(logLines, lines, level) })
	e.counter(logLost, r.LogLost)
	e.counter(logLeft, r.LogLeftOut)
	if r.Store != nil {
		e.store(r.Store)
	}
	for _, i := range r.Issuers {
		e.issuer(i)
	}
}

// An emitter sends metrics that were read.
type emitter struct{ ch chan<- prometheus.Metric }

func (e emitter) gauge(f *family, v float64, labels ...string) {
	e.ch <- prometheus.MustNewConstMetric(f.desc, prometheus.GaugeValue, v, labels...)
}

func (e emitter) counter(f *family, v uint64, labels ...string) {
	e.ch <- prometheus.MustNewConstMetric(f.desc, prometheus.CounterValue, float64(v), labels...)
}

func (e emitter) store(s *Store) {
	e.gauge(storeUp, float64(boolean(s.Up)))
	if s.Bytes > 0 {
		e.gauge(storeBytes, float64(s.Bytes))
	}
	if c := s.Connection; c != nil {
		e.gauge(storeConnected, float64(boolean(c.Up)))
		e.counter(storeReconnects, c.Reconnects)
		e.gauge(storeBehind, c.Behind.Seconds())
	}
	e.gauge(revocations, float64(s.Subjects), "subjects")
	e.gauge(revocations, float64(s.Usernames), "usernames")
}

func (e emitter) issuer(i Issuer) {
	e.gauge(issuerKeys, float64(i.Keys), i.Name)
	if !i.Fetched.IsZero() {
		e.gauge(issuerFetched, seconds(i.Fetched), i.Name)
	}
	i.Fetches(func(result string, n uint64) { e.counter(issuerFetches, n, i.Name, result) })
}

// seconds is a time as Prometheus has it.
func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
