package identity

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// A Bolt is a store in one file, for one process at a time. A write returns when
// it is on disk: what was acknowledged survives a crash. Writes that wait at the
// same time go to disk together.
type Bolt struct {
	path string
	db   *bbolt.DB
	feed feed

	changes chan *change          // unbuffered: what is sent is in the writer's hands
	quit    chan struct{}         // closed by Close
	close   func() error          // once
	writer  sync.WaitGroup        // runWriter
	failure atomic.Pointer[error] // of the last commit; nil: it was fine
}

// A change waits for the writer. revision and err are its when done is closed.
type change struct {
	kind  Kind
	key   string
	value []byte // nil: delete
	was   uint64 // the revision it changes

	revision uint64
	err      error
	done     chan struct{}
}

const (
	// batch is how many changes share one commit at most.
	batch = 256
	// boltRetry is how often writing is tried after it has failed.
	boltRetry = 5 * time.Second
	// revisionSize is what stands before a record's value: its revision, big-endian.
	revisionSize = 8
)

// Path is where the file is.
func (b *Bolt) Path() string { return b.path }

// Size is how long the file is, in bytes; 0 where it cannot be asked.
func (b *Bolt) Size() int64 {
	info, err := os.Stat(b.path)
	if err != nil {
		return 0
	}
	return info.Size()
}

// Read gives a record.
func (b *Bolt) Read(_ context.Context, k Kind, key string) (Record, error) {
	r := Record{Key: key}
	err := b.db.View(func(tx *bbolt.Tx) error {
		raw := bucket(tx, k).Get([]byte(key))
		if raw == nil {
			return ErrNotFound
		}
		return r.decode(raw)
	})
	if err != nil {
		return Record{}, b.fault("read", err)
	}
	return r, nil
}

// decode reads a record as it stands in the file, and copies it out.
func (r *Record) decode(raw []byte) error {
	if len(raw) <= revisionSize {
		return errors.New("record without a value")
	}
	r.Revision, r.Value = binary.BigEndian.Uint64(raw), bytes.Clone(raw[revisionSize:])
	return nil
}

// Write puts value in place of the given revision, and returns when it is on disk.
func (b *Bolt) Write(ctx context.Context, k Kind, key string, value []byte, revision uint64) (uint64, error) {
	if err := checkKey(key); err != nil {
		return 0, err
	}
	return b.submit(ctx, &change{kind: k, key: key, value: bytes.Clone(value), was: revision})
}

// Delete removes the given revision, and returns when that is on disk.
func (b *Bolt) Delete(ctx context.Context, k Kind, key string, revision uint64) error {
	if revision == 0 {
		return ErrConflict
	}
	_, err := b.submit(ctx, &change{kind: k, key: key, was: revision})
	return err
}

