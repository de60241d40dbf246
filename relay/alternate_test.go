package relay

import (
	"encoding/binary"
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"turnout/allocation"
	"turnout/stun"
)

// alternates reads a script's list: "8.8.8.8:3478,weight=3,udp,domain=a.example;[2600::8]:3478".
func (s *script) alternates(text string) (list []Alternate) {
	s.t.Helper()
	for _, one := range strings.Split(text, ";") {
		var a Alternate
		for _, part := range strings.Split(one, ",") {
			key, value, _ := strings.Cut(part, "=")
			switch key {
			case "weight":
				n, err := strconv.Atoi(value)
				if err != nil {
					s.fatalf("%v", err)
				}
				a.Weight = n
			case "domain":
				a.Domain = value
			case "udp":
				a.Transports = append(a.Transports, allocation.UDP)
			case "tcp":
				a.Transports = append(a.Transports, allocation.TCP)
			case "tls":
				a.Transports = append(a.Transports, allocation.TLS)
			default:
				addr, err := netip.ParseAddrPort(part)
				switch {
				case err != nil:
					s.fatalf("%v", err)
				case addr.Addr().Is4():
					a.IPv4 = addr
				default:
					a.IPv6 = addr
				}
			}
		}
		list = append(list, a)
	}
	return list
}

// alternateServers are the addresses of every ALTERNATE-SERVER, in order.
func alternateServers(m stun.Message) (list []string) {
	for t, v := range m.Attributes() {
		if t != stun.AttrAlternateServer {
			continue
		}
		ip, _ := netip.AddrFromSlice(v[4:])
		list = append(list, netip.AddrPortFrom(ip, binary.BigEndian.Uint16(v[2:])).String())
	}
	return list
}

// Clients spread over the alternates by weight, and the same transaction always
// goes to the same one.
func TestAlternatesByWeight(t *testing.T) {
	t.Parallel()
	server := func(n byte) netip.AddrPort { return netip.AddrPortFrom(netip.AddrFrom4([4]byte{8, 8, 8, n}), 3478) }
	list := []Alternate{
		{IPv4: server(1)},
		{IPv4: server(2), Weight: 3},
		{IPv4: server(3), Weight: 100, Transports: []allocation.Transport{allocation.TCP}},
		{IPv6: netip.MustParseAddrPort("[2600::4]:3478"), Weight: 100},
	}
	ft := allocation.FiveTuple{Client: benchClient(1), Server: benchServer, Transport: allocation.UDP}
	const n = 40000
	count := map[netip.AddrPort]int{}
	for range n {
		id := stun.NewTransactionID()
		a := chooseAlternate(list, &ft, id)
		if a != chooseAlternate(list, &ft, id) {
			t.Fatal("one transaction was sent to two servers")
		}
		count[a.IPv4]++
	}
	// One in four, give or take five standard deviations.
	if got := count[server(1)]; got < n/4-450 || got > n/4+450 || got+count[server(2)] != n {
		t.Errorf("weights 1 and 3 of %d clients: %v", n, count)
	}
	ft.Client = netip.MustParseAddrPort("[2600::9]:4000")
	if a := chooseAlternate(list, &ft, stun.NewTransactionID()); a != &list[3] {
		t.Errorf("an IPv6 client is sent to %+v", a)
	}
	if a := chooseAlternate(list[:3], &ft, stun.NewTransactionID()); a != nil {
		t.Errorf("an IPv6 client is sent to %+v", a)
	}
}
