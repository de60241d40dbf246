package identity

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"turnout/internal/ports"
)

// TestCluster keeps three replicas on three servers and loses the one that the
// clients are at: writers in several services lose no change, each reads what it
// wrote, and no revocation is missed.
func TestCluster(t *testing.T) {
	t.Parallel()
	binary, folder := natsBinary(t), t.TempDir()
	first := ports.Reserve(t, 6).First
	client := func(i int) string { return fmt.Sprint("127.0.0.1:", first+i) }
	route := func(i int) string { return fmt.Sprint("nats://127.0.0.1:", first+3+i) }
	routes := strings.Join([]string{route(0), route(1), route(2)}, ",")
	var urls []string
	servers := make([]*exec.Cmd, 3)
	for i := range servers {
		servers[i] = exec.Command(binary, "-js", "-sd", filepath.Join(folder, fmt.Sprint(i)), "-a", "127.0.0.1", "-p", fmt.Sprint(first+i),
			"-n", fmt.Sprint("server", i), "-cluster_name", "test", "-cluster", route(i), "-routes", routes)
		ok(t, servers[i].Start())
		t.Cleanup(func() { _ = servers[i].Process.Kill(); _ = servers[i].Wait() })
		urls = append(urls, "nats://"+client(i))
	}
	open := func() *NATS {
		ctx := within(t)
		for {
			// The first elections take a while.
			s, err := OpenNATS(ctx, NATSConfig{URL: strings.Join(urls, ","), Replicas: 3})
			if err == nil {
				t.Cleanup(func() { _ = s.Close() })
				return s
			}
			select {
			case <-time.After(100 * time.Millisecond):
			case <-ctx.Done():
				t.Fatalf("no cluster: %v", err)
			}
		}
	}
	stores := []*NATS{open(), open(), open()}
	relay := following(t, stores[2], RevocationsConfig{})
	ds := []*Directory{directory(t, stores[0], time.Now), directory(t, stores[1], time.Now)}
	ctx := within(t)
	var unsure atomic.Int64 // attempts of which nobody knows what became
	u, err := ds[0].Create(ctx, "alice")
	ok(t, err)
	round := func() Revocation {
		t.Helper()
		var last Revocation
		var all sync.WaitGroup
		var mu sync.Mutex
		for _, d := range ds {
			all.Go(func() {
				for range 5 {
					r, err := persist(ctx, &unsure, func() (Revocation, error) { return d.Revoke(ctx, u.ID) })
					if err != nil {
						t.Error(err)
						return
					}
					stamp, err := persist(ctx, &unsure, func() (Stamp, error) { return d.Issue(ctx, u.ID) })
					if err != nil || stamp.Generation < r.Generation || !stamp.Issued.After(r.At) {
						t.Errorf("issued %+v after %+v: %v", stamp, r, err)
					}
					mu.Lock()
					if r.Generation > last.Generation {
						last = r
					}
					mu.Unlock()
				}
			})
		}
		all.Wait()
		return last
	}
	if last, extra := round().Generation, uint64(unsure.Load()); last < 11 || last > 11+extra {
		t.Errorf("generation %d after 10 revocations and %d attempts that may have been some, too", last, extra)
	}
	at := slices.IndexFunc([]string{client(0), client(1), client(2)}, func(s string) bool { return strings.HasSuffix(stores[2].conn.ConnectedUrl(), s) })
	if at < 0 {
		t.Fatalf("the client is at %q, which is none of the servers", stores[2].conn.ConnectedUrl())
	}
	_ = servers[at].Process.Kill()
	last := round()
	until(t, "the relay to catch up", func() bool { return relay.TokenRevoked(u.ID, last.Generation-1, last.At, time.Time{}) })
	again, err := persist(ctx, &unsure, func() (User, error) { return ds[1].Create(ctx, "alice") })
	if err != nil || again.ID != u.ID {
		t.Errorf("%+v, %v", again, err)
	}
}

// persist tries again while a new leader is elected. What was tried before may have happened all the same.
func persist[T any](ctx context.Context, unsure *atomic.Int64, try func() (T, error)) (T, error) {
	for {
		v, err := try()
		if !errors.Is(err, ErrUnavailable) || ctx.Err() != nil {
			return v, err
		}
		unsure.Add(1)
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
		}
	}
}
