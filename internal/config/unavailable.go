package config

// unavailable holds the keys that are fixed already and whose feature this
// version does not have. Setting one is an error: it is never accepted and
// ignored. Whoever builds a feature declares its field and deletes its line.
var unavailable = []string{
	"relay.offload",
}
