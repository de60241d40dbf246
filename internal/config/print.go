package config

import (
	"cmp"
	"encoding"
	"reflect"
	"slices"

	"github.com/goccy/go-yaml"
)

// YAML is the configuration as it is used, defaults filled in and secrets shown as three stars.
func (c *Config) YAML() ([]byte, error) {
	return yaml.MarshalWithOptions(display(reflect.ValueOf(*c)), yaml.IndentSequence(true))
}

// display is v as the encoder takes it, keys in the order of declaration.
func display(v reflect.Value) any {
	if d, ok := v.Interface().(interface{ display() any }); ok {
		return d.display()
	}
	if m, ok := v.Interface().(encoding.TextMarshaler); ok {
		text, err := m.MarshalText()
		if err != nil {
			return err.Error()
		}
		return string(text)
	}
	switch v.Kind() {
	case reflect.Struct:
		m := yaml.MapSlice{}
		for _, f := range fieldsOf(v.Type()) {
			m = append(m, yaml.MapItem{Key: f.key, Value: display(v.FieldByIndex(f.index))})
		}
		return m
	case reflect.Slice:
		list := []any{}
		for i := range v.Len() {
			list = append(list, display(v.Index(i)))
		}
		return list
	case reflect.Map:
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return cmp.Compare(a.String(), b.String()) })
		m := yaml.MapSlice{}
		for _, k := range keys {
			m = append(m, yaml.MapItem{Key: k.String(), Value: display(v.MapIndex(k))})
		}
		return m
	}
	return v.Interface()
}

// display is the address alone where no NAT is between.
func (r RelayAddress) display() any {
	if r.External == r.Bind {
		return r.Bind.String()
	}
	return yaml.MapSlice{{Key: "bind", Value: r.Bind.String()}, {Key: "external", Value: r.External.String()}}
}

// display is the URL alone where there is nothing else to say.
func (a Alternate) display() any {
	url := display(reflect.ValueOf(a.URL))
	if a.Weight < 2 && a.Domain == "" {
		return url
	}
	m := yaml.MapSlice{{Key: "url", Value: url}, {Key: "weight", Value: max(1, a.Weight)}}
	if a.Domain != "" {
		m = append(m, yaml.MapItem{Key: "domain", Value: a.Domain})
	}
	return m
}

// display is the address alone where no NAT is between.
func (d DiscoveryAddress) display() any {
	if !d.External.IsValid() {
		return d.Bind.String()
	}
	return yaml.MapSlice{{Key: "bind", Value: d.Bind.String()}, {Key: "external", Value: d.External.String()}}
}

// display names the secret and where it is from.
func (s SharedSecret) display() any {
	m := yaml.MapSlice{{Key: "id", Value: s.ID}}
	if s.File != "" {
		return append(m, yaml.MapItem{Key: "file", Value: s.File})
	}
	return append(m, yaml.MapItem{Key: "secret", Value: redacted})
}
