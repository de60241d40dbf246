package main

import (
	"context"
	"crypto/sha256"
	"maps"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"turnout/internal/config"
)

// lookEvery is how often the configuration's files are looked at. They are read again once two looks in a row have found the
// same change: whoever writes a file is done with it by then.
const lookEvery = time.Second

// A reading remembers what was read when the configuration was, for changes to be seen. The zero reading is ready.
type reading struct {
	mu   sync.Mutex
	sums map[string][sha256.Size]byte // by path, of what the file held; guarded by mu
}

// ReadFile is os.ReadFile, remembered.
func (r *reading) ReadFile(name string) ([]byte, error) {
	text, err := os.ReadFile(name)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.sums == nil {
		r.sums = map[string][sha256.Size]byte{}
	}
	r.sums[name] = sumOf(text, err)
	return text, err
}

// sumOf stands for what a file holds, or why it cannot be read.
func sumOf(text []byte, err error) [sha256.Size]byte {
	if err != nil {
		text = []byte("unreadable: " + err.Error())
	}
	return sha256.Sum256(text)
}

// take has r remember what a later reading has read. Of a configuration that is in use, which was nil where it cannot be, it is
// all that matters, but for certificates: they are looked after by those who show them.
func (r *reading) take(later *reading, l *config.Loaded) {
	sums := later.remembered()
	r.mu.Lock()
	defer r.mu.Unlock()
	if l == nil {
		all := map[string][sha256.Size]byte{}
		maps.Copy(all, r.sums)
		maps.Copy(all, sums)
		r.sums = all
		return
	}
	for _, c := range append([]config.Certificate{{Cert: l.TLS.Cert, Key: l.TLS.Key}, {Cert: l.API.Cert, Key: l.API.Key}}, l.TLS.Certificates...) {
		delete(sums, c.Cert)
		delete(sums, c.Key)
	}
	r.sums = sums
}

// remembered is a copy of what was read.
func (r *reading) remembered() map[string][sha256.Size]byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.sums)
}

// look reads the files again.
func look(files map[string][sha256.Size]byte) map[string][sha256.Size]byte {
	now := make(map[string][sha256.Size]byte, len(files))
	for name := range files {
		text, err := os.ReadFile(name)
		now[name] = sumOf(text, err)
	}
	return now
}

// sources are where the configuration comes from.
func (s *service) sources(r *reading) config.Sources {
	return config.Sources{File: s.source.file, Environ: s.app.environ, Set: s.source.set, ReadFile: r.ReadFile}
}

// watchSources reloads at SIGHUP and when a file of the configuration changes, until stop is called, which waits for a reload
// under way.
func (s *service) watchSources(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var signals <-chan os.Signal
	ignore := func() {}
	if s.source.file != "" { // without one there is little to read, and a terminal that closes ends what runs in it
		signals, ignore = s.app.hangUps()
	}
	var tasks sync.WaitGroup
	tasks.Go(func() { s.runReloads(ctx, signals) })
	return func() {
		cancel()
		ignore()
		tasks.Wait()
	}
}

// hangUps are this process's SIGHUP, until stop is called.
func hangUps() (<-chan os.Signal, func()) {
	signals := make(chan os.Signal, 1) // of several at once one will do
	signal.Notify(signals, syscall.SIGHUP)
	return signals, func() { signal.Stop(signals) }
}

func (s *service) runReloads(ctx context.Context, hangUps <-chan os.Signal) {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	var seen map[string][sha256.Size]byte // a change, at the last look; nil: none
	for {
		cause := ""
		select {
		case <-ctx.Done():
			return
		case <-hangUps:
			cause = "SIGHUP"
		case <-ticker.C:
			known := s.files.remembered()
			now := look(known)
			switch {
			case maps.Equal(now, known):
				seen = nil
			case maps.Equal(now, seen):
				cause = "file changed"
			default:
				seen = now
			}
		}
		if cause != "" {
			seen = nil
			_, _ = s.reload(ctx, cause) // the log has what became of it
		}
	}
}
