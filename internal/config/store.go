package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// storeFolder makes a relative store.path of the file what the other paths there are: relative to the file. Until then it
// was relative to the working directory. A store that is still there would be left behind without a word, with its users and keys,
// and an empty one made: where that one alone is there, turnout says so and does not start.
func (l *loader) storeFolder() {
	key := "store.path"
	o := l.origin(key)
	named := l.out.Store.Path
	path := l.beside(named, o)
	l.out.Store.Path = path
	if path == named || l.out.Store.NATS.URL.text != "" || present(path) || !present(named) {
		return
	}
	where, err := filepath.Abs(named)
	if err != nil {
		where = named
	}
	l.wrong(o, key, "%s is relative to this file and means %s, which is not there, while %s is, relative to where turnout was started; write out the path of the one that is meant", quote(named), path, where)
}

// present says whether there is such a folder, or something that cannot be looked at.
func present(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}
