package config

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml"
)

// A Change is a key that a reload found to be another than before.
type Change struct {
	Key     string // as relay.lifetime.max
	Restart bool   // it takes a restart, and Stays is in use until then
	Stays   string // the value in use, secrets as three stars; empty where the change is in use
}

// String says what became of the change.
func (c Change) String() string {
	if !c.Restart {
		return c.Key
	}
	return fmt.Sprintf("%s needs a restart: it stays %s", c.Key, c.Stays)
}

// Reload reads the sources again for a process that runs with running. What it returns is the configuration to go on with,
// checked as a whole, in which every key that needs a restart is as it was; and which keys are others than before, those
// included. Fixed, which may be nil, names keys that need a restart in this case, though usually they do not.
//
// Where the sources cannot be used the error is that of [Load], and nothing is returned.
func Reload(s Sources, running *Loaded, fixed func(next *Loaded) []string) (*Loaded, []Change, error) {
	l := newLoader(s)
	if err := l.load(); err != nil {
		return nil, nil, err
	}
	also := map[string]bool{}
	if fixed != nil {
		for _, key := range fixed(l.out) {
			also[key] = true
		}
	}
	changes := l.keep(running, also)
	if !stays(changes) {
		return l.finished(), changes, nil
	}
	// What is good as a whole may not be with some of its keys as they were.
	l.warnings, l.out.FirstSecret = l.warnings[:l.early], false
	l.validate()
	if err := l.err(); err != nil {
		return nil, nil, fmt.Errorf("with what needs a restart as it was: %w", err)
	}
	return l.finished(), changes, nil
}

// keep puts what needs a restart back to what runs, and tells of all that differs.
func (l *loader) keep(running *Loaded, also map[string]bool) []Change {
	var changes []Change
	before, now := reflect.ValueOf(&running.Config).Elem(), l.root()
	for _, f := range schema {
		if f.section {
			continue
		}
		old, next := before.FieldByIndex(f.index), now.FieldByIndex(f.index)
		if same(old, next) {
			continue
		}
		c := Change{Key: f.path, Restart: !f.reloadable() || also[f.path]}
		if c.Restart {
			c.Stays = inWords(old)
			next.Set(old)
		}
		changes = append(changes, c)
	}
	return changes
}

func stays(changes []Change) bool {
	for _, c := range changes {
		if c.Restart {
			return true
		}
	}
	return false
}

// same compares values, of which an empty list is like none.
func same(a, b reflect.Value) bool {
	switch a.Kind() {
	case reflect.Slice, reflect.Map:
		if a.Len() == 0 && b.Len() == 0 {
			return true
		}
	}
	return reflect.DeepEqual(a.Interface(), b.Interface())
}

// inWords is a value on one line, secrets as three stars.
func inWords(v reflect.Value) string {
	text, err := yaml.MarshalWithOptions(display(v), yaml.Flow(true))
	if err != nil {
		return err.Error()
	}
	if s := strings.TrimSpace(string(text)); s != "" && s != `""` {
		return s
	}
	return "not set"
}
