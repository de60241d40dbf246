package allocation_test

import (
	"fmt"
	"net/netip"

	"turnout/allocation"
)

// A worker makes an allocation, binds a channel and looks up where data on it goes.
func Example() {
	ports, err := allocation.NewPorts([]allocation.RelayAddress{
		{Bind: netip.MustParseAddr("10.0.0.4"), External: netip.MustParseAddr("192.0.2.1")},
	}, 50000, 50000)
	if err != nil {
		panic(err)
	}
	table := allocation.NewTable(allocation.Config{Ports: ports, Ledger: allocation.NewLedger(0)})
	client := allocation.FiveTuple{
		Client:    netip.MustParseAddrPort("198.51.100.7:4000"),
		Server:    netip.MustParseAddrPort("192.0.2.1:3478"),
		Transport: allocation.UDP,
	}
	now := allocation.Time(0)
	a, err := table.Create(client, allocation.Request{IPv4: true, Lifetime: 600 * allocation.Second}, now)
	if err != nil {
		panic(err)
	}
	if err := table.BindChannel(a, 0x4000, netip.MustParseAddrPort("203.0.113.9:7000"), false, now); err != nil {
		panic(err)
	}
	peer, permitted, _ := table.Peer(table.Lookup(client), 0x4000, now)
	fmt.Println(a.Relayed(false), "on", a.Bound(false), "to", peer, permitted)

	now += allocation.Time(301 * allocation.Second) // the permission lapses before the channel does
	_, permitted, bound := table.Peer(a, 0x4000, now)
	fmt.Println(permitted, bound)

	table.Expire(now+allocation.Time(300*allocation.Second), func(a *allocation.Allocation, ipv4, ipv6 bool) {
		fmt.Println("ended:", a.FiveTuple().Client, ipv4, ipv6)
	})
	// Output:
	// 192.0.2.1:50000 on 10.0.0.4:50000 to 203.0.113.9:7000 true
	// false true
	// ended: 198.51.100.7:4000 true false
}
