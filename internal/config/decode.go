package config

import (
	"encoding"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// A decoder reads YAML nodes and texts into the struct tree. It goes on after
// a problem, so that all are told.
type decoder struct {
	*report
	origins map[string]origin // path → where it was set
}

// node reads n, which stands under path, into v.
func (d *decoder) node(path string, o origin, v reflect.Value, tag reflect.StructTag, n ast.Node) {
	o = at(o, n)
	d.origins[path] = o
	switch n := n.(type) {
	case nil, *ast.NullNode:
		if !mapped(v.Type()) || textual(v.Type()) {
			d.wrong(o, path, "has no value; give it one or remove the key")
		}
		return
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode, *ast.MergeKeyNode, *ast.DirectiveNode:
		d.wrong(o, path, "uses an anchor, alias or tag, which are not read here; write the value itself")
		return
	case *ast.MappingNode:
		d.mapping(path, o, v, tag, n, n)
		return
	case *ast.MappingValueNode:
		d.mapping(path, o, v, tag, n, n)
		return
	case *ast.SequenceNode:
		if v.Kind() == reflect.Slice {
			d.list(path, o, v, tag, n.Values)
			return
		}
		d.wrong(o, path, "is a list; write %s", shape(v.Type(), tag))
		return
	}
	text, ok := scalar(n)
	switch {
	case !ok:
		d.wrong(o, path, "cannot be read; write %s", shape(v.Type(), tag))
	case v.Kind() == reflect.Slice:
		d.list(path, o, v, tag, []ast.Node{n})
	case textual(v.Type()):
		d.text(path, o, v, tag, text)
	default:
		d.wrong(o, path, "is a single value; write %s", shape(v.Type(), tag))
	}
}

// list replaces v, so that a later source overrides an earlier one whole. One item may stand for a list of one.
func (d *decoder) list(path string, o origin, v reflect.Value, tag reflect.StructTag, items []ast.Node) {
	v.SetZero()
	if len(items) > 0 { // an empty list and none are the same
		v.Set(reflect.MakeSlice(v.Type(), len(items), len(items)))
	}
	for i, n := range items {
		d.node(path+"["+strconv.Itoa(i)+"]", o, v.Index(i), tag, n)
	}
}

// mapping reads a mapping: a section, an item written as one, or names to values.
func (d *decoder) mapping(path string, o origin, v reflect.Value, tag reflect.StructTag, n ast.Node, entries ast.MapNode) {
	switch {
	case v.Kind() == reflect.Map:
		v.SetZero()
		if entries.MapRange().Next() {
			v.Set(reflect.MakeMap(v.Type()))
		}
	case v.Type() == reflect.TypeFor[Switch]() && !entries.MapRange().Next():
		v.SetBool(true)
		return
	case mapped(v.Type()):
	case v.Kind() == reflect.Slice && mapped(v.Type().Elem()):
		d.list(path, o, v, tag, []ast.Node{n})
		return
	default:
		d.wrong(o, path, "is a mapping; write %s", shape(v.Type(), tag))
		return
	}
	seen := map[string]int{}
	for it := entries.MapRange(); it.Next(); {
		o := at(o, it.Key())
		key, ok := keyText(it.Key())
		if !ok {
			d.wrong(o, path, "has a key that is no plain word; write key: value")
			continue
		}
		if line, twice := seen[key]; twice {
			d.wrong(o, join(path, shown(key)), "is set twice, first in line %d; keep one", line)
			continue
		}
		seen[key] = o.line
		if v.Kind() == reflect.Map {
			item := reflect.New(v.Type().Elem()).Elem()
			d.node(join(path, shown(key)), o, item, "", it.Value())
			v.SetMapIndex(reflect.ValueOf(key), item)
			continue
		}
		d.member(path, key, o, v, it.Value())
	}
}

// member reads one key of a section or item.
func (d *decoder) member(path, key string, o origin, v reflect.Value, n ast.Node) {
	fields := fieldsOf(v.Type())
	for _, f := range fields {
		if f.key == key {
			d.node(join(path, key), o, v.FieldByIndex(f.index), f.tag, n)
			return
		}
	}
	for _, u := range unavailable {
		if join(plain(path), key) == u {
			d.wrong(o, u, "is not available in this version; remove it")
			return
		}
	}
	if v.Type() == reflect.TypeFor[OAuthKey]() {
		d.wrong(o, path, "has an unknown key; an entry has kid, key and alg")
		return
	}
	if v.Type() == reflect.TypeFor[SharedSecret]() {
		// What stands in a key's place here may be the secret: it is not repeated.
		d.wrong(o, path, "has an unknown key; an entry has id, secret and file")
		return
	}
	d.wrong(o, join(path, shown(key)), "unknown key; %s", suggestKey(path, key, fields))
}

// text reads a single value.
func (d *decoder) text(path string, o origin, v reflect.Value, tag reflect.StructTag, text string) {
	d.origins[path] = o
	if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		if err := u.UnmarshalText([]byte(text)); err != nil {
			d.wrong(o, path, "%v", err)
		}
		return
	}
	if v.Kind() == reflect.Int {
		d.number(path, o, v, tag, text)
		return
	}
	if words := tag.Get("oneof"); words != "" {
		all := strings.Split(words, "|")
		if text != "" && !slices.Contains(all, text) {
			d.wrong(o, path, "%s is not one of its words; write %s", quote(text), either(all))
			return
		}
	}
	v.SetString(text)
}

func (d *decoder) number(path string, o origin, v reflect.Value, tag reflect.StructTag, text string) {
	n, err := strconv.Atoi(text)
	if err != nil {
		d.wrong(o, path, "%s is not a whole number; write %s", quote(text), shape(v.Type(), tag))
		return
	}
	least, most := bounds(tag)
	if n != 0 && (n < least || n > most) { // zero is the default, always
		d.wrong(o, path, "%d is out of range; write %s", n, shape(v.Type(), tag))
		return
	}
	v.SetInt(int64(n))
}

// bounds are a number's tags min and max.
func bounds(tag reflect.StructTag) (least, most int) {
	most = 1<<31 - 1
	if s := tag.Get("min"); s != "" {
		least, _ = strconv.Atoi(s)
	}
	if s := tag.Get("max"); s != "" {
		most, _ = strconv.Atoi(s)
	}
	return least, most
}

// shape says in words what a value of type t looks like.
func shape(t reflect.Type, tag reflect.StructTag) string {
	if s := tag.Get("shape"); s != "" {
		return s
	}
	switch {
	case tag.Get("oneof") != "":
		return either(strings.Split(tag.Get("oneof"), "|"))
	case t.Kind() == reflect.Int:
		least, most := bounds(tag)
		if tag.Get("max") == "" {
			return "a whole number, at least " + strconv.Itoa(least)
		}
		return "a whole number from " + strconv.Itoa(least) + " to " + strconv.Itoa(most)
	case t == reflect.TypeFor[PortRange]():
		return "lowest-highest"
	case t == reflect.TypeFor[Duration]():
		return "a length of time as 30s, 10m or 1h30m"
	case textual(t):
		return "a single value"
	}
	var keys []string
	for _, f := range fieldsOf(t) {
		keys = append(keys, f.key)
	}
	return "its keys on lines of their own, of " + strings.Join(keys, ", ")
}

// either is "a, b or c".
func either(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}
