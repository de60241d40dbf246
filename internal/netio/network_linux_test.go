package netio

// The system's network behaves like the others, with the kernel's shortcuts and without.
func init() {
	networks = append(networks,
		testNetwork{name: "system", open: System, tos: true, icmp: true, wildcardLocal: true, meters: true, polled: true},
		testNetwork{name: "plain", open: func() Network { return plainNetwork{System()} }, tos: true, icmp: true, wildcardLocal: true, meters: true, polled: true})
}

// plainNetwork is the system's without shortcuts.
type plainNetwork struct{ Network }

func (n plainNetwork) NewPoller(c PollerConfig) (Poller, error) {
	c.GSO, c.GRO = SwitchOff, SwitchOff
	return n.Network.NewPoller(c)
}
