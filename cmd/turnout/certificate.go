package main

import (
	"crypto/tls"
	"os"
	"sync"
	"time"
)

// A certificate is a pair of files that is read again when one of them changes: those who renew certificates replace files.
type certificate struct {
	cert, key string

	mu      sync.Mutex
	pair    *tls.Certificate // guarded by mu
	changed [2]time.Time     // of the files, when pair was read; guarded by mu
	looked  time.Time        // guarded by mu
}

// lookEvery is how often the files are looked at, at most.
const lookEvery = 10 * time.Second

// load reads the files as they are now.
func (c *certificate) load() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.loadLocked()
}

func (c *certificate) loadLocked() error {
	changed := c.times()
	pair, err := tls.LoadX509KeyPair(c.cert, c.key)
	if err != nil {
		return err
	}
	c.pair, c.changed, c.looked = &pair, changed, time.Now()
	return nil
}

func (c *certificate) times() (all [2]time.Time) {
	for i, name := range []string{c.cert, c.key} {
		if info, err := os.Stat(name); err == nil {
			all[i] = info.ModTime()
		}
	}
	return all
}

// get is tls.Config.GetCertificate. Files that do not fit each other, as while they are being replaced, leave the last pair in use.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); now.Sub(c.looked) >= lookEvery {
		c.looked = now
		if c.times() != c.changed {
			_ = c.loadLocked() // the next look tries again
		}
	}
	return c.pair, nil
}
