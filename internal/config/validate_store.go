package config

import (
	"fmt"
	"reflect"
	"regexp"
	"strings"
)

// keeps says whether there is a store whatever else there is: a service's, or that of a fleet.
func (c *Config) keeps() bool { return c.serves() || c.Store.NATS.URL.text != "" }

var natsShape = regexp.MustCompile(`^(nats|tls|ws|wss)://\S+$`)

func (l *loader) checkStore() {
	s := &l.out.Store
	_, set := l.origins["store.path"]
	if set && l.File != "" && !l.out.serves() && !l.out.FirstSecret {
		l.warn(l.origin("store.path"), "store.path", "has no effect: nothing is kept where there is no api and auth has its secrets; remove it")
	}
	switch key := l.meant("store.nats"); {
	case s.NATS.URL.text != "" && !natsShape.MatchString(s.NATS.URL.text):
		l.wrong(l.origin("store.nats.url"), "store.nats.url", "is not a URL of NATS; write it as nats://nats.example.org:4222")
	case s.NATS.URL.text != "" && !parses(s.NATS.URL):
		l.wrong(l.origin("store.nats.url"), "store.nats.url", "is not a URL of NATS; in a user's name or password, write %%2F for a slash, %%2C for a comma, %%3F for a question mark, %%23 for a number sign and %%25 for a per cent sign")
	case s.NATS.URL.text == "" && key != "":
		l.wrong(l.origin(key), "store.nats.url", "is not set, so that %s has no effect; write it as nats://nats.example.org:4222", key)
	case s.NATS.URL.text != "" && set:
		l.warn(l.origin("store.path"), "store.path", "has no effect beside store.nats; remove one")
	}
}

// meant is the first key below a section that has another value than its default, empty if none has.
func (l *loader) meant(section string) string {
	for _, f := range schema {
		if !within(f.path, section) || f.section {
			continue
		}
		v, usual := l.root().FieldByIndex(f.index), reflect.New(f.typ).Elem()
		switch kind := v.Kind(); {
		case kind == reflect.Map && v.Len() == 0, kind == reflect.Slice && v.Len() == 0:
			continue
		case kind == reflect.Slice:
			items := make([]string, v.Len())
			for i := range items {
				items[i] = fmt.Sprint(v.Index(i).Interface())
			}
			if "["+strings.Join(items, ", ")+"]" == f.tag.Get("default") {
				continue
			}
		case kind != reflect.Map:
			l.decoder.fill(usual, f.tag, f.tag.Get("default"))
			if reflect.DeepEqual(v.Interface(), usual.Interface()) {
				continue
			}
		}
		return f.path
	}
	return ""
}

func parses(u SecretURL) bool {
	_, ok := u.parse()
	return ok
}
