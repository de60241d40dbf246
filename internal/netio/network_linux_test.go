package netio

// The system's network behaves like the others.
func init() {
	networks = append(networks, testNetwork{name: "system", open: System, tos: true, icmp: true, wildcardLocal: true})
}
