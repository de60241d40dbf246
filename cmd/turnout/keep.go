package main

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"turnout/auth"
	"turnout/auth/identity"
	"turnout/auth/token"
	"turnout/internal/api"
	"turnout/internal/config"
)

// storeFile is the store in store.path.
const storeFile = "turnout.db"

// readyWithin is how long revocations may take to be read: millions take seconds.
const readyWithin = 30 * time.Second

// A keep is what turnout keeps: users, revocations and keys, out of a store.
type keep struct {
	engine      identity.Store // the store itself
	store       identity.Store // engine, counted; closed with it
	where       string         // the store, for people
	made        bool           // the store was made just now
	revocations *identity.Revocations
	directory   *identity.Directory
	resource    string
	tokens      *token.KeySet
	chain       *keychain
	access      identity.Secrets            // that applications sign with, as they were when it was opened; see trust
	pseudonym   func(subject string) string // nil: none

	stop       context.CancelFunc // of what runs in the background
	background sync.WaitGroup
}

// An end hears what is to end when it is revoked.
type end struct {
	subject  func(subject string, at time.Time)
	username func(username string, at time.Time)                   // at is zero where nobody knows
	count    func(operation string, k identity.Kind, fault string) // every operation on the store; nil: nobody counts
}

// keepNeeded says whether a configuration has something to keep.
func keepNeeded(l *config.Loaded) bool {
	return l.FirstSecret || l.API.Listen.Addr.IsValid() || l.Store.NATS.URL.Reveal() != ""
}

// openKeep opens the store, makes what is not there yet, and returns when every revocation is known.
func (a *app) openKeep(ctx context.Context, l *config.Loaded, tell end) (*keep, error) {
	k := &keep{}
	if err := k.open(ctx, l); err != nil {
		return nil, err
	}
	if k.engine = k.store; tell.count != nil {
		k.store = identity.Metered(k.engine, tell.count)
	}
	if err := a.fill(ctx, k, l, tell); err != nil {
		return nil, err
	}
	return k, nil
}

// fill makes what is not in the store yet, and reads the rest. On an error k is closed.
func (a *app) fill(ctx context.Context, k *keep, l *config.Loaded, tell end) (err error) {
	ctx, k.stop = context.WithCancel(context.WithoutCancel(ctx))
	defer func() {
		if err != nil {
			k.close()
		}
	}()
	k.chain = &keychain{store: k.store, algorithm: tokenAlgorithm(l), now: a.now}
	if k.chain.mark, err = identity.Mark(ctx, k.store); err != nil {
		return err
	}
	if err := k.names(ctx, l); err != nil {
		return err
	}
	if err := k.watch(ctx, l, a.now, tell); err != nil {
		return err
	}
	if err := k.keys(ctx, l, a.now()); err != nil {
		return err
	}
	k.directory, err = identity.NewDirectory(identity.DirectoryConfig{Store: k.store, Revocations: k.revocations, Resource: k.resource, Now: a.now})
	return err
}

// open connects to NATS, or opens the file.
func (k *keep) open(ctx context.Context, l *config.Loaded) (err error) {
	if n := l.Store.NATS; n.URL.Reveal() != "" {
		k.where = n.URL.String()
		k.store, err = identity.OpenNATS(ctx, identity.NATSConfig{URL: n.URL.Reveal(), Credentials: n.Credentials, Bucket: n.Bucket, Replicas: n.Replicas})
		return err
	}
	k.where = filepath.Join(l.Store.Path, storeFile)
	_, err = os.Stat(k.where)
	k.made = errors.Is(err, fs.ErrNotExist)
	b, err := identity.OpenBolt(k.where)
	if err != nil {
		return err // not a nil *identity.Bolt in an interface
	}
	k.store = b
	return nil
}

