package metrics

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// exampleService has a value in every metric there is.
func exampleService() *Service {
	s := NewService(func() Reading {
		return Reading{
			Degraded: func(yield func(reason string, is bool)) {
				yield("store", true)
				yield("log", false)
			},
			Configuration: Configuration{Hash: "abc", Loaded: time.Unix(1, 500e6), Failed: true, Reloads: 13, Failures: 14},
			Log:           func(yield func(level string, lines uint64)) { yield("info", 2) },
			LogLost:       3, LogLeftOut: 15,
			Store: &Store{Up: true, Bytes: 4, Connection: &Connection{Up: true, Reconnects: 5, Behind: 6 * time.Second}, Subjects: 7, Usernames: 8},
			Issuers: []Issuer{
				{Name: "https://a.example", Keys: 9, Fetched: time.Unix(10, 0), Fetches: func(yield func(string, uint64)) { yield("ok", 11) }},
				{Name: "https://b.example", Fetches: func(yield func(string, uint64)) { yield("status", 12) }},
			},
		}
	})
	s.Offers([]string{"native", "acs"}, []string{"issued", "token_expired"}, []string{"user_created"})
	api := s.Listener("api", "GET /")
	api.Answered("GET /", 404, 20*time.Millisecond)
	api.Answered("GET /", 200, 30*time.Millisecond)
	api.Answered("GET /", 201, 50*time.Millisecond)
	api.Decided("credential", "acs", "issued")
	api.Decided("token", "acs", "token_expired")
	api.Decided("token", "acs", "token_expired")
	api.Changed("user_created")
	s.StoreOperation("read", "users", "")
	s.StoreOperation("write", "users", "failed")
	s.StoreOperation("write", "subjects", "failed")
	s.Revoked(3*time.Millisecond, 20*time.Millisecond, 2)
	s.Revoked(-time.Millisecond, time.Second, 0) // clocks differ, and nothing was live
	return s
}

// scrape is what a collector shows, comments left out.
func scrape(t *testing.T, c prometheus.Collector) string {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(c)
	w := httptest.NewRecorder()
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{ErrorHandling: promhttp.HTTPErrorOnError}).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	var b strings.Builder
	for line := range strings.Lines(w.Body.String()) {
		if !strings.HasPrefix(line, "#") {
			b.WriteString(line)
		}
	}
	return b.String()
}

// TestServiceValues compares every value, so that none is read into another's metric.
func TestServiceValues(t *testing.T) {
	t.Parallel()
	const want = `
turnout_config_info{hash="abc"} 1
turnout_config_last_reload_successful 0
turnout_config_loaded_timestamp_seconds 1.5
turnout_config_reloads_total{result="failed"} 14
turnout_config_reloads_total{result="ok"} 13
turnout_credentials_total{dialect="acs",result="issued"} 1
turnout_credentials_total{dialect="acs",result="token_expired"} 0
turnout_credentials_total{dialect="native",result="issued"} 0
turnout_credentials_total{dialect="native",result="token_expired"} 0
turnout_degraded{reason="log"} 0
turnout_degraded{reason="store"} 1
turnout_http_request_duration_seconds_sum{listener="api",route="GET /"} 0.1
turnout_http_request_duration_seconds_count{listener="api",route="GET /"} 3
turnout_http_requests_total{listener="api",route="GET /",status="2xx"} 2
turnout_http_requests_total{listener="api",route="GET /",status="3xx"} 0
turnout_http_requests_total{listener="api",route="GET /",status="4xx"} 1
turnout_http_requests_total{listener="api",route="GET /",status="5xx"} 0
turnout_issuer_key_fetches_total{issuer="https://a.example",result="ok"} 11
turnout_issuer_key_fetches_total{issuer="https://b.example",result="status"} 12
turnout_issuer_keys{issuer="https://a.example"} 9
turnout_issuer_keys{issuer="https://b.example"} 0
turnout_issuer_keys_fetched_timestamp_seconds{issuer="https://a.example"} 10
turnout_log_lines_left_out_total 15
turnout_log_lines_lost_total 3
turnout_log_lines_total{level="info"} 2
turnout_revocation_delay_seconds_sum 0.003
turnout_revocation_delay_seconds_count 2
turnout_revocation_teardown_seconds_sum 0.02
turnout_revocation_teardown_seconds_count 1
turnout_revocations{kind="subjects"} 7
turnout_revocations{kind="usernames"} 8
turnout_store_behind_seconds 6
turnout_store_connected 1
turnout_store_errors_total{operation="write",reason="failed"} 2
turnout_store_file_bytes 4
turnout_store_operations_total{kind="subjects",operation="write"} 1
turnout_store_operations_total{kind="users",operation="read"} 1
turnout_store_operations_total{kind="users",operation="write"} 1
turnout_store_reconnects_total 5
turnout_store_up 1
turnout_tokens_total{result="issued"} 0
turnout_tokens_total{result="token_expired"} 2
turnout_user_changes_total{change="user_created"} 1
`
	all := scrape(t, exampleService())
	var b strings.Builder
	for line := range strings.Lines(all) {
		if !strings.Contains(line, "_bucket{") {
			b.WriteString(line)
		}
	}
	if got := "\n" + b.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	for _, f := range families {
		if !strings.Contains(all, "\n"+f.name) && !strings.HasPrefix(all, f.name) {
			t.Errorf("%s is declared and never collected", f.name)
		}
	}
}

// TestHistograms wants both kinds of buckets, and a histogram to be there before anything has happened.
func TestHistograms(t *testing.T) {
	t.Parallel()
	s := NewService(func() Reading {
		return Reading{Degraded: func(func(string, bool)) {}, Log: func(func(string, uint64)) {}}
	})
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(s)
	// shown is how often a histogram was observed, how many classic buckets it shows, and whether it has native ones.
	shown := func(name string) (observed uint64, classic int, native bool) {
		all, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range all {
			if f.GetName() == name {
				h := f.GetMetric()[0].GetHistogram()
				return h.GetSampleCount(), len(h.GetBucket()), h.Schema != nil && len(h.GetPositiveSpan()) > 0
			}
		}
		t.Fatalf("no %s", name)
		return 0, 0, false
	}
	histograms := []*family{delay, teardown}
	for _, f := range histograms {
		if observed, classic, _ := shown(f.name); observed != 0 || classic != len(f.buckets) {
			t.Errorf("%s at the start: observed %d times, %d buckets", f.name, observed, classic)
		}
	}
	s.Revoked(20*time.Millisecond, 20*time.Millisecond, 1)
	for _, f := range histograms {
		if observed, classic, native := shown(f.name); observed != 1 || classic != len(f.buckets) || !native {
			t.Errorf("%s: observed %d times, %d buckets, native ones: %v", f.name, observed, classic, native)
		}
	}
}

// BenchmarkListener is what counting adds to a request for a credential.
func BenchmarkListener(b *testing.B) {
	s := NewService(func() Reading { return Reading{} })
	l := s.Listener("api", "POST /v1/ice-servers")
	s.Offers([]string{"native"}, []string{"issued"}, nil)
	b.ReportAllocs()
	for b.Loop() {
		l.Decided("credential", "native", "issued")
		l.Answered("POST /v1/ice-servers", 200, time.Millisecond)
	}
}
