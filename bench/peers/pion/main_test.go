package main

import (
	"errors"
	"net"
	"syscall"
	"testing"

	"github.com/pion/turn/v4"
)

// TestServe makes an allocation with credentials derived from the secret.
func TestServe(t *testing.T) {
	server, address := serveSomewhere(t)
	defer server.Close()
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	username, password, err := turn.GenerateLongTermTURNRESTCredentials("north", "alice", 1e12)
	if err != nil {
		t.Fatal(err)
	}
	client, err := turn.NewClient(&turn.ClientConfig{TURNServerAddr: address, Conn: conn, Username: username, Password: password, Realm: "realm"})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := client.Listen(); err != nil {
		t.Fatal(err)
	}
	relayed, err := client.Allocate()
	if err != nil {
		t.Fatal(err)
	}
	if port := relayed.LocalAddr().(*net.UDPAddr).Port; port < 10000 || port > 20000 {
		t.Errorf("relayed port %d, outside 10000-20000", port)
	}
	relayed.Close()
}

// serveSomewhere serves at a port of loopback that UDP and TCP both have free. One that is free for UDP may be anybody's for
// TCP, or be taken before the server opens it: then another one is tried.
func serveSomewhere(t *testing.T) (server *turn.Server, address string) {
	t.Helper()
	for {
		reserved, err := net.ListenPacket("udp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		address = reserved.LocalAddr().String()
		reserved.Close()
		server, err = serve(address, "127.0.0.1", "10000-20000", "realm", "north", nil)
		if errors.Is(err, syscall.EADDRINUSE) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		return server, address
	}
}

func TestServeRefuses(t *testing.T) {
	for name, args := range map[string][3]string{"no secret": {"127.0.0.1:0", "10000-20000", ""}, "no ports": {"127.0.0.1:0", "all", "north"}, "no address": {"here", "10000-20000", "north"}} {
		if s, err := serve(args[0], "127.0.0.1", args[1], "realm", args[2], nil); err == nil {
			s.Close()
			t.Errorf("%s: it serves", name)
		}
	}
}
