package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"unicode/utf8"
)

// An object is the JSON object of a request's body, its members unread. null
// counts as absent: Python's SDK sends it for every option that was not given.
type object map[string]json.RawMessage

// maxDepth is how deep a body may nest. The contract's nest two deep.
const maxDepth = 16

// parseObject reads a body; an empty one is an object without members. It refuses
// names that stand twice, of which two readers may take different ones, and
// nesting that costs more than it can mean.
func parseObject(body []byte) (object, error) {
	if len(bytes.TrimSpace(body)) == 0 {
		return object{}, nil
	}
	if !utf8.Valid(body) {
		return nil, malformed("is not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(body))
	if err := walk(d, 0); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, malformed("goes on after its end")
	}
	var o object
	if err := json.Unmarshal(body, &o); err != nil || o == nil {
		return nil, malformed("is not a JSON object")
	}
	for name, value := range o {
		if string(value) == "null" {
			delete(o, name)
		}
	}
	return o, nil
}

func malformed(what string) *failure {
	return &failure{status: 400, code: "BadRequest", message: "The body " + what + "."}
}

// walk goes through one value.
func walk(d *json.Decoder, depth int) error {
	if depth > maxDepth {
		return malformed("nests too deep")
	}
	t, err := d.Token()
	if err != nil {
		return malformed("is not JSON")
	}
	open, ok := t.(json.Delim)
	if !ok {
		return nil
	}
	names := map[string]bool{}
	for d.More() {
		if open == '{' {
			t, err := d.Token()
			if err != nil {
				return malformed("is not JSON")
			}
			name, _ := t.(string) // the decoder admits nothing else there
			if names[name] {
				return malformed("has a name twice in one object")
			}
			names[name] = true
		}
		if err := walk(d, depth+1); err != nil {
			return err
		}
	}
	if _, err := d.Token(); err != nil {
		return malformed("is not JSON")
	}
	return nil
}

// text reads a string, "" where there is none.
func (o object) text(name string) (string, error) {
	raw, ok := o[name]
	if !ok {
		return "", nil
	}
	var s string
	if raw[0] != '"' || json.Unmarshal(raw, &s) != nil {
		return "", invalid(name, name+" must be a string.")
	}
	return s, nil
}

// texts reads an array of strings; ok says that there is one.
func (o object) texts(name string) (all []string, ok bool, err error) {
	raw, ok := o[name]
	if !ok {
		return nil, false, nil
	}
	var items []*string
	if raw[0] != '[' || json.Unmarshal(raw, &items) != nil {
		return nil, false, invalid(name, name+" must be an array of strings.")
	}
	for _, s := range items {
		if s == nil {
			return nil, false, invalid(name, name+" must be an array of strings.")
		}
		all = append(all, *s)
	}
	return all, true, nil
}

// integer reads a whole number, written without fraction and exponent.
func (o object) integer(name string) (n int64, ok bool, err error) {
	raw, ok := o[name]
	if !ok {
		return 0, false, nil
	}
	if n, err = strconv.ParseInt(string(raw), 10, 64); err != nil {
		return 0, false, invalid(name, name+" must be a whole number.")
	}
	return n, true, nil
}

// boolean reads true or false, false where there is neither.
func (o object) boolean(name string) (bool, error) {
	switch string(o[name]) {
	case "true":
		return true, nil
	case "", "false":
		return false, nil
	}
	return false, invalid(name, name+" must be true or false.")
}
