package relay

import (
	"net/netip"
	"testing"

	"turnout/allocation"
)

type liveSet map[netip.AddrPort]bool

func (l liveSet) Live(a netip.AddrPort) bool { return l[a] }
func (l liveSet) LiveTCP(a netip.AddrPort) bool {
	return l[netip.AddrPortFrom(a.Addr(), a.Port()^0x8000)]
} // other ports

func addrs(texts ...string) (list []netip.Addr) {
	for _, t := range texts {
		list = append(list, netip.MustParseAddr(t))
	}
	return list
}

// testPolicy is the policy of a host 198.18.0.5 / 2600::5 behind a 1:1 NAT, with
// one live allocation.
func testPolicy(allow, deny []string) *policy {
	return newPolicy(Config{
		PeersAllow: prefixes(allow...), PeersDeny: prefixes(deny...),
		HostAddresses: addrs("93.184.216.5", "2600::5", "192.168.7.5", "127.0.0.1", "::1"),
		OwnPorts:      []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:9478")},
		RelayAddresses: []allocation.RelayAddress{
			{Bind: netip.MustParseAddr("192.168.7.5"), External: netip.MustParseAddr("93.184.216.5")},
		},
	}, []netip.AddrPort{netip.MustParseAddrPort("0.0.0.0:3478")}, liveSet{netip.MustParseAddrPort("93.184.216.5:50000"): true})
}

func TestPolicyByDefault(t *testing.T) {
	t.Parallel()
	p := testPolicy(nil, nil)
	for _, tt := range []struct {
		peer    string
		allowed bool
	}{
		{"8.8.8.8:53", true},
		{"[2600::1]:53", true},
		{"8.8.8.8:0", false},
		{"93.184.216.5:50000", true}, // a live allocation's
		{"93.184.216.5:50001", false},
		{"93.184.216.5:3478", false},
		{"[2600::5]:40000", false}, // this host
		{"192.168.7.5:50000", false},
		{"127.0.0.1:40000", false},
		{"127.8.8.8:40000", false},
		{"0.0.0.0:40000", false},
		{"10.0.0.1:40000", false},
		{"100.64.0.1:40000", false},
		{"100.100.100.200:80", false},
		{"169.254.169.254:80", false},
		{"168.63.129.16:80", false},
		{"172.16.0.1:40000", false},
		{"172.32.0.1:40000", true},
		{"192.0.0.192:80", false},
		{"192.168.1.1:40000", false},
		{"198.19.255.255:1", false},
		{"224.0.0.1:40000", false},
		{"239.255.255.255:1", false},
		{"240.0.0.1:40000", false},
		{"255.255.255.255:1", false},
		{"[::]:40000", false},
		{"[::1]:40000", false},
		{"[::127.0.0.1]:40000", false},
		{"[::8.8.8.8]:40000", false},
		{"[::ffff:127.0.0.1]:40000", false},
		{"[::ffff:8.8.8.8]:40000", false},
		{"[::ffff:0:7f00:1]:40000", false},
		{"[64:ff9b::127.0.0.1]:40000", false},
		{"[64:ff9b::10.0.0.1]:40000", false},
		{"[64:ff9b::169.254.169.254]:80", false},
		{"[64:ff9b::8.8.8.8]:40000", true},
		{"[64:ff9b:1::8.8.8.8]:40000", false},
		{"[2002:7f00:1::]:40000", false},
		{"[2002:a9fe:a9fe::1]:80", false},
		{"[2002:808:808::1]:40000", false},
		{"[2001::80ff:fffe]:40000", false}, // Teredo client 127.0.0.1
		{"[2001::f7f7:f7f7]:40000", false}, // Teredo client 8.8.8.8
		{"[2001:db8::1]:40000", false},
		{"[fc00::1]:40000", false},
		{"[fd00:ec2::254]:80", false},
		{"[fe80::1]:40000", false},
		{"[fe80::1%eth0]:40000", false},
		{"[fec0::1]:40000", false},
		{"[ff02::1]:40000", false},
		{"[4000::1]:40000", false},
	} {
		if got := p.Allowed(netip.MustParseAddrPort(tt.peer)); got != tt.allowed {
			t.Errorf("Allowed(%s) = %v, want %v", tt.peer, got, tt.allowed)
		}
	}
}

