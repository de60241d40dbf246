// Pion is the TURN server of github.com/pion/turn, as its examples set it up, for
// turnout bench to compare with: UDP and TCP on one address, users derived from a
// secret. It serves until it is interrupted.
package main

import (
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"os/signal"
	"runtime/debug"

	"github.com/pion/turn/v4"
)

func main() {
	log.SetFlags(0)
	listen := flag.String("listen", "127.0.0.1:3478", "address to listen on, UDP and TCP")
	relay := flag.String("relay", "127.0.0.1", "address to relay from")
	ports := flag.String("ports", "49152-65535", "relayed ports, lowest-highest")
	realm := flag.String("realm", "pion", "realm")
	secure := flag.String("tls", "", "address to listen on with TLS; none if absent")
	cert := flag.String("cert", "", "its certificate, a file")
	key := flag.String("key", "", "its key, a file")
	version := flag.Bool("version", false, "print the version of pion/turn")
	flag.Parse()
	if *version {
		fmt.Println(pionVersion())
		return
	}
	var secured net.Listener
	if *secure != "" {
		pair, err := tls.LoadX509KeyPair(*cert, *key)
		if err != nil {
			log.Fatal(err)
		}
		if secured, err = tls.Listen("tcp4", *secure, &tls.Config{Certificates: []tls.Certificate{pair}}); err != nil {
			log.Fatal(err)
		}
	}
	server, err := serve(*listen, *relay, *ports, *realm, os.Getenv("PION_SECRET"), secured)
	if err != nil {
		log.Fatal(err)
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt)
	<-stop
	if err := server.Close(); err != nil {
		log.Fatal(err)
	}
}

// pionVersion is the version of pion/turn that this is built with.
func pionVersion() string {
	info, ok := debug.ReadBuildInfo()
	if ok {
		for _, m := range info.Deps {
			if m.Path == "github.com/pion/turn/v4" {
				return m.Version
			}
		}
	}
	return "(unknown)"
}

// serve listens on UDP and TCP, and on one more listener, unless it is nil.
func serve(listen, relay, ports, realm, secret string, secured net.Listener) (*turn.Server, error) {
	if secret == "" {
		return nil, errors.New("PION_SECRET is not set")
	}
	generator := &turn.RelayAddressGeneratorPortRange{
		RelayAddress: net.ParseIP(relay), Address: relay,
		MaxRetries: 1000, // a port in use is drawn again: with thousands of allocations 10 times do not do
	}
	if _, err := fmt.Sscanf(ports, "%d-%d", &generator.MinPort, &generator.MaxPort); err != nil {
		return nil, fmt.Errorf("-ports %s: %w", ports, err)
	}
	udp, err := net.ListenPacket("udp4", listen)
	if err != nil {
		return nil, err
	}
	tcp, err := net.Listen("tcp4", listen)
	if err != nil {
		return nil, err
	}
	listeners := []turn.ListenerConfig{{Listener: tcp, RelayAddressGenerator: generator}}
	if secured != nil {
		listeners = append(listeners, turn.ListenerConfig{Listener: secured, RelayAddressGenerator: generator})
	}
	return turn.NewServer(turn.ServerConfig{
		Realm:             realm,
		AuthHandler:       turn.LongTermTURNRESTAuthHandler(secret, nil),
		PacketConnConfigs: []turn.PacketConnConfig{{PacketConn: udp, RelayAddressGenerator: generator}},
		ListenerConfigs:   listeners,
	})
}
