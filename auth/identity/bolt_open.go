package identity

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

const (
	// metaBucket holds the form of the file and the sequence of revisions.
	metaBucket = "meta"
	formKey    = "form"
	triedKey   = "tried" // written where a write failed before, to see whether one succeeds
	// form is the version of what is written here. A file of a later one is left alone.
	form = "1"
	// lockWait is how long a file in use is waited for: a process that is being
	// replaced may take a moment to let go.
	lockWait = 2 * time.Second
)

// OpenBolt opens the store in the file of this path, or makes it, its folder too.
// Only the owner may read it: it holds keys. The error of a file that is in use
// ([ErrInUse]) or damaged says what to do; a damaged file is left as it is.
func OpenBolt(path string) (*Bolt, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	if err := create(path); err != nil {
		return nil, fmt.Errorf("open store %s: %w", path, err)
	}
	if err := inspect(path); err != nil {
		return nil, err
	}
	db, err := open(path, &bbolt.Options{Timeout: lockWait})
	if err != nil {
		return nil, openError(path, err)
	}
	b := &Bolt{path: path, db: db, changes: make(chan *change), quit: make(chan struct{})}
	b.close = sync.OnceValue(b.shut)
	b.writer.Go(b.runWriter)
	return b, nil
}

// create makes a file with everything in it and puts it in place in one step: a
// crash leaves either no store or a whole one.
func create(path string) error {
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if err := f.Close(); err != nil {
		return err
	}
	db, err := bbolt.Open(f.Name(), 0o600, nil)
	if err != nil {
		return err
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		for k := range Kind(kinds) {
			if _, err := tx.CreateBucket([]byte(k.String())); err != nil {
				return err
			}
		}
		meta, err := tx.CreateBucket([]byte(metaBucket))
		if err != nil {
			return err
		}
		return meta.Put([]byte(formKey), []byte(form))
	})
	if err := errors.Join(err, db.Close()); err != nil {
		return err
	}
	// A link, unlike a rename, does not replace what another process has made
	// meanwhile.
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

// syncFolder makes the name of a new file as durable as what is in it. Some
// systems cannot sync a folder, and need not.
func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	_ = d.Sync()
	return d.Close()
}

// inspect reads the whole file without writing to it, so that damage is found
// before anything is built on it.
func inspect(path string) error {
	db, err := open(path, &bbolt.Options{Timeout: lockWait, ReadOnly: true})
	if err != nil {
		return openError(path, err)
	}
	defer db.Close()
	if err := examine(db, path); err != nil {
		return openError(path, err)
	}
	return nil
}

var (
	errDamaged = errors.New("is damaged")
	errForm    = errors.New("is of another version of turnout")
)

// open calls the engine, which panics on some damage and reads where a short file
// has nothing on other.
func open(path string, options *bbolt.Options) (db *bbolt.DB, err error) {
	defer caught(&err)()
	return bbolt.Open(path, 0o600, options)
}

// examine walks over every record of every bucket.
func examine(db *bbolt.DB, path string) (err error) {
	defer caught(&err)()
	return db.View(func(tx *bbolt.Tx) error {
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		if info.Size() < tx.Size() {
			return fmt.Errorf("%w: %d bytes of %d are there", errDamaged, info.Size(), tx.Size())
		}
		meta := tx.Bucket([]byte(metaBucket))
		if meta == nil || string(meta.Get([]byte(formKey))) != form {
			return errForm
		}
		for k := range Kind(kinds) {
			b := bucket(tx, k)
			if b == nil {
				return fmt.Errorf("%w: it has no %v", errDamaged, k)
			}
			if err := b.ForEach(checkRecord); err != nil {
				return fmt.Errorf("%w: %v: %w", errDamaged, k, err)
			}
		}
		return nil
	})
}

func checkRecord(key, raw []byte) error {
	var r Record
	if err := checkKey(string(key)); err != nil {
		return err
	}
	return r.decode(raw)
}

// caught turns a panic into damage, that of a read beyond the file's end too.
func caught(err *error) func() {
	before := debug.SetPanicOnFault(true)
	return func() {
		debug.SetPanicOnFault(before)
		if p := recover(); p != nil {
			*err = fmt.Errorf("%w: %v", errDamaged, p)
		}
	}
}

// openError says in one sentence what is wrong and what to do.
func openError(path string, err error) error {
	switch {
	case errors.Is(err, berrors.ErrTimeout):
		return fmt.Errorf("store %s is %w: stop that, or give this one a store.path of its own", path, ErrInUse)
	case errors.Is(err, errForm):
		return fmt.Errorf("store %s %w, or no store at all: run the version that made it, or name another store.path", path, errForm)
	case errors.Is(err, errDamaged), errors.Is(err, berrors.ErrInvalid), errors.Is(err, berrors.ErrChecksum), errors.Is(err, berrors.ErrVersionMismatch):
		return fmt.Errorf("store %s is damaged and was left as it is: put a copy in its place, or move it away to begin with an empty one (%w)", path, err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("store %s may not be opened: it must belong to the user that runs turnout (%w)", path, err)
	}
	return openRest(path, err)
}

// openRest covers what the engine has no error value for: a file shorter than
// its first pages.
func openRest(path string, err error) error {
	if info, statErr := os.Stat(path); statErr == nil && info.Size() < 4*int64(os.Getpagesize()) {
		return fmt.Errorf("store %s is damaged and was left as it is: put a copy in its place, or move it away to begin with an empty one (%w)", path, err)
	}
	return fmt.Errorf("open store %s: %w", path, err)
}