func TestPolicyLists(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name        string
		allow, deny []string
		peer        string
		allowed     bool
	}{
		{"deny a global address", nil, []string{"8.8.8.0/24"}, "8.8.8.8:53", false},
		{"allow inside a denied range", []string{"8.8.8.8/32"}, []string{"8.8.8.0/24"}, "8.8.8.8:53", true},
		{"deny inside an allowed range", []string{"8.8.8.0/24"}, []string{"8.8.8.8/32"}, "8.8.8.8:53", false},
		{"deny on a tie", []string{"8.8.8.0/24"}, []string{"8.8.8.0/24"}, "8.8.8.8:53", false},
		{"a private block opens as a whole", []string{"10.0.0.0/8"}, nil, "10.1.2.3:1", true},
		{"a private block opens in part", []string{"10.1.0.0/16"}, nil, "10.2.0.1:1", false},
		{"everything opens no private block", []string{"0.0.0.0/0"}, nil, "10.1.2.3:1", false},
		{"everything opens no loopback", []string{"0.0.0.0/0", "::/0"}, nil, "127.0.0.1:40000", false},
		{"loopback by an entry inside it", []string{"127.0.0.0/8"}, nil, "127.0.0.1:40000", true},
		{"loopback of IPv6", []string{"::1/128"}, nil, "[::1]:40000", true},
		{"own ports stay closed on loopback", []string{"127.0.0.0/8"}, nil, "127.0.0.1:3478", false},
		{"the admin port stays closed", []string{"127.0.0.0/8"}, nil, "127.0.0.1:9478", false},
		{"own address by range stays closed", []string{"93.184.0.0/16"}, nil, "93.184.216.5:40000", false},
		{"own address by itself", []string{"93.184.216.5/32"}, nil, "93.184.216.5:40000", true},
		{"own address, own port", []string{"93.184.216.5/32"}, nil, "93.184.216.5:3478", false},
		{"own private address by its block stays closed", []string{"192.168.0.0/16"}, nil, "192.168.7.5:40000", false},
		{"a neighbour in that block opens", []string{"192.168.0.0/16"}, nil, "192.168.7.6:40000", true},
		{"metadata by its block stays closed", []string{"169.254.0.0/16"}, nil, "169.254.169.254:80", false},
		{"metadata by itself", []string{"169.254.169.254/32"}, nil, "169.254.169.254:80", true},
		{"metadata in a global block", []string{"168.63.0.0/16"}, nil, "168.63.129.16:80", false},
		{"no multicast whatever the list", []string{"224.0.0.0/4"}, nil, "224.0.0.1:1", false},
		{"no unspecified whatever the list", []string{"0.0.0.0/32"}, nil, "0.0.0.0:1", false},
		{"no mapped spelling whatever the list", []string{"::ffff:0:0/96", "127.0.0.0/8"}, nil, "[::ffff:127.0.0.1]:40000", false},
		{"a denied IPv4 address inside NAT64", nil, []string{"8.8.8.0/24"}, "[64:ff9b::8.8.8.8]:53", false},
		{"no tunnel whatever the list", []string{"2002:808:808::/48"}, nil, "[2002:808:808::1]:53", false},
		{"a compatible spelling needs its IPv4 address open", []string{"::/96"}, nil, "[::10.0.0.1]:1", false},
		{"a live relayed address though denied", nil, []string{"93.184.216.5/32"}, "93.184.216.5:50000", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := testPolicy(tt.allow, tt.deny).Allowed(netip.MustParseAddrPort(tt.peer)); got != tt.allowed {
				t.Errorf("Allowed(%s) = %v, want %v", tt.peer, got, tt.allowed)
			}
		})
	}
}

