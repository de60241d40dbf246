package token

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"
	"unicode/utf8"
)

// An object is the JSON object of a header or of claims, its values unread. It
// is stricter than encoding/json: no name twice, in whatever spelling and at
// whatever depth, since two readers that differ on which one counts are how a
// token means one thing to its issuer and another to us (RFC 8725 §2.4).
type object []member

type member struct {
	name  string
	value []byte // valid JSON without space around it
}

const (
	maxMembers = 256 // of one object; bounds what comparing their names costs
	maxDepth   = 16
)

// parseObject takes b apart. The values are views of b.
func parseObject(b []byte) (object, error) {
	if !utf8.Valid(b) || !json.Valid(b) {
		return nil, fmt.Errorf("%w: not JSON", ErrMalformed)
	}
	w := walker{b: b}
	w.space()
	if w.b[w.at] != '{' {
		return nil, fmt.Errorf("%w: not a JSON object", ErrMalformed)
	}
	return w.object(0)
}

// A walker walks over JSON that is known to be valid.
type walker struct {
	b  []byte
	at int
}

func (w *walker) space() {
	for w.at < len(w.b) && (w.b[w.at] == ' ' || w.b[w.at] == '\t' || w.b[w.at] == '\n' || w.b[w.at] == '\r') {
		w.at++
	}
}

func (w *walker) object(depth int) (object, error) {
	if depth == maxDepth {
		return nil, fmt.Errorf("%w: nested too deep", ErrMalformed)
	}
	o := make(object, 0, 16)
	w.at++ // {
	for w.space(); w.b[w.at] != '}'; w.space() {
		if w.b[w.at] == ',' {
			w.at++
			w.space()
		}
		name, err := readString(w.str())
		if err != nil {
			return nil, err
		}
		if _, twice := o.raw(name); twice || len(o) == maxMembers {
			return nil, fmt.Errorf("%w: a name stands twice in one object, or there are too many", ErrMalformed)
		}
		w.space()
		w.at++ // :
		w.space()
		start := w.at
		if err := w.value(depth + 1); err != nil {
			return nil, err
		}
		o = append(o, member{name, w.b[start:w.at]})
	}
	w.at++
	return o, nil
}

func (w *walker) array(depth int) error {
	if depth == maxDepth {
		return fmt.Errorf("%w: nested too deep", ErrMalformed)
	}
	w.at++ // [
	for w.space(); w.b[w.at] != ']'; w.space() {
		if w.b[w.at] == ',' {
			w.at++
			w.space()
		}
		if err := w.value(depth + 1); err != nil {
			return err
		}
	}
	w.at++
	return nil
}

// value walks over one value of any kind.
func (w *walker) value(depth int) error {
	switch w.b[w.at] {
	case '{':
		_, err := w.object(depth)
		return err
	case '[':
		return w.array(depth)
	case '"':
		w.str()
		return nil
	}
	for w.at < len(w.b) && !bytes.ContainsRune([]byte(",]} \t\r\n"), rune(w.b[w.at])) {
		w.at++
	}
	return nil
}

// str walks over a string and returns it with its quotes.
func (w *walker) str() []byte {
	start := w.at
	for w.at++; w.b[w.at] != '"'; w.at++ {
		if w.b[w.at] == '\\' {
			w.at++
		}
	}
	w.at++
	return w.b[start:w.at]
}

func readString(raw []byte) (string, error) {
	if len(raw) < 2 || raw[0] != '"' {
		return "", fmt.Errorf("%w: a string is missing", ErrMalformed)
	}
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw[1 : len(raw)-1]), nil
	}
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		return "", fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return s, nil
}

// raw is the unread value of a member.
func (o object) raw(name string) ([]byte, bool) {
	for i := range o {
		if o[i].name == name {
			return o[i].value, true
		}
	}
	return nil, false
}

// present is raw of a member that has a value: null counts as absent.
func (o object) present(name string) ([]byte, bool) {
	v, ok := o.raw(name)
	return v, ok && string(v) != "null"
}

// text reads a string, "" where there is none.
func (o object) text(name string) (string, error) {
	raw, ok := o.present(name)
	if !ok {
		return "", nil
	}
	s, err := readString(raw)
	if err != nil {
		return "", fmt.Errorf("%w: %s is no string", ErrMalformed, name)
	}
	return s, nil
}

// time reads a NumericDate (RFC 7519 §2): seconds, perhaps with a fraction. It is
// zero where there is none.
func (o object) time(name string) (time.Time, error) {
	raw, ok := o.present(name)
	if !ok {
		return time.Time{}, nil
	}
	if n, err := strconv.ParseInt(string(raw), 10, 64); err == nil && n >= 0 && n < maxSeconds {
		return time.Unix(n, 0), nil
	}
	f, err := strconv.ParseFloat(string(raw), 64)
	if err != nil || !(f >= 0 && f < maxSeconds) {
		return time.Time{}, fmt.Errorf("%w: %s is no time", ErrMalformed, name)
	}
	whole, fraction := math.Modf(f)
	return time.Unix(int64(whole), int64(fraction*1e9)), nil
}

// maxSeconds bounds times of claims to what time.Time and milliseconds in an
// int64 hold by far: 31,000 years.
const maxSeconds = 1e12

// count reads an integer that is not negative, 0 where there is none.
func (o object) count(name string) (int64, error) {
	raw, ok := o.present(name)
	if !ok {
		return 0, nil
	}
	n, err := strconv.ParseInt(string(raw), 10, 64)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%w: %s is no number that counts", ErrMalformed, name)
	}
	return n, nil
}

// list reads a string or an array of strings. The strings are not split.
func (o object) list(name string) ([]string, error) {
	raw, ok := o.present(name)
	if !ok {
		return nil, nil
	}
	if raw[0] == '"' {
		s, err := readString(raw)
		return []string{s}, err
	}
	var all []string
	if raw[0] != '[' || json.Unmarshal(raw, &all) != nil {
		return nil, fmt.Errorf("%w: %s is no list of strings", ErrMalformed, name)
	}
	return all, nil
}
