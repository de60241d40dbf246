package metrics

// An Example is a question that a metric answers.
type Example struct{ Question, Query string }

// Examples are questions that operators ask, and the queries of Prometheus that answer them. docs/metrics.md shows them; a test
// runs each against a real Prometheus.
var Examples = []Example{
	{"How many allocations are live, and over which transports do their clients come?", `sum by (transport) (turnout_allocations)`},
	{"How much is relayed, in bits a second?", `sum by (direction) (rate(turnout_relayed_bytes_total{direction=~"to_client|to_peer"}[5m])) * 8`},
	{"What is dropped, most of it first?", `sort_desc(sum by (reason) (rate(turnout_drops_total[5m])) > 0)`},
	{"How long do packets take through the relay, of 99 in 100?", `histogram_quantile(0.99, sum by (le, direction) (rate(turnout_relay_latency_seconds_bucket[5m])))`},
	{"What is wrong that does not stop the relay?", `turnout_degraded == 1`},
	{"Do all relays have the same configuration?", `count(count by (hash) (turnout_config_info))`},
	{"Which share of requests for credentials is refused, and why?", `sum by (result) (rate(turnout_credentials_total{result!="issued"}[5m])) / ignoring(result) group_left sum(rate(turnout_credentials_total[5m]))`},
	{"How long does the service take for its answers, of 99 in 100?", `histogram_quantile(0.99, sum by (le) (rate(turnout_http_request_duration_seconds_bucket{listener="api"}[5m])))`},
	{"How long does a revocation take to end its calls, of 99 in 100?", `histogram_quantile(0.99, sum by (le) (rate(turnout_revocation_teardown_seconds_bucket[1h])))`},
	{"How old are the keys of other issuers?", `time() - turnout_issuer_keys_fetched_timestamp_seconds`},
	{"How many days are left of each certificate?", `(turnout_certificate_expiry_timestamp_seconds - time()) / 86400`},
	{"Are log lines lost?", `rate(turnout_log_lines_lost_total[5m])`},
}
