package peertest

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// TestHistograms has two real Prometheus scrape a relay, one that knows native histograms and one that does not: the one
// reads native buckets and the other classic ones, and both tell the same. A power of two is a bound of either kind.
func TestHistograms(t *testing.T) {
	peers(t)
	t.Parallel()
	s, service := startServed(t)
	native, classic := startPrometheus(t, s.admin, "--enable-feature=native-histograms"), startPrometheus(t, s.admin)
	client, _ := pionClient(t, "udp", s.address(), user, password)
	relayed, peer := allocate(t, client), listen(t, "127.0.0.1:0")
	for range 40 {
		send(t, relayed, "there", peer.LocalAddr())
		receive(t, peer, "there")
		send(t, peer, "and back", relayed.LocalAddr())
		receive(t, relayed, "and back")
	}
	disturb(t, s)
	loadService(t, s, service)

	const metric = `turnout_relay_latency_seconds`
	for _, c := range []struct{ native, classic string }{
		{`histogram_count(` + metric + `{direction="to_peer"})`, metric + `_count{direction="to_peer"}`},
		{`histogram_sum(` + metric + `{direction="to_peer"})`, metric + `_sum{direction="to_peer"}`},
		{`histogram_fraction(-1, 1, ` + metric + `{direction="to_client"})`, metric + `_bucket{direction="to_client",le="1"} / ignoring(le) ` + metric + `_count{direction="to_client"}`},
		{`histogram_count(turnout_allocation_duration_seconds)`, `turnout_allocation_duration_seconds_bucket{le="+Inf"}`},
		{`histogram_fraction(-1, 1, turnout_allocation_duration_seconds)`, `turnout_allocation_duration_seconds_bucket{le="1"} / ignoring(le) turnout_allocation_duration_seconds_count`},
		{`histogram_count(turnout_allocation_relayed_bytes)`, `turnout_allocation_relayed_bytes_count`},
		{`histogram_quantile(0.99, ` + metric + `{direction="to_peer"}) < bool 1`, `histogram_quantile(0.99, ` + metric + `_bucket{direction="to_peer"}) < bool 1`},
		{`histogram_count(turnout_revocation_teardown_seconds)`, `turnout_revocation_teardown_seconds_count`},
		{`sum(histogram_count(turnout_http_request_duration_seconds{listener="api"}))`, `sum(turnout_http_request_duration_seconds_count{listener="api"})`},
		{`count(turnout_read_datagrams)`, `count(turnout_read_datagrams_count)`},
	} {
		same := false
		var a, b []string
		for deadline := time.Now().Add(30 * time.Second); !same && time.Now().Before(deadline); <-time.After(50 * time.Millisecond) {
			var err error
			if a, err = native.values(c.native); err == nil {
				b, err = classic.values(c.classic)
			}
			if err != nil {
				t.Fatalf("%s, %s: %v", c.native, c.classic, err)
			}
			same = len(a) == 1 && slices.Equal(a, b) && a[0] != "0" && a[0] != "NaN"
		}
		if !same {
			t.Errorf("%s is %v, and %s is %v", c.native, a, c.classic, b)
		}
	}
	if names, err := native.values(fmt.Sprintf(`count({__name__=~%q})`, metric+"_(bucket|count|sum)")); err != nil || len(names) != 0 {
		t.Errorf("the one that knows native histograms has classic ones: %v, %v", names, err)
	}
}
