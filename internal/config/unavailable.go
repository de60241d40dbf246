package config

// unavailable holds the keys that are fixed already and whose feature this
// version does not have. Setting one is an error: it is never accepted and
// ignored. Whoever builds a feature declares its field and deletes its line.
var unavailable = []string{
	"tls",
	"proxy-protocol",
	"relay.gso",
	"relay.gro",
	"relay.offload",
	"relay.tcp",
	"auth.oauth",
	"mobility",
	"nat-discovery",
	"alternates",
	"drain",
	"quota.user.bandwidth",
	"quota.allocation",
	"classes",
	"limits.new-peers",
	"limits.handshakes",
	"admin.token-file",
}
