package config

import (
	"encoding"
	"reflect"
	"regexp"
	"strings"
)

// A field is one key of the configuration, as the struct tree declares it.
type field struct {
	key     string // last part of the path
	path    string // relay.lifetime.max
	index   []int  // from Config
	typ     reflect.Type
	tag     reflect.StructTag
	section bool         // a mapping of further keys
	owner   reflect.Type // the struct it stands in, and its name there: where its comment is
	name    string
}

// schema is every key in the order of declaration, sections before what is in them.
var schema = fieldsBelow(reflect.TypeFor[Config](), "", nil)

func fieldsBelow(t reflect.Type, path string, index []int) []field {
	var all []field
	for _, f := range fieldsOf(t) {
		f.index = append(append([]int(nil), index...), f.index...)
		f.path = join(path, f.key)
		all = append(all, f)
		if f.section {
			all = append(all, fieldsBelow(f.typ, f.path, f.index)...)
		}
	}
	return all
}

// fieldsOf is the keys of one struct.
func fieldsOf(t reflect.Type) []field {
	var all []field
	for i := range t.NumField() {
		f := t.Field(i)
		key := f.Tag.Get("key")
		if key == "" {
			continue
		}
		all = append(all, field{key: key, path: key, index: []int{i}, typ: f.Type, tag: f.Tag,
			section: f.Type.Kind() == reflect.Struct && !textual(f.Type), owner: t, name: f.Name})
	}
	return all
}

// reloadable says whether a change takes effect in a running process. Every other one needs a restart.
func (f *field) reloadable() bool { return f.tag.Get("reload") == "true" }

var textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()

// textual says whether a value of type t can be read from a single value.
func textual(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.String, reflect.Int:
		return true
	}
	return reflect.PointerTo(t).Implements(textUnmarshaler)
}

// mapped says whether a value of type t can be read from a mapping of keys.
func mapped(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && len(fieldsOf(t)) > 0
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// plain is a path without the numbers of list items.
func plain(path string) string {
	var b strings.Builder
	depth := 0
	for _, r := range path {
		switch r {
		case '[':
			depth++
		case ']':
			depth--
		default:
			if depth == 0 {
				b.WriteRune(r)
			}
		}
	}
	return b.String()
}

var plainKey = regexp.MustCompile(`^[A-Za-z0-9_@:+.-]{1,64}$`)

// shown is a key as it stands in a path: quoted where it is no plain word, so that no name breaks a line of the log.
func shown(key string) string {
	if plainKey.MatchString(key) {
		return key
	}
	return quote(key)
}
