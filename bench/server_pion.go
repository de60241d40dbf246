package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// errNoSource is of commands that need turnout's source beside them.
var errNoSource = errors.New("the source of turnout is not here: run it in a clone")

// Source is the root of turnout's source at or above dir.
func Source(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	for {
		text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && strings.HasPrefix(string(text), "module turnout\n") {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errNoSource
		}
		dir = parent
	}
}

// build compiles a program of a module in source/folder into dir.
func build(ctx context.Context, source, folder, program, dir string) (string, error) {
	binary := filepath.Join(dir, program)
	c := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-o", binary, "./"+program)
	c.Dir = filepath.Join(source, folder)
	c.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off")
	out, err := c.CombinedOutput()
	if err != nil {
		if said := strings.TrimSpace(string(out)); said != "" {
			return "", fmt.Errorf("build %s in %s: %w\n%s", program, folder, err, said)
		}
		return "", fmt.Errorf("build %s in %s: %w", program, folder, err)
	}
	return binary, nil
}

// Pion is the server of github.com/pion/turn, built from bench/peers in the source of turnout into dir.
func Pion(ctx context.Context, source, dir string) (Server, error) {
	binary, err := build(ctx, source, filepath.Join("bench", "peers"), "pion", dir)
	if ctx.Err() != nil {
		return Server{}, errInterrupted
	}
	if err != nil {
		return Server{}, &MissingError{"pion", "cd bench/peers && go mod download (" + strings.TrimSpace(err.Error()) + ")"}
	}
	return Server{
		Name: "pion",
		Version: func(ctx context.Context) (string, error) {
			out, err := exec.CommandContext(ctx, binary, "-version").Output()
			return strings.TrimSpace(string(out)), err
		},
		Command: func(ctx context.Context, p Place) (*exec.Cmd, error) {
			if len(p.Relay) > 1 {
				return nil, errors.New("pion's server relays from one address: at most " + strconv.Itoa(portsPerAddress) + " flows")
			}
			c := exec.CommandContext(ctx, binary, "-listen", p.Addr.String(), "-relay", p.Relay[0].String(),
				"-ports", fmt.Sprintf("%d-%d", p.MinPort, p.MaxPort), "-realm", p.Realm)
			if p.Cert != "" {
				c.Args = append(c.Args, "-tls", p.TLS.String(), "-cert", p.Cert, "-key", p.Key)
			}
			c.Env = append(os.Environ(), "PION_SECRET="+p.Secret, "GOMAXPROCS="+strconv.Itoa(p.Workers))
			return c, nil
		},
	}, nil
}