// submit hands a change to the writer and waits for the disk.
func (b *Bolt) submit(ctx context.Context, c *change) (uint64, error) {
	c.done = make(chan struct{})
	select {
	case b.changes <- c:
	case <-b.quit:
		return 0, ErrClosed
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
	select {
	case <-c.done:
		return c.revision, c.err
	case <-ctx.Done():
		return 0, fmt.Errorf("%w: %w", ErrUnavailable, context.Cause(ctx)) // it may still happen
	}
}

// runWriter is the one place that writes, so that watchers hear of changes in
// the order they were committed in.
func (b *Bolt) runWriter() {
	retry := time.NewTicker(boltRetry)
	defer retry.Stop()
	for {
		select {
		case c := <-b.changes:
			b.commit(b.gather(c))
		case <-retry.C:
			if b.failure.Load() != nil {
				b.commit(nil) // so that Status does not wait for somebody to write
			}
		case <-b.quit:
			return
		}
	}
}

// gather takes what else waits: one commit serves all.
func (b *Bolt) gather(first *change) []*change {
	all := []*change{first}
	for len(all) < batch {
		select {
		case c := <-b.changes:
			all = append(all, c)
		default:
			return all
		}
	}
	return all
}

// commit writes changes; none, to try whether that is possible.
func (b *Bolt) commit(all []*change) {
	err := b.db.Update(func(tx *bbolt.Tx) error {
		if len(all) == 0 {
			return revisions(tx).Put([]byte(triedKey), []byte{1})
		}
		for _, c := range all {
			if err := c.apply(tx); err != nil {
				return err
			}
		}
		return nil
	})
	b.failure.Store(nil)
	if err != nil {
		err = b.fault("write", err)
		b.failure.Store(&err)
	}
	for _, c := range all {
		if err != nil {
			c.revision, c.err = 0, err
		}
		if c.err == nil {
			b.feed.publish(c.kind, Record{Key: c.key, Value: c.value, Revision: c.revision})
		}
		close(c.done)
	}
}

// apply makes one change of a transaction. A conflict is that change's own
// failure: the others go on.
func (c *change) apply(tx *bbolt.Tx) error {
	in := bucket(tx, c.kind)
	var present Record
	if raw := in.Get([]byte(c.key)); raw != nil {
		if err := present.decode(raw); err != nil {
			return unreadable(c.kind, c.key, err)
		}
	}
	if present.Revision != c.was {
		c.err = ErrConflict
		return nil
	}
	revision, err := revisions(tx).NextSequence()
	if err != nil {
		return err
	}
	c.revision = revision
	if c.value == nil {
		return in.Delete([]byte(c.key))
	}
	return in.Put([]byte(c.key), append(binary.BigEndian.AppendUint64(nil, revision), c.value...))
}

// bucket holds the records of a kind. It is there since the file was opened.
func bucket(tx *bbolt.Tx, k Kind) *bbolt.Bucket { return tx.Bucket([]byte(k.String())) }

// revisions is the bucket whose sequence numbers all writes.
func revisions(tx *bbolt.Tx) *bbolt.Bucket { return tx.Bucket([]byte(metaBucket)) }

// List gives records in the order of their keys.
func (b *Bolt) List(_ context.Context, k Kind, prefix, after string, limit int) ([]Record, error) {
	var found []Record
	err := b.db.View(func(tx *bbolt.Tx) error {
		cursor := bucket(tx, k).Cursor()
		key, raw := cursor.Seek([]byte(max(prefix, after)))
		for ; key != nil && len(found) < limit && bytes.HasPrefix(key, []byte(prefix)); key, raw = cursor.Next() {
			if string(key) == after {
				continue
			}
			r := Record{Key: string(key)}
			if err := r.decode(raw); err != nil {
				return unreadable(k, r.Key, err)
			}
			found = append(found, r)
		}
		return nil
	})
	if err != nil {
		return nil, b.fault("list", err)
	}
	return found, nil
}

// Watch tells of what there is and of every change that was committed.
func (b *Bolt) Watch(ctx context.Context, k Kind, apply func(Record), ready func()) error {
	return b.feed.watch(ctx, k, func() (records []Record, seen uint64, err error) {
		err = b.db.View(func(tx *bbolt.Tx) error {
			seen = revisions(tx).Sequence()
			return bucket(tx, k).ForEach(func(key, raw []byte) error {
				r := Record{Key: string(key)}
				if err := r.decode(raw); err != nil {
					return unreadable(k, r.Key, err)
				}
				records = append(records, r)
				return nil
			})
		})
		if err != nil {
			return nil, 0, b.fault("watch", err)
		}
		return records, seen, nil
	}, apply, ready)
}

// Status is what the last write failed of, such as a full disk; nil if it did not.
func (b *Bolt) Status() error {
	if failure := b.failure.Load(); failure != nil {
		return *failure
	}
	return nil
}

// Close waits for the write under way and gives the file free.
func (b *Bolt) Close() error { return b.close() }

func (b *Bolt) shut() error {
	close(b.quit)
	b.writer.Wait()
	b.feed.close()
	return b.db.Close()
}

// fault puts an error of the engine into the words of this package.
func (b *Bolt) fault(what string, err error) error {
	switch {
	case errors.Is(err, ErrNotFound):
		return ErrNotFound
	case errors.Is(err, berrors.ErrDatabaseNotOpen):
		return ErrClosed
	}
	return fmt.Errorf("%s store %s: %w", what, b.path, err)
}
