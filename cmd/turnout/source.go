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
	seen looks // files that are not read again, since they were just now: immutable, may be nil

	mu   sync.Mutex
	sums map[string][sha256.Size]byte // by path, of what the file held; guarded by mu
}

// Looks are what files held when they were looked at, by path.
type looks map[string]content

// A content is what a file held, or why it could not be read.
type content struct {
	text []byte
	err  error
}

// ReadFile is os.ReadFile, remembered.
func (r *reading) ReadFile(name string) ([]byte, error) {
	c, ok := r.seen[name]
	if !ok {
		c.text, c.err = os.ReadFile(name)
	}
	text, err := c.text, c.err
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
func look(files map[string][sha256.Size]byte) looks {
	now := make(looks, len(files))
	for name := range files {
		text, err := os.ReadFile(name)
		now[name] = content{text, err}
	}
	return now
}

// sums are those of what was seen.
func (l looks) sums() map[string][sha256.Size]byte {
	all := make(map[string][sha256.Size]byte, len(l))
	for name, c := range l {
		all[name] = sumOf(c.text, c.err)
	}
	return all
}

// sources are where the configuration comes from.
func (s *service) sources(r *reading) config.Sources {
	return config.Sources{File: s.source.file, Environ: s.app.environ, Set: s.source.set, ReadFile: r.ReadFile}
}

// hear takes SIGHUP from now on until stop is called. It comes before and goes after everything else: while turnout starts or
// ends, which may take long, the signal must not end it. Without a file there is little to read, and a terminal that closes ends
// what runs in it.
func (a *app) hear(src *source) (signals <-chan os.Signal, stop func()) {
	if src.file == "" {
		return nil, func() {}
	}
	return a.hangUps()
}

// watchSources reloads at SIGHUP and when a file of the configuration changes, until stop is called, which waits for a reload
// under way.
func (s *service) watchSources(ctx context.Context, signals <-chan os.Signal) (stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var tasks sync.WaitGroup
	tasks.Go(func() { s.runReloads(ctx, signals) })
	return func() {
		cancel()
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
	var before map[string][sha256.Size]byte // a change, at the last look; nil: none
	for {
		cause, seen := "", looks(nil)
		select {
		case <-ctx.Done():
			return
		case <-hangUps:
			cause = "SIGHUP"
		case <-ticker.C:
			known := s.files.remembered()
			look := look(known)
			switch now := look.sums(); {
			case maps.Equal(now, known):
				before = nil
			case maps.Equal(now, before):
				// What was seen twice counts: by now somebody may be writing again.
				cause, seen = "file changed", look
			default:
				before = now
			}
		}
		if cause != "" {
			before = nil
			_, _ = s.reload(ctx, cause, seen) // the log has what became of it
		}
	}
}
