package metrics

import (
	"slices"
	"strconv"

	"turnout/allocation"
	"turnout/internal/secure"
	"turnout/relay"
)

// closed are the closed sets of labels' values that the callers of this package choose from: by metric and label, or by label
// where it has one meaning in all of them. What the relay itself counts has words of its own; see Words.
var closed = map[string][]string{
	"degraded.reason":                 {"store", "revocations", "revocations_overflow", "keys", "issuer_keys", "certificate_expired", "certificate_expires", "certificate_unusable", "reload", "log"},
	"config_reloads_total.result":     {"ok", "failed"},
	"log_lines_total.level":           {"debug", "info", "warn", "error"},
	"credentials_total.dialect":       {"native", "acs", "rest", "cloudflare", "twilio", "matrix"},
	"user_changes_total.change":       {"user_created", "user_deleted", "user_revoked", "subject_revoked", "username_revoked"},
	"store_operations_total.kind":     {"users", "customs", "subjects", "usernames", "documents"},
	"store_errors_total.reason":       {"unavailable", "closed", "behind", "failed"},
	"issuer_key_fetches_total.result": {"ok", "unreachable", "status", "malformed"},
	"revocations.kind":                {"subjects", "usernames"},
	"result": {
		"issued", "unauthenticated", "date", "forbidden", "unknown_user", "invalid", "unavailable", "timeout", "internal",
		"token_malformed", "token_signature", "token_issuer", "token_audience", "token_expired", "token_not_yet_valid", "token_subject", "token_revoked", "token_scope",
	},
	"operation": {"read", "write", "delete", "list", "watch"},
	"listener":  {"api", "admin", "metrics"},
	"status":    {"2xx", "3xx", "4xx", "5xx", "other"},
	"direction": {"from_client", "to_peer", "from_peer", "to_client"},
	"family":    {"ipv4", "ipv6"},
	"socket":    {"listener", "relay"},
	"shortcut":  {"gso", "gro"},
}

// configured are labels whose values come from the configuration, the program or the machine, in words: no client chooses them
// either.
var configured = map[string]string{
	"version":   "the version of turnout",
	"revision":  "the commit it was built from",
	"goversion": "the version of Go it was built with",
	"hash":      "the fingerprint of the configuration",
	"key":       "a key of the configuration, such as `tls.cert`",
	"issuer":    "an issuer of `api.issuers`",
	"worker":    "the number of a worker, from 0",
	"route":     "method and pattern of a route of that listener, such as `POST /v1/ice-servers`; `other` for everything else",
}

// Words are the values that a label of a metric can have, where these are a closed set. ok is false for those that come
// from the configuration, the program or the machine. metric is its name without the prefix turnout_.
func Words(metric, label string) (all []string, ok bool) {
	switch metric + "." + label {
	case "drops_total.reason":
		for _, d := range relay.Drops() {
			all = append(all, d.String())
		}
		for _, d := range secure.Drops() {
			all = append(all, d.String())
		}
	case "requests_total.method", "requests_total.code":
		relay.Stats{}.EachRequest(func(method string, code int, _ uint64) {
			word := method
			if label == "code" {
				word = strconv.Itoa(code)
			}
			if !slices.Contains(all, word) {
				all = append(all, word)
			}
		})
	case "authentications_total.result":
		relay.Stats{}.EachAuthentication(func(result string, _ uint64) { all = append(all, result) })
	case "handshakes_total.transport", "handshakes_total.result":
		secure.Stats{}.EachHandshake(func(protocol, result string, _ uint64) {
			word := protocol
			if label == "result" {
				word = result
			}
			if !slices.Contains(all, word) {
				all = append(all, word)
			}
		})
	case "limits_total.limit":
		relay.Stats{}.EachLimit(func(limit string, _ uint64) { all = append(all, limit) })
	case "allocations.transport":
		for _, t := range []allocation.Transport{allocation.UDP, allocation.TCP, allocation.TLS, allocation.DTLS} {
			all = append(all, t.String())
		}
	default:
		if all, ok = closed[metric+"."+label]; !ok {
			all, ok = closed[label]
		}
		return all, ok
	}
	return all, true
}