// A connection may be opened to the listed ports and to the relayed addresses of
// TCP allocations; those of UDP allocations are somebody else's there.
func TestPolicyConnectable(t *testing.T) {
	t.Parallel()
	p := testPolicy(nil, nil)
	p.tcpPorts = []PortRange{{443, 443}, {2000, 3000}, {50000, 50000}}
	for _, tt := range []struct {
		peer        string
		connectable bool
	}{
		{"8.8.8.8:443", true},
		{"8.8.8.8:442", false},
		{"8.8.8.8:444", false},
		{"8.8.8.8:1999", false},
		{"8.8.8.8:2000", true},
		{"8.8.8.8:3000", true},
		{"8.8.8.8:3001", false},
		{"8.8.8.8:0", false},
		{"127.0.0.1:2000", false},
		{"10.0.0.1:443", false},
		{"93.184.216.5:50000", false}, // live by UDP
		{netip.AddrPortFrom(relayTCP, 50000^0x8000).String(), true}, // live by TCP
	} {
		if got := p.Connectable(netip.MustParseAddrPort(tt.peer)); got != tt.connectable {
			t.Errorf("Connectable(%s) = %v, want %v", tt.peer, got, tt.connectable)
		}
	}
	byTCP := netip.AddrPortFrom(relayTCP, 50000^0x8000)
	if p.Allowed(byTCP) || !p.AllowedTCP(byTCP) {
		t.Errorf("%s, live by TCP: allowed %v by UDP, %v by TCP", byTCP, p.Allowed(byTCP), p.AllowedTCP(byTCP))
	}
}

var relayTCP = netip.MustParseAddr("93.184.216.5")

// CreatePermission names no port: an address passes where some port of it may,
// and whoever is not open on every port is asked again for each datagram.
func TestPolicyByAddress(t *testing.T) {
	t.Parallel()
	p := testPolicy([]string{"127.0.0.0/8"}, nil)
	for _, tt := range []struct {
		peer           string
		ok, restricted bool
	}{
		{"8.8.8.8", true, false},
		{"10.0.0.1", false, true},
		{"93.184.216.5", true, true}, // relayed addresses may be live on it
		{"192.168.7.5", true, true},
		{"127.0.0.1", true, true}, // turnout's own ports stay closed
	} {
		ok, restricted := p.AllowedAddr(netip.MustParseAddr(tt.peer))
		if ok != tt.ok || ok && restricted != tt.restricted {
			t.Errorf("AllowedAddr(%s) = %v, %v; want %v, %v", tt.peer, ok, restricted, tt.ok, tt.restricted)
		}
	}
}

// Whatever Allowed admits AllowedAddr admits, or a channel could be bound where
// no permission could be had.
func FuzzPolicy(f *testing.F) {
	for _, a := range []string{"8.8.8.8", "10.0.0.1", "::1", "64:ff9b::1.2.3.4", "2002:808:808::1", "93.184.216.5"} {
		f.Add(netip.MustParseAddr(a).AsSlice(), uint16(50000))
	}
	p := testPolicy([]string{"127.0.0.0/8", "10.1.0.0/16", "2600::/16"}, []string{"8.8.0.0/16"})
	f.Fuzz(func(t *testing.T, ip []byte, port uint16) {
		a, ok := netip.AddrFromSlice(ip)
		if !ok {
			return
		}
		peer := netip.AddrPortFrom(a, port)
		byAddr, restricted := p.AllowedAddr(a)
		if allowed := p.Allowed(peer); allowed && !byAddr {
			t.Errorf("%s is allowed, its address is not", peer)
		} else if !allowed && byAddr && !restricted && port != 0 {
			t.Errorf("%s is not allowed, though its address is without restriction", peer)
		}
		if v4, ok := embeddedIPv4(a); ok && p.open(a) && !p.open(v4) {
			t.Errorf("%s opens %s", a, v4)
		}
	})
}

func BenchmarkPolicyAllowed(b *testing.B) {
	p := testPolicy([]string{"127.0.0.0/8"}, []string{"8.8.0.0/16"})
	peer := netip.MustParseAddrPort("93.184.216.34:40000")
	for b.Loop() {
		p.Allowed(peer)
	}
}