// names gives the resource its GUID, and subjects their pseudonyms.
func (k *keep) names(ctx context.Context, l *config.Loaded) (err error) {
	if k.resource = l.API.Resource; k.resource == "" {
		if k.resource, err = identity.Resource(ctx, k.store); err != nil {
			return err
		}
	}
	// A relay of a fleet does not know what the services' configuration says of pseudonyms.
	if l.API.Credentials.Subject != "pseudonym" && l.Store.NATS.URL.Reveal() == "" {
		return nil
	}
	key, err := identity.EnsureDocument(ctx, k.store, "pseudonym-key", func() ([]byte, error) {
		raw := make([]byte, 32)
		_, _ = rand.Read(raw) // never fails
		return raw, nil
	})
	k.pseudonym = func(subject string) string {
		h := hmac.New(sha256.New, key)
		h.Write([]byte(subject))
		const size = 18 // bytes: no two of the users that there will ever be have the same
		return "p-" + base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:size])
	}
	return err
}

// watch reads all revocations, and goes on to.
func (k *keep) watch(ctx context.Context, l *config.Loaded, now func() time.Time, tell end) (err error) {
	c := identity.RevocationsConfig{
		MaxTTL: time.Duration(l.API.Credentials.MaxTTL), Alias: k.pseudonym, OnSubject: tell.subject, OnUsername: tell.username, Now: now,
	}
	c.Retention = retention(l)
	if k.revocations, err = identity.NewRevocations(c); err != nil {
		return err
	}
	k.background.Go(func() { k.revocations.Run(ctx, k.store) })
	patience, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	select {
	case <-k.revocations.Ready():
		return nil
	case <-patience.Done():
		return fmt.Errorf("read the revocations in %s: %w", k.where, k.revocations.Status())
	}
}

// retention is how long revocations matter.
func retention(l *config.Loaded) time.Duration {
	longest := max(time.Duration(l.API.Credentials.MaxTTL), token.DefaultMaxAge)
	for _, i := range l.API.Issuers {
		longest = max(longest, time.Duration(i.MaxAge))
	}
	return longest
}

// keys reads those of tokens and of applications, made on the first start.
func (k *keep) keys(ctx context.Context, l *config.Loaded, now time.Time) error {
	raw, err := identity.EnsureDocument(ctx, k.store, identity.TokenKeysDocument, func() (json.RawMessage, error) {
		fresh, err := token.NewKeySet(tokenAlgorithm(l), now)
		if err != nil {
			return nil, err
		}
		return fresh.Marshal()
	})
	if err != nil {
		return err
	}
	if k.tokens, err = token.ParseKeySet(raw); err != nil {
		return err
	}
	k.chain.tokens = k.tokens
	k.access, err = k.applicationKeys(ctx, l)
	return err
}

// applicationKeys are the valid ones of the configuration, or those of the store, made on the first start.
func (k *keep) applicationKeys(ctx context.Context, l *config.Loaded) (identity.Secrets, error) {
	own, err := configuredAccess(l)
	if err != nil || len(own) > 0 {
		return own, err
	}
	return k.chain.kept(ctx, api.AccessKeys)
}

// configuredAccess are the access keys of the configuration.
func configuredAccess(l *config.Loaded) (keys identity.Secrets, err error) {
	for i, s := range l.API.AccessKeys {
		key, err := base64.StdEncoding.DecodeString(s.Reveal())
		if err != nil {
			return nil, unusable("api.access-keys", errors.New("not base64"))
		}
		keys = append(keys, identity.Secret{ID: fmt.Sprint(i + 1), Value: key})
	}
	return keys, nil
}

// secrets are those that credentials are derived from: the configuration's, or those of the store.
func (k *keep) secrets(ctx context.Context, l *config.Loaded) ([]auth.Key, error) {
	if len(l.Auth.Secrets) > 0 {
		return configuredKeys(l), nil
	}
	made, err := k.chain.kept(ctx, api.RelaySecrets)
	return made.Keys(), err
}

// configuredSecrets are those of the configuration in the store's words.
func configuredSecrets(l *config.Loaded) (keys identity.Secrets) {
	for _, key := range configuredKeys(l) {
		keys = append(keys, identity.Secret{ID: key.ID, Value: key.Secret})
	}
	return keys
}

// close ends what runs in the background and gives the store free.
func (k *keep) close() {
	if k == nil {
		return
	}
	k.stop()
	if k.chain != nil {
		k.chain.close()
	}
	_ = k.store.Close() // what was acknowledged is on disk
	k.background.Wait()
}
