package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Turnout is this server, run by the binary of that name with "serve".
func Turnout(binary string) Server { return turnoutWith(binary, func(object, Place) {}) }

// turnoutWith is it with a change of its configuration.
func turnoutWith(binary string, change func(configuration object, p Place)) Server {
	return Server{
		Name: "turnout",
		Version: func(ctx context.Context) (string, error) {
			out, err := exec.CommandContext(ctx, binary, "version").Output()
			return strings.TrimSpace(strings.TrimPrefix(string(out), "turnout ")), err
		},
		Command: func(ctx context.Context, p Place) (*exec.Cmd, error) {
			file := filepath.Join(p.Dir, "turnout.yaml")
			if err := os.WriteFile(file, turnoutConfiguration(p, change), 0o600); err != nil {
				return nil, err
			}
			c := exec.CommandContext(ctx, binary, "serve", "--config", file)
			c.Env = turnoutEnvironment(os.Environ())
			return c, nil
		},
	}
}

// turnoutEnvironment leaves out what would change the configuration.
func turnoutEnvironment(environ []string) []string {
	var kept []string
	for _, v := range environ {
		if !strings.HasPrefix(v, "TURNOUT_") {
			kept = append(kept, v)
		}
	}
	return kept
}

type object = map[string]any

// turnoutConfiguration is what turnout is told. It is JSON, which is YAML too.
func turnoutConfiguration(p Place, change func(configuration object, p Place)) []byte {
	listen := []string{"udp://" + p.Addr.String(), "tcp://" + p.Addr.String()}
	if p.Cert != "" {
		listen = append(listen, "tls://"+p.TLS.String())
	}
	configuration := object{
		"realm":  p.Realm,
		"listen": listen,
		"relay": object{
			"addresses": p.Relay,
			"ports":     fmt.Sprintf("%d-%d", p.MinPort, p.MaxPort),
			"workers":   p.Workers,
		},
		"peers": object{"allow": []string{"127.0.0.0/8"}},
		"auth":  object{"secrets": []object{{"id": "bench", "secret": p.Secret}}},
	}
	if p.Cert != "" {
		configuration["tls"] = object{"cert": p.Cert, "key": p.Key}
	}
	change(configuration, p)
	text, err := json.MarshalIndent(configuration, "", "  ")
	if err != nil {
		panic(err) // strings and numbers always encode
	}
	return append(text, '\n')
}
